"""Source answers as JSON payloads for the cache, and payloads as arrays over a horizon."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue

from tools.regions import REGION_IDS
from tools.slots import utc_time
from tools.sources.http import figure
from tools.sources.neso import HIGHEST_G_PER_KWH, HOLE, CarbonSeries, Cell
from tools.sources.octopus import HIGHEST_P, LOWEST_P, Rates

Cells = Mapping[datetime, Mapping[int, Cell]]
RatesByLetter = Mapping[str, Mapping[datetime, float]]


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


def _cell(values: Sequence[object]) -> Cell:
    if len(values) != len(HOLE):
        return HOLE
    return figure(values[0], 0, HIGHEST_G_PER_KWH), figure(values[1], 0, 100), figure(values[2], 0, 100)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
