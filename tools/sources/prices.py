"""Agile prices of every region over the horizon: published, derived from another region's, or estimated.

An estimate is the mean of the same half-hour (UK clock) of the last seven known days, moved by what the carbon
forecast says of the day: gas sets both. Fit and proof: `gridwise backtest --prices`, docs/placement.md.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from tools.market import FloatArray
from tools.regions import REGIONS
from tools.slots import LONDON_TIME, SLOT
from tools.sources.agile import CAP_P, VAT, derive_rate
from tools.sources.payloads import RatesByLetter

BoolArray = npt.NDArray[np.bool_]
PROFILE_DAYS: Final = 7
"""A missing price is the mean of the same half-hour (UK wall clock) of this many last known days."""
LEAST_DAYS: Final = 5
"""Of the carbon forecasts' week, in days: with less, the estimate is not moved."""
P_PER_G: Final = 0.045
"""p/kWh without VAT by which a price lies above its own week for each g/kWh by which the day's carbon does."""

Clock = tuple[int, int]


@dataclass(frozen=True)
class Prices:
    """(14, slots) arrays and what they are made of."""

    price: FloatArray
    """GBP/kWh without VAT; NaN for a hole."""
    estimated: BoolArray
    """Not a published rate of the region's own."""
    derived: int
    """Cells from another region's published rate."""
    moved: bool
    """Whether the carbon forecast moved an estimate."""
    days: float = 0.0
    """Of the last seven, how many the carbon forecasts are known of."""


def price_arrays(
    rates: RatesByLetter, start: datetime, slots: int, means: Mapping[datetime, float] | None = None
) -> Prices:
    """Published rate, else derived from another region's published one, else an estimate, else NaN.

    Args:
        rates: p/kWh without VAT by letter and slot start.
        means: the country's mean carbon intensity by slot start, g/kWh, of the past week and of the horizon.
    """
    times = [start + i * SLOT for i in range(slots)]
    published = np.array([_row(rates.get(region.agile_letter, {}), times) for region in REGIONS]).reshape(-1, slots)
    complete = _derived(rates)
    price = np.array([_row(complete[region.agile_letter], times) for region in REGIONS]).reshape(-1, slots)
    derived = int((np.isnan(published) & ~np.isnan(price)).sum())
    moved, days = False, 0.0
    for row, region in enumerate(REGIONS):
        holes = np.flatnonzero(np.isnan(price[row]))
        known = complete[region.agile_letter]
        if not holes.size or not known:
            continue
        newest = max(known)
        profile = week_profile(known, newest)
        shift, days = carbon_shift(means or {}, newest)
        for column in holes:
            time = times[column]
            price[row, column] = estimate(profile.get(wall_clock(time), math.nan), shift.get(local_day(time), 0.0))
        moved |= any(shift.get(local_day(times[column])) for column in holes)
    return Prices(price / 100, np.isnan(published) & ~np.isnan(price), derived, moved, days)


def estimate(mean_p: float, shift_p: float) -> float:
    """p/kWh without VAT, within what the tariff can be."""
    return min(CAP_P, mean_p + shift_p)


def week_profile(values: Mapping[datetime, float], newest: datetime) -> dict[Clock, float]:
    """Mean by UK wall clock over the seven days up to `newest`."""
    by_clock: dict[Clock, list[float]] = {}
    for time, value in values.items():
        if timedelta(0) <= newest - time < timedelta(days=PROFILE_DAYS):
            by_clock.setdefault(wall_clock(time), []).append(value)
    return {clock: sum(values) / len(values) for clock, values in by_clock.items()}


def carbon_shift(means: Mapping[datetime, float], newest: datetime) -> tuple[dict[date, float], float]:
    """UK date → p/kWh by which that day's prices are moved, and how many days of the week before are known.

    A day's carbon is compared at the half-hours known of it with the week's mean of the same half-hours.
    """
    week = [time for time in means if timedelta(0) <= newest - time < timedelta(days=PROFILE_DAYS)]
    days = len(week) / 48
    if days < LEAST_DAYS:
        return {}, days
    profile = week_profile(means, newest)
    above: dict[date, list[float]] = {}
    for time, g in means.items():
        if wall_clock(time) in profile:
            above.setdefault(local_day(time), []).append(g - profile[wall_clock(time)])
    return {day: P_PER_G * sum(values) / len(values) for day, values in above.items()}, days


def wall_clock(time: datetime) -> Clock:
    """(hour, minute) on UK clocks."""
    local = time.astimezone(LONDON_TIME)
    return local.hour, local.minute


def local_day(time: datetime) -> date:
    """The date on UK clocks."""
    return time.astimezone(LONDON_TIME).date()


def _derived(rates: RatesByLetter) -> dict[str, dict[datetime, float]]:
    """Rates of every letter, each hole filled from the letter with the most rates that knows the half-hour."""
    best: dict[datetime, tuple[str, float]] = {}
    for letter in sorted(rates, key=lambda letter: (len(rates[letter]), letter)):
        best.update({time: (letter, rate) for time, rate in rates[letter].items()})
    return {
        region.agile_letter: {
            **{
                time: min(CAP_P, derive_rate(rate * (1 + VAT), time, source, region.agile_letter) / (1 + VAT))
                for time, (source, rate) in best.items()
                if time not in rates.get(region.agile_letter, {})
            },
            **rates.get(region.agile_letter, {}),
        }
        for region in REGIONS
    }


def _row(known: Mapping[datetime, float], times: Iterable[datetime]) -> list[float]:
    return [known.get(time, math.nan) for time in times]
