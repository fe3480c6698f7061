"""A past series of carbon intensity, and price where known, on half-hour slots."""

import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from tools.errors import GridwiseError
from tools.market import FloatArray
from tools.slots import SLOT, slot_start
from tools.sources.agile import gbp_per_kwh

Row = Mapping[str, str]
HOLES = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})
HIGHEST_G_PER_KWH = 2000.0
LEAST_G_PER_KWH = 2.0
"""A series that is never above it is in kg."""
MOST_GBP_PER_KWH = 1.5
"""A series whose usual price is above it is in pence, or per MWh; Agile cannot be above 1."""
TOLD = 3
"""Faulty lines that an error names."""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class TraceError(GridwiseError):
    """A file that is not a trace; says which line or column is wrong, and what it must be."""


@dataclass(frozen=True)
class Trace:
    """(S,) arrays on consecutive half-hours from `start`, NaN for a hole."""

    name: str
    start: datetime
    actual: FloatArray
    """g/kWh."""
    forecast: FloatArray | None
    """g/kWh; None where the file has none, then noise on `actual` is used."""
    price_gbp_per_kwh: FloatArray | None
    notes: tuple[str, ...] = field(default=())
    """What was read differently from how it is written, or left out."""

    @property
    def slots(self) -> int:
        return len(self.actual)

    def since(self, start: datetime) -> "Trace":
        """The part from `start` on."""
        first = max(0, (start - self.start) // SLOT)
        return Trace(
            self.name,
            self.start + first * SLOT,
            self.actual[first:],
            None if self.forecast is None else self.forecast[first:],
            None if self.price_gbp_per_kwh is None else self.price_gbp_per_kwh[first:],
            self.notes,
        )


@dataclass(frozen=True)
class _Format:
    """Columns of a known kind of file."""

    time: str
    actual: str
    forecast: str = ""
    price: str = ""
    to_gbp_per_kwh: Callable[[float], float] = float
    zero_is_hole: bool = False
    """Of a whole country, whose 0 has only ever been an outage."""
    on_half_hours_only: bool = False
    """Rows in between are left out, as whoever published figures from the file did."""

    @property
    def figures(self) -> tuple[str, ...]:
        return tuple(column for column in (self.actual, self.forecast, self.price) if column)


FORMATS: tuple[_Format, ...] = (
    _Format("slot_utc", "actual", "forecast", "agile_import_p", gbp_per_kwh, zero_is_hole=True),
    _Format("from", "actual", "forecast", zero_is_hole=True),
    _Format("Time", "Carbon Intensity", zero_is_hole=True, on_half_hours_only=True),
    _Format("time", "intensity", "forecast", "price_gbp_per_kwh"),
)
"""NESO joined with Agile, NESO's national series, lets-wait-awhile's, our own; recognised by their header."""


def read_trace(path: Path) -> Trace:
    """Reads a CSV of any known format: a row every half-hour, every hour (it holds for both halves), or more often (the
    half-hour has the mean). Times without a zone are UTC; an empty figure is a hole. Raises `TraceError`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"cannot read the trace {path}: {error}"
        raise TraceError(msg) from error
    for known in FORMATS:
        if {known.time, known.actual} <= set(header):
            _check_header(path, known, header)
            return _build(path, known, rows, header)
    wanted = " or ".join(f"{known.time!r} and {known.actual!r}" for known in FORMATS)
    msg = f"{path} has the columns {', '.join(map(repr, header))}; a trace has {wanted}{_hint(header)}"
    raise TraceError(msg)


def _hint(header: Sequence[str]) -> str:
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        return ". The columns are to be separated by commas"
    unit = next((column for column in header if re.search(r"kg|mwh", column, re.IGNORECASE)), None)
    return f". {unit!r} is in another unit: 'intensity' is in g/kWh" if unit else ""


def _check_header(path: Path, known: _Format, header: Sequence[str]) -> None:
    """A price in a column that nobody reads would be dropped in silence."""
    if not known.price or known.price in header:
        return
    other = next((column for column in header if re.search(r"price|pence|cost|tariff", column, re.IGNORECASE)), None)
    if other is not None:
        msg = f"{path} has the column {other!r}; the price of such a trace is {known.price!r}" + (
            ", in GBP per kWh without VAT (a hundredth of p/kWh)" if known.price == "price_gbp_per_kwh" else ""
        )
        raise TraceError(msg)


def _build(path: Path, known: _Format, rows: Sequence[Row], header: Sequence[str]) -> Trace:
    present = [column for column in known.figures if column in header]
    table, faults = _numbers(known, rows, present)
    if faults:
        more = f", and {len(faults) - TOLD} more lines" if len(faults) > TOLD else ""
        msg = f"{path} has rows that are none of a trace: {'; '.join(faults[:TOLD])}{more}"
        raise TraceError(msg)
    if not table:
        msg = f"{path} has no row with a time"
        raise TraceError(msg)
    slots, notes = _on_half_hours(path, known, table)
    start, count = min(slots), (max(slots) - min(slots)) // SLOT + 1
    columns: dict[str, FloatArray] = {}
    for i, column in enumerate(present):
        values = np.full(count, np.nan)
        for time, figures in slots.items():
            values[(time - start) // SLOT] = figures[i]
        columns[column] = values
    actual = columns[known.actual]
    if known.zero_is_hole:
        outages = int((actual <= 0).sum())
        notes += [f"{outages} half-hours at 0 g/kWh or less are taken for outages"] if outages else []
        actual = np.where(actual > 0, actual, np.nan)
    if np.isnan(actual).all():
        msg = f"{path} has no number in {known.actual!r}"
        raise TraceError(msg)
    _check_units(path, known, columns)
    price = columns.get(known.price)
    return Trace(
        path.stem,
        start,
        actual,
        _unless_empty(columns.get(known.forecast)),
        None if price is None else _unless_empty(np.array([known.to_gbp_per_kwh(value) for value in price])),
        tuple(notes),
    )


def _numbers(
    known: _Format, rows: Sequence[Row], present: Sequence[str]
) -> tuple[dict[datetime, tuple[float, ...]], list[str]]:
    """Time → its figures, and what is wrong with which line."""
    table: dict[datetime, tuple[float, ...]] = {}
    faults: list[str] = []
    for line, row in enumerate(rows, start=2):
        found = list(_faults(known, row, present))
        time = _time(row.get(known.time))
        if found or time is None:
            faults.append(f"line {line}: {found[0]}")
            continue
        figures = tuple(_number(row[column]) for column in present)
        if time in table and not np.array_equal(table[time], figures, equal_nan=True):
            faults.append(f"line {line}: {row[known.time]} appears twice, with other figures")
        table[time] = figures
    return table, faults


def _faults(known: _Format, row: Row, present: Sequence[str]) -> Iterator[str]:
    if None in row or None in row.values():
        yield "it has more or fewer fields than the header"
        return
    if _time(row[known.time]) is None:
        yield f"{row[known.time]!r} in {known.time!r} is not a time (ISO 8601)"
    for column in present:
        value = _number(row[column])
        if math.isinf(value) or (math.isnan(value) and row[column].strip().lower() not in HOLES):
            yield f"{row[column]!r} in {column!r} is not a number; leave a hole empty"
        elif column != known.price and not known.zero_is_hole and value < 0:
            yield f"{row[column]} in {column!r} is below 0 g/kWh"


def _on_half_hours(
    path: Path, known: _Format, table: Mapping[datetime, tuple[float, ...]]
) -> tuple[dict[datetime, tuple[float, ...]], list[str]]:
    """Half-hour → figures, and what was done for it."""
    times, notes = sorted(table), list[str]()
    odd = [time for time in times if slot_start(time) != time]
    if odd and known.on_half_hours_only:
        times, notes = [t for t in times if slot_start(t) == t], [f"{len(odd)} rows between half-hours are left out"]
    step = _usual_step(times)
    if step == HOUR:
        notes.append("each hour's row holds for both of its half-hours")
    elif step < SLOT and not SLOT % step:
        notes.append(f"the rows of each half-hour, {step.seconds // 60} minutes apart, are averaged")
    elif step != SLOT:
        msg = f"the rows of {path} are {step / MINUTE:g} minutes apart, not an hour, half an hour or a part of it"
        raise TraceError(msg)
    grid = min(step, SLOT)
    stray = next((time for time in times if (time - slot_start(time)) % grid), None)
    if stray is not None:
        msg = f"{path} has a row at {stray:%Y-%m-%dT%H:%M:%SZ}, though they are {step / MINUTE:g} minutes apart"
        raise TraceError(msg)
    inside: dict[datetime, list[tuple[float, ...]]] = {}
    for time in times:
        inside.setdefault(slot_start(time), []).append(table[time])
    slots = {time: rows[0] if len(rows) == 1 else _mean(rows) for time, rows in inside.items()}
    if step == HOUR:
        slots = {time + SLOT: figures for time, figures in slots.items()} | slots
    return slots, notes


def _mean(rows: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(figures) / len(rows) for figures in zip(*rows, strict=True))


def _usual_step(times: Sequence[datetime]) -> timedelta:
    """Between most of the rows; half an hour where there is no such step."""
    steps = Counter(later - earlier for earlier, later in pairwise(times))
    step, count = steps.most_common(1)[0] if steps else (SLOT, 0)
    return step if 2 * count > steps.total() else SLOT


def _check_units(path: Path, known: _Format, columns: Mapping[str, FloatArray]) -> None:
    for column, values in columns.items():
        figures = values[~np.isnan(values)]
        if not figures.size:
            continue
        if column == known.price:
            usual = abs(float(np.median(figures)))
            if known.price == "price_gbp_per_kwh" and usual > MOST_GBP_PER_KWH:
                msg = f"{column!r} in {path} is usually {usual:g}: that is p/kWh or per MWh, no GBP/kWh"
                raise TraceError(msg)
        elif 0 < float(figures.max()) < LEAST_G_PER_KWH:
            msg = f"{column!r} in {path} is nowhere above {figures.max():g}: that is kg/kWh, no g/kWh"
            raise TraceError(msg)
        elif float(figures.max()) > HIGHEST_G_PER_KWH:
            msg = f"{column!r} in {path} goes up to {figures.max():g}: no carbon intensity in g/kWh does"
            raise TraceError(msg)


def _unless_empty(values: FloatArray | None) -> FloatArray | None:
    return None if values is None or np.isnan(values).all() else values


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
