"""New."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from tools.market import FloatArray, Market, Mode, SourceNote
from tools.regions import REGION_IDS, REGIONS
from tools.slots import HORIZON_SLOTS, LONDON_TIME, SLOT
from tools.sources.agile import VAT, derive_rate
from tools.sources.neso import HOLE
from tools.sources.payloads import Cells, RatesByLetter, read_carbon, read_prices

BoolArray = npt.NDArray[np.bool_]
LAST_GOOD_LIMIT: Final = timedelta(days=7)
"""An answer older than this says nothing about today, not even as a profile."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cache or the source gave for one kind of figure."""

    payload: Mapping[str, JsonValue] | None
    fetched_at: datetime | None
    fault: str
    """Why the payload is not of this half-hour; empty when it is."""


def _build(carbon: Answer, prices: Answer, start: datetime, now: datetime) -> Market:
    intensity, renewable, low_carbon, carbon_note = _carbon(carbon, start, now)
    price, estimated, price_note = _prices(prices, start, now)
    return Market.pack(
        start=start,
        regions=REGION_IDS,
        intensity=intensity,
        renewable=renewable,
        low_carbon=low_carbon,
        price=price,
        price_estimated=estimated,
        carbon=carbon_note,
        price_note=price_note,
    )


def _aged(note: SourceNote, now: datetime) -> SourceNote:
    age = None if note.fetched_at is None else max(0.0, (now - note.fetched_at).total_seconds())
    return note.model_copy(update={"age_seconds": age})


def _carbon(answer: Answer, start: datetime, now: datetime) -> tuple[FloatArray, FloatArray, FloatArray, SourceNote]:
    series = read_carbon(answer.payload, now, LAST_GOOD_LIMIT, answer.fetched_at)
    arrays = carbon_arrays(series, start, HORIZON_SLOTS)
    known = int((~np.isnan(arrays).any(axis=0)).sum())
    filled = 0
    if answer.fault:
        arrays, filled = fill_from_profile(arrays, series, start)
    note = _note(
        "NESO Carbon Intensity API",
        answer,
        now,
        mode="none" if not known + filled else "live" if not answer.fault else "last_good" if known else "profile",
        coverage=float((~np.isnan(arrays).any(axis=0)).mean()),
        details=[
            f"{filled} of {arrays[0].size} cells from the daily profile of the last good answer" if filled else "",
            ", ".join(str(oddity) for oddity in _strings(answer.payload, "oddities")),
        ],
    )
    return arrays[0], arrays[1], arrays[2], note


def _prices(answer: Answer, start: datetime, now: datetime) -> tuple[FloatArray, BoolArray, SourceNote]:
    rates = read_prices(answer.payload, now, LAST_GOOD_LIMIT, answer.fetched_at)
    price, estimated, derived = price_arrays(rates, start, HORIZON_SLOTS)
    published = int((~np.isnan(price) & ~estimated).sum())
    guessed = int(estimated.sum()) - derived
    mode: Mode = "live" if not answer.fault else "last_good" if published else "profile" if guessed else "none"
    note = _note(
        f"Octopus Agile {answer.payload.get('product', '')}".strip() if answer.payload else "Octopus Agile",
        answer,
        now,
        mode=mode if published + guessed + derived else "none",
        coverage=float((~np.isnan(price)).mean()),
        details=[
            f"{guessed} of {price.size} cells estimated as the mean of the same half-hour of the last days"
            if guessed
            else "",
            f"{derived} cells derived from another region's rate" if derived else "",
            ", ".join(_strings(answer.payload, "oddities")),
        ],
    )
    return price, estimated, note


def _note(name: str, answer: Answer, now: datetime, *, mode: Mode, coverage: float, details: list[str]) -> SourceNote:
    at = answer.fetched_at
    reason = f"no fresh answer: {answer.fault}" if answer.fault else ""
    return SourceNote(
        name=name,
        mode=mode,
        fetched_at=at,
        age_seconds=None if at is None else max(0.0, (now - at).total_seconds()),
        coverage=coverage,
        detail="; ".join(part for part in (reason, *details) if part),
    )


