"""What estimating prices beyond the published horizon is worth: on a past year, before and after the carbon forecast.

At 00:00, 06:00, 12:00 and 18:00 UK time of every day the rates published by then are known (until 23:00 of the day,
from 16:00 on of the next), the rest of 48 hours is estimated as the product does; the cheapest window of several
lengths is chosen and paid at what came. The share of the possible saving is against running at once, where the best
window that anybody could have chosen is 100 %.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import numpy as np
from pydantic import JsonValue

from tools.backtest.trace import Trace, TraceError
from tools.market import FloatArray
from tools.slots import LONDON_TIME, SLOT
from tools.sources.prices import P_PER_G, PROFILE_DAYS, carbon_shift, estimate, local_day, wall_clock, week_profile

HOURS = (0, 6, 12, 18)
PUBLISHED_FROM_HOUR = 16
HORIZON = 96
DURATIONS_HOURS = (0.5, 1, 2, 4, 8)
LAGS_HOURS = (1, 2, 4, 8)
ENOUGH = 0.9
"""Share of the week's half-hours that must be known."""


@dataclass(frozen=True)
class Look:
    """Prices as seen at one time, p/kWh without VAT, over the 48 hours that follow."""

    month: int
    actual: FloatArray
    before: FloatArray
    """Published, else the mean of the same half-hour of seven days."""
    after: FloatArray
    """The same, moved by the carbon forecast."""
    guessed: int
    """From which half-hour on prices are estimates."""


@dataclass(frozen=True, slots=True)
class PriceScore:
    """Of one way to estimate; money in the trace's own currency unit per kWh."""

    estimate: str
    half_hours: int
    mae_p: float
    rmse_p: float
    saving_share_pct: float
    """Of the possible cost saving."""

    def record(self) -> dict[str, JsonValue]:
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


def looks(trace: Trace) -> Iterator[Look]:
    """Every look at the trace from which all of the next 48 hours came to be known."""
    if trace.forecast is None or trace.price_gbp_per_kwh is None:
        msg = f"the trace {trace.name} needs a forecast and a price beside what came"
        raise TraceError(msg)
    price = _by_time(trace, 100 * trace.price_gbp_per_kwh)
    carbon = _by_time(trace, trace.forecast)
    day = trace.start.astimezone(LONDON_TIME).replace(hour=0, minute=0) + timedelta(days=PROFILE_DAYS + 1)
    while day.astimezone(trace.start.tzinfo) < trace.start + trace.slots * SLOT:
        for hour in HOURS:
            look = _look(day.replace(hour=hour), price, carbon)
            if look is not None:
                yield look
        day += timedelta(days=1)


def scores(seen: list[Look]) -> list[PriceScore]:
    """The seven-day mean beside the same moved by the carbon forecast."""
    return [
        _score(name, seen, [getattr(look, field) for look in seen])
        for name, field in (("mean of seven days", "before"), ("moved by the carbon forecast", "after"))
    ]


def fitted_p_per_g(seen: list[Look]) -> float:
    """The coefficient that a least-squares fit of this trace would choose, p/kWh without VAT per g/kWh."""
    moved = np.concatenate([(look.after - look.before)[look.guessed :] for look in seen]) / P_PER_G
    missed = np.concatenate([(look.actual - look.before)[look.guessed :] for look in seen])
    return float(moved @ missed / (moved @ moved))


def error_spread(seen: list[Look]) -> tuple[float, float]:
    """Standard deviation of an estimate's error, GBP/kWh, and the lag in hours at which its correlation is 1/e."""
    errors = [(look.actual - look.after)[look.guessed :] for look in seen]
    variance = float(np.mean(np.concatenate(errors) ** 2))
    hours, logs = [], []
    for lag in LAGS_HOURS:
        pairs = [e[2 * lag :] * e[: -2 * lag] for e in errors if len(e) > 2 * lag]
        correlation = float(np.concatenate(pairs).mean()) / variance
        if correlation > 0:
            hours.append(lag)
            logs.append(-np.log(correlation))
    return float(np.sqrt(variance)) / 100, float(np.dot(hours, hours) / np.dot(hours, logs))


def _look(at: datetime, price: Mapping[datetime, float], carbon: Mapping[datetime, float]) -> Look | None:
    start = at.astimezone(next(iter(price)).tzinfo)
    times = [start + i * SLOT for i in range(HORIZON)]
    end = at.replace(hour=23, minute=0) + timedelta(days=at.hour >= PUBLISHED_FROM_HOUR)
    newest = end.astimezone(start.tzinfo) - SLOT
    week = [newest - i * SLOT for i in range(48 * PROFILE_DAYS)]
    if not all(time in price for time in times) or sum(t in price for t in week) < ENOUGH * len(week):
        return None
    known = {time: price[time] for time in week if time in price}
    profile = week_profile(known, newest)
    means = {t: carbon[t] for t in [*week, *times] if t in carbon}
    shift, _ = carbon_shift(means, newest)
    actual = np.array([price[time] for time in times])
    guessed = sum(time <= newest for time in times)
    rest = times[guessed:]
    if any(wall_clock(time) not in profile for time in rest):
        return None
    before = [estimate(profile[wall_clock(time)], 0.0) for time in rest]
    after = [estimate(profile[wall_clock(time)], shift.get(local_day(time), 0.0)) for time in rest]
    published = actual[:guessed]
    return Look(at.month, actual, np.array([*published, *before]), np.array([*published, *after]), guessed)


def _score(name: str, seen: list[Look], estimates: list[FloatArray]) -> PriceScore:
    errors = np.concatenate([(e - look.actual)[look.guessed :] for look, e in zip(seen, estimates, strict=True)])
    saved = possible = 0.0
    for look, guess in zip(seen, estimates, strict=True):
        for hours in DURATIONS_HOURS:
            slots = int(2 * hours)
            paid, seen_as = (np.convolve(p, np.ones(slots) / slots, "valid") for p in (look.actual, guess))
            saved += hours * float(paid[0] - paid[int(np.argmin(seen_as))])
            possible += hours * float(paid[0] - paid.min())
    return PriceScore(
        estimate=name,
        half_hours=len(errors),
        mae_p=float(np.abs(errors).mean()),
        rmse_p=float(np.sqrt((errors**2).mean())),
        saving_share_pct=100 * saved / possible if possible else 0.0,
    )


def _by_time(trace: Trace, values: FloatArray) -> dict[datetime, float]:
    return {trace.start + i * SLOT: float(v) for i, v in enumerate(values) if not np.isnan(v)}
