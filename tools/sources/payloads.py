"""Source answers as JSON payloads for the cache: merged cell by cell with what earlier answers knew, and read back."""

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
Payload = dict[str, JsonValue]
REMEMBERED = timedelta(days=8)
"""How far back prices, and the country's mean intensities, are kept: the week from which prices are estimated."""


def carbon_payload(series: CarbonSeries) -> Payload:
    """Slots in order; per slot and region [intensity, renewable, low-carbon], null where missing."""
    slots: Payload = {}
    for time in sorted(series.cells):
        slots[time.isoformat()] = {
            str(region): [_or_none(value) for value in cell] for region, cell in sorted(series.cells[time].items())
        }
    return {"slots": slots, "oddities": list(series.oddities)}


def merge_carbon(fresh: Payload, previous: Mapping[str, JsonValue], start: datetime, previous_at: datetime) -> Payload:
    """A fresh carbon payload in which every cell that it lacks from `start` on is the last good one.

    `kept` tells of each such cell when its intensity and its mix were fetched; `means` keeps what the country's mean
    intensity was forecast to be in the half-hours that have passed.
    """
    old_slots, old_kept = _mapping(previous.get("slots")), _mapping(previous.get("kept"))
    slots = {stamp: dict(_mapping(regions)) for stamp, regions in _mapping(fresh.get("slots")).items()}
    kept: dict[str, Payload] = {}
    for stamp, regions in old_slots.items():
        time = utc_time(stamp)
        if time is None or time < start:
            continue
        for region, known in _mapping(regions).items():
            origin = _origins(_mapping(old_kept.get(stamp)).get(region), previous_at)
            cell, at = _filled(slots.get(stamp, {}).get(region), known, origin)
            if any(at):
                slots.setdefault(stamp, {})[region] = cell
                kept.setdefault(stamp, {})[region] = at
    means = {**_mapping(previous.get("means")), **_means(old_slots)}
    recent = {s: g for s, g in means.items() if (t := utc_time(s)) is not None and start - REMEMBERED <= t < start}
    return {**fresh, "slots": {**slots}, "kept": {**kept}, "means": recent}


def read_carbon(
    payload: Mapping[str, JsonValue] | None, now: datetime, limit: timedelta, fetched_at: datetime | None
) -> Cells:
    """A stored payload, whatever is in it; empty when it is older than `limit`."""
    slots = payload.get("slots") if payload and fetched_at and now - fetched_at <= limit else None
    cells: dict[datetime, dict[int, Cell]] = {}
    for stamp, regions in _mapping(slots).items():
        time = utc_time(stamp)
        if time is None or not isinstance(regions, dict):
            continue
        cells[time] = {
            region: _cell(values) for region in REGION_IDS if isinstance(values := regions.get(str(region)), list)
        }
    return cells


def read_kept(payload: Mapping[str, JsonValue] | None) -> Mapping[tuple[datetime, int], datetime]:
    """(slot, region) → when the oldest figure of the cell was fetched, of those kept from earlier answers."""
    found: dict[tuple[datetime, int], datetime] = {}
    for stamp, regions in _mapping(payload.get("kept") if payload else None).items():
        time = utc_time(stamp)
        for region, at in _mapping(regions).items():
            times = [t for t in map(utc_time, at) if t is not None] if isinstance(at, list) else []
            if time is not None and times and region.isdigit():
                found[time, int(region)] = min(times)
    return found


def read_means(payload: Mapping[str, JsonValue] | None) -> Mapping[datetime, float]:
    """Slot → mean intensity of the regions, g/kWh, of the past week as it was forecast, and of the horizon."""
    if payload is None:
        return {}
    means = {**_mapping(payload.get("means")), **_means(_mapping(payload.get("slots")))}
    pairs = ((utc_time(stamp), figure(g, 0, HIGHEST_G_PER_KWH)) for stamp, g in means.items())
    return {time: g for time, g in pairs if time is not None and not math.isnan(g)}


def prices_payload(rates: Rates) -> Payload:
    """p/kWh without VAT per letter and slot."""
    letters: Payload = {
        letter: {time.isoformat(): rate for time, rate in sorted(known.items())}
        for letter, known in sorted(rates.by_letter.items())
    }
    return {
        "product": " and ".join(rates.products),
        "products": list(rates.products),
        "rates": letters,
        "oddities": list(rates.oddities),
    }


