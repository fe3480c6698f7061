"""Options and series as compact JSON values: numbers rounded for reading, sizes that do not grow with the horizon."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from pydantic import JsonValue

from tools.market import FloatArray, Market
from tools.placement import Option
from tools.regions import region_name
from tools.slots import SLOT

BLOCKS = 4
"""A series is summarised by its value now, its lowest, and this many means over equal intervals."""


def stamp(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%MZ}"


def number(value: float | None, digits: int) -> JsonValue:
    """Rounded; `None` stays null, -0.0 becomes 0.0."""
    return None if value is None else round(value, digits) + 0.0


def option_summary(option: Option) -> dict[str, JsonValue]:
    """An option as the agents see it."""
    summary: dict[str, JsonValue] = {
        "id": option.option_id,
        "asset": option.asset.name,
        "region": region_name(option.asset.region),
        "start": stamp(option.start),
        "end": stamp(option.end),
        "intensity_g_per_kwh": number(option.intensity_g_per_kwh, 1),
        "carbon_g": number(option.carbon_g, 1),
        "renewable_pct": number(option.renewable_pct, 1),
        "cost_gbp": number(option.cost_gbp, 4),
        "objective_gbp": number(option.objective_gbp, 4),
        "energy_kwh": number(option.energy_kwh, 3),
        "label": option.label,
    }
    if option.price_is_estimated:
        summary["price_is_estimated"] = True
    if len(option.segments) > 1:
        summary["pauses"] = len(option.segments) - 1
    return summary


def series_summary(market: Market, values: FloatArray, begin: datetime, end: datetime, digits: int) -> JsonValue:
    """(S,) values over [begin, end): now, the lowest and its slot, means of equal intervals, how many are missing."""
    first, part = _within(market, values, begin, end)
    missing = int(np.isnan(part).sum())
    if missing == part.size:
        return {"known_slots": 0}
    low = int(np.nanargmin(part))
    summary: dict[str, JsonValue] = {
        "now": _cell(values[0], digits),
        "lowest": number(float(part[low]), digits),
        "at": stamp(market.start + (first + low) * SLOT),
        "means": [_mean(block, digits) for block in np.array_split(part, min(BLOCKS, part.size))],
    }
    return {**summary, "missing_slots": missing} if missing else summary


def series_mean(market: Market, values: FloatArray, begin: datetime, end: datetime, digits: int) -> JsonValue:
    """Of the known values over [begin, end)."""
    return _mean(_within(market, values, begin, end)[1], digits)


def block_length(begin: datetime, end: datetime) -> timedelta:
    return (end - begin) / BLOCKS


def _within(market: Market, values: FloatArray, begin: datetime, end: datetime) -> tuple[int, FloatArray]:
    first = max(0, (begin - market.start) // SLOT)
    last = max(first, min(market.slots, -((market.start - end) // SLOT)))
    return first, values[first:last]


def _mean(block: Sequence[float] | FloatArray, digits: int) -> JsonValue:
    known = np.asarray(block)[~np.isnan(block)]
    return number(float(known.mean()), digits) if known.size else None


def _cell(value: float, digits: int) -> JsonValue:
    return None if np.isnan(value) else number(float(value), digits)