def _strings(payload: Mapping[str, JsonValue] | None, key: str) -> list[str]:
    value = payload.get(key) if payload else None
    return [str(item) for item in value] if isinstance(value, list) else []


PROFILE_DAYS = 7
"""A missing price is the mean of the same half-hour (UK wall clock) of this many last known days."""


def carbon_arrays(cells: Cells, start: datetime, slots: int) -> FloatArray:
    """(3, 14, slots): intensity, renewable, low-carbon; NaN where missing."""
    arrays = np.full((3, len(REGIONS), slots), np.nan)
    for column in range(slots):
        known = cells.get(start + column * SLOT)
        if known:
            arrays[:, :, column] = np.array([known.get(region, HOLE) for region in REGION_IDS]).T
    return arrays


def fill_from_profile(arrays: FloatArray, cells: Cells, start: datetime) -> tuple[FloatArray, int]:
    """Holes filled with the mean of the same half-hour in `cells`, and how many (region, slot) cells were."""
    sums = np.zeros((3, len(REGIONS), 48))
    counts = np.zeros((3, len(REGIONS), 48))
    for time, known in cells.items():
        values = np.array([known.get(region, HOLE) for region in REGION_IDS]).T
        sums[:, :, _slot_of_day(time)] += np.nan_to_num(values)
        counts[:, :, _slot_of_day(time)] += ~np.isnan(values)
    profile = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    columns = [_slot_of_day(start + i * SLOT) for i in range(arrays.shape[2])]
    hole = np.isnan(arrays)
    filled = np.where(hole, profile[:, :, columns], arrays)
    return filled, int((hole.any(axis=0) & ~np.isnan(filled).any(axis=0)).sum())


def price_arrays(rates: RatesByLetter, start: datetime, slots: int) -> tuple[FloatArray, BoolArray, int]:
    """(14, slots) GBP/kWh without VAT, whether each is estimated, and how many are derived from another region.

    Published rate, else derived from another region's published one, else the mean of the same half-hour of the last
    known days, else NaN.
    """
    times = [start + i * SLOT for i in range(slots)]
    published = np.array([_row(rates.get(region.agile_letter, {}), times) for region in REGIONS]).reshape(-1, slots)
    complete = _derived(rates)
    price = np.array([_row(complete[region.agile_letter], times) for region in REGIONS]).reshape(-1, slots)
    derived = int((np.isnan(published) & ~np.isnan(price)).sum())
    for row, region in enumerate(REGIONS):
        profile = _profile(complete[region.agile_letter], start)
        for column, time in enumerate(times):
            if math.isnan(price[row, column]):
                price[row, column] = profile.get(_wall_clock(time), math.nan)
    return price / 100, np.isnan(published) & ~np.isnan(price), derived


def _derived(rates: RatesByLetter) -> dict[str, dict[datetime, float]]:
    """Rates of every letter, holes filled from the letter with the most rates."""
    source = max(sorted(rates), key=lambda letter: len(rates[letter]), default="")
    known = rates.get(source, {})
    return {
        region.agile_letter: {
            **{
                time: derive_rate(rate * (1 + VAT), time, source, region.agile_letter) / (1 + VAT)
                for time, rate in known.items()
            },
            **rates.get(region.agile_letter, {}),
        }
        for region in REGIONS
    }


def _profile(rates: Mapping[datetime, float], start: datetime) -> dict[tuple[int, int], float]:
    """Mean by UK wall clock over the last known days."""
    newest = max(rates, default=start)
    by_clock: dict[tuple[int, int], list[float]] = {}
    for time, rate in rates.items():
        if newest - time < timedelta(days=PROFILE_DAYS):
            by_clock.setdefault(_wall_clock(time), []).append(rate)
    return {clock: sum(values) / len(values) for clock, values in by_clock.items()}


def _row(known: Mapping[datetime, float], times: Iterable[datetime]) -> list[float]:
    return [known.get(time, math.nan) for time in times]


def _slot_of_day(time: datetime) -> int:
    return time.hour * 2 + time.minute // 30


def _wall_clock(time: datetime) -> tuple[int, int]:
    local = time.astimezone(LONDON_TIME)
    return local.hour, local.minute
