"""A past series of carbon intensity, and price where known, on half-hour slots."""

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tools.errors import GridwiseError
from tools.market import FloatArray
from tools.slots import SLOT
from tools.sources.agile import gbp_per_kwh

Row = Mapping[str, str]


class TraceError(GridwiseError):
    """A file that is not a trace; says which columns were looked for."""


@dataclass(frozen=True)
class Trace:
    """(S,) arrays on consecutive half-hours from `start`, NaN for a hole."""

    name: str
    start: datetime
    actual: FloatArray
    """g/kWh."""
    forecast: FloatArray | None
    """g/kWh; None where the file has none, then noise on `actual` stands in."""
    price_gbp_per_kwh: FloatArray | None

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
        )


@dataclass(frozen=True)
class _Format:
    """Columns of a known kind of file."""

    time: str
    actual: str
    forecast: str = ""
    price: str = ""
    to_gbp_per_kwh: Callable[[float], float] = float


FORMATS: tuple[_Format, ...] = (
    _Format("slot_utc", "actual", "forecast", "agile_import_p", gbp_per_kwh),
    _Format("from", "actual", "forecast"),
    _Format("Time", "Carbon Intensity"),
    _Format("time", "intensity", "forecast", "price_gbp_per_kwh"),
)
"""NESO joined with Agile, NESO's national series, lets-wait-awhile's, our own; told apart by their header."""


def read_trace(path: Path) -> Trace:
    """Reads a CSV of any known format. Rows between half-hours are left out, as are intensities of 0 or less where the
    whole country is meant (a national 0 has only ever been a hole). Raises `TraceError`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header, rows = reader.fieldnames or [], list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"cannot read the trace {path}: {error}"
        raise TraceError(msg) from error
    for known in FORMATS:
        if {known.time, known.actual} <= set(header):
            return _build(path.stem, known, rows)
    wanted = " or ".join(f"{known.time!r} and {known.actual!r}" for known in FORMATS)
    msg = f"{path} has the columns {', '.join(map(repr, header))}; a trace has {wanted}"
    raise TraceError(msg)


def _build(name: str, known: _Format, rows: Iterable[Row]) -> Trace:
    slots: dict[datetime, Row] = {}
    for row in rows:
        time = _time(row[known.time])
        if time is not None and time.minute % 30 == 0:
            slots[time] = row
    if not slots:
        msg = f"the trace {name} has no row at a full or half hour"
        raise TraceError(msg)
    start, count = min(slots), (max(slots) - min(slots)) // SLOT + 1

    def column(field: str, convert: Callable[[float], float] = float) -> FloatArray | None:
        values = np.full(count, np.nan)
        for time, row in slots.items():
            values[(time - start) // SLOT] = convert(_number(row.get(field)))
        return None if not field or np.isnan(values).all() else values

    actual = column(known.actual)
    if actual is None:
        msg = f"the trace {name} has no number in {known.actual!r}"
        raise TraceError(msg)
    forecast = column(known.forecast)
    return Trace(
        name,
        start,
        np.where(actual > 0, actual, np.nan),
        forecast,
        column(known.price, known.to_gbp_per_kwh),
    )


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