def merge_prices(fresh: Payload, previous: Mapping[str, JsonValue], start: datetime, previous_at: datetime) -> Payload:
    """A fresh price payload with the published rates that it lacks taken from the previous one: they stay published.

    `kept` tells of those from `start` on when they were fetched.
    """
    old_kept = _mapping(previous.get("kept"))
    rates = {letter: dict(_mapping(known)) for letter, known in _mapping(fresh.get("rates")).items()}
    kept: dict[str, Payload] = {}
    for letter, known in _mapping(previous.get("rates")).items():
        mine = rates.setdefault(letter, {})
        for stamp, rate in _mapping(known).items():
            time = utc_time(stamp)
            if stamp in mine or time is None or time < start - REMEMBERED:
                continue
            mine[stamp] = rate
            if time >= start:
                at = _mapping(old_kept.get(letter)).get(stamp)
                kept.setdefault(letter, {})[stamp] = at or previous_at.isoformat()
    return {**fresh, "rates": {**rates}, "kept": {**kept}}


def read_prices(
    payload: Mapping[str, JsonValue] | None, now: datetime, limit: timedelta, fetched_at: datetime | None
) -> RatesByLetter:
    """A stored payload, whatever is in it; empty when it is older than `limit`."""
    letters = payload.get("rates") if payload and fetched_at and now - fetched_at <= limit else None
    rates: dict[str, dict[datetime, float]] = {}
    for letter, known in _mapping(letters).items():
        if isinstance(known, dict):
            pairs = ((utc_time(stamp), figure(rate, LOWEST_P, HIGHEST_P)) for stamp, rate in known.items())
            rates[letter] = {time: rate for time, rate in pairs if time is not None and not math.isnan(rate)}
    return rates


def read_kept_rates(payload: Mapping[str, JsonValue] | None) -> Mapping[tuple[datetime, str], datetime]:
    """(slot, letter) → when the rate was fetched, of those kept from earlier answers."""
    found: dict[tuple[datetime, str], datetime] = {}
    for letter, known in _mapping(payload.get("kept") if payload else None).items():
        for stamp, at in _mapping(known).items():
            time, fetched = utc_time(stamp), utc_time(at)
            if time is not None and fetched is not None:
                found[time, letter] = fetched
    return found


def products_of(payload: Mapping[str, JsonValue] | None) -> list[str]:
    """The products that gave the rates of a stored payload."""
    listed = payload.get("products", [payload.get("product")]) if payload else None
    return [code for code in listed if isinstance(code, str)] if isinstance(listed, list) else []


def _filled(fresh: JsonValue, known: JsonValue, origin: tuple[str, str]) -> tuple[list[JsonValue], list[JsonValue]]:
    """A cell, what it lacks taken from what was known; and of intensity and mix when that was fetched, null if now."""
    new, old = (_cell(c) if isinstance(c, list) else HOLE for c in (fresh, known))
    old_intensity = math.isnan(new[0]) and not math.isnan(old[0])
    old_mix = math.isnan(new[1]) and not math.isnan(old[1])
    cell = (old[0] if old_intensity else new[0], *(old[1:] if old_mix else new[1:]))
    at: list[JsonValue] = [origin[0] if old_intensity else None, origin[1] if old_mix else None]
    return [_or_none(value) for value in cell], at


def _origins(at: JsonValue, previous_at: datetime) -> tuple[str, str]:
    listed = at if isinstance(at, list) and len(at) == 2 else [None, None]
    intensity, mix = (str(one) if one else previous_at.isoformat() for one in listed)
    return intensity, mix


def _means(slots: Mapping[str, JsonValue]) -> Payload:
    found: Payload = {}
    for stamp, regions in slots.items():
        known = [_cell(values)[0] for values in _mapping(regions).values() if isinstance(values, list)]
        known = [g for g in known if not math.isnan(g)]
        if known:
            found[stamp] = round(sum(known) / len(known), 2)
    return found


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _cell(values: Sequence[object]) -> Cell:
    if len(values) != len(HOLE):
        return HOLE
    return figure(values[0], 0, HIGHEST_G_PER_KWH), figure(values[1], 0, 100), figure(values[2], 0, 100)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
