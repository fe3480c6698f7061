"""Source answers as JSON payloads for the cache, and payloads as arrays over a horizon."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from tools.agile import LONDON_TIME, VAT, derive_rate
from tools.fetch import figure, utc_time
from tools.market import SLOT, FloatArray
from tools.neso import HIGHEST_G_PER_KWH, HOLE, CarbonSeries, Cell
from tools.octopus import HIGHEST_P, LOWEST_P, Rates
from tools.regions import REGION_IDS, REGIONS

BoolArray = npt.NDArray[np.bool_]
Cells = Mapping[datetime, Mapping[int, Cell]]
RatesByLetter = Mapping[str, Mapping[datetime, float]]

PROFILE_DAYS = 7
"""A missing price is the mean of the same half-hour (UK wall clock) of this many last known days."""


def carbon_payload(series: CarbonSeries) -> dict[str, JsonValue]:
    """Slots in order; per slot and region [intensity, renewable, low-carbon], null where missing."""
    slots: dict[str, JsonValue] = {}
    for time in sorted(series.cells):
        slots[time.isoformat()] = {
            str(region): [_or_none(value) for value in cell] for region, cell in sorted(series.cells[time].items())
        }
    return {"slots": slots, "oddities": list(series.oddities)}


def keep_missing(
    fresh: dict[str, JsonValue], previous: Mapping[str, JsonValue] | None, start: datetime, previous_at: datetime | None
) -> dict[str, JsonValue]:
    """A fresh carbon payload with half-hours from `start` on that it lacks taken from the previous answer, and told."""
    slots, old = fresh["slots"], previous.get("slots") if previous else None
    if not isinstance(slots, dict) or not isinstance(old, dict) or previous_at is None:
        return fresh
    kept = {
        stamp: cells
        for stamp, cells in old.items()
        if stamp not in slots and (time := utc_time(stamp)) is not None and time >= start
    }
    if not kept:
        return fresh
    oddities = fresh["oddities"] if isinstance(fresh["oddities"], list) else []
    told: list[JsonValue] = [*oddities, f"{len(kept)} half-hours kept from the answer of {previous_at:%d %b %H:%M}Z"]
    return {"slots": {**slots, **kept}, "oddities": told}


def read_carbon(
    payload: Mapping[str, JsonValue] | None, now: datetime, limit: timedelta, fetched_at: datetime | None
) -> Cells:
    """A stored payload, whatever is in it; empty when it is older than `limit`."""
    slots = payload.get("slots") if payload and fetched_at and now - fetched_at <= limit else None
    cells: dict[datetime, dict[int, Cell]] = {}
    for stamp, regions in slots.items() if isinstance(slots, dict) else ():
        time = utc_time(stamp)
        if time is None or not isinstance(regions, dict):
            continue
        cells[time] = {
            region: _cell(values) for region in REGION_IDS if isinstance(values := regions.get(str(region)), list)
        }
    return cells


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


def prices_payload(rates: Rates) -> dict[str, JsonValue]:
    """p/kWh without VAT per letter and slot."""
    letters: dict[str, JsonValue] = {
        letter: {time.isoformat(): rate for time, rate in sorted(known.items())}
        for letter, known in sorted(rates.by_letter.items())
    }
    return {"product": rates.product, "rates": letters, "oddities": list(rates.oddities)}


def read_prices(
    payload: Mapping[str, JsonValue] | None, now: datetime, limit: timedelta, fetched_at: datetime | None
) -> RatesByLetter:
    """A stored payload, whatever is in it; empty when it is older than `limit`."""
    letters = payload.get("rates") if payload and fetched_at and now - fetched_at <= limit else None
    rates: dict[str, dict[datetime, float]] = {}
    for letter, known in letters.items() if isinstance(letters, dict) else ():
        if isinstance(known, dict):
            pairs = ((utc_time(stamp), figure(rate, LOWEST_P, HIGHEST_P)) for stamp, rate in known.items())
            rates[letter] = {time: rate for time, rate in pairs if time is not None and not math.isnan(rate)}
    return rates


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


def _cell(values: Sequence[object]) -> Cell:
    if len(values) != len(HOLE):
        return HOLE
    return figure(values[0], 0, HIGHEST_G_PER_KWH), figure(values[1], 0, 100), figure(values[2], 0, 100)


def _slot_of_day(time: datetime) -> int:
    return time.hour * 2 + time.minute // 30


def _wall_clock(time: datetime) -> tuple[int, int]:
    local = time.astimezone(LONDON_TIME)
    return local.hour, local.minute


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
