"""The placement search done by trying everything: slow, obvious, sharing no code with the product's.

Works on per-minute arrays. Plans with pauses are all subsets of the window's ten-minute units that use half-hours
whole but for one, and none that lacks figures or power for a part of it, so instances must lie on ten-minute marks.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import numpy as np

from tools.market import Market
from tools.placement import Asset, Problem

UNIT = 10
SLACK = 1e-9


@dataclass(frozen=True)
class Found:
    objective: float
    cost: float
    carbon: float
    start: int
    region: int


def minutes_between(start, end) -> float:
    return (end - start) / timedelta(minutes=1)


def per_minute(market: Market, region: int):
    row = market.regions.index(region)
    return [np.repeat(a[row], 30) for a in (market.intensity, market.renewable, market.price_gbp_per_kwh)]


def allowed_minutes(problem: Problem, market: Market, asset: Asset):
    """Per minute: whether the asset has figures and free power."""
    intensity, renewable, price = per_minute(market, asset.region)
    ok = ~(np.isnan(intensity) | np.isnan(price))
    if problem.limits.min_renewable_pct is not None or asset.min_renewable_threshold_pct is not None:
        ok &= ~np.isnan(renewable)
    power = energy(problem, asset) / problem.job.duration_minutes * 60
    if asset.rated_power_kw is not None:
        used = np.zeros(len(ok))
        for promise in problem.commitments:
            if promise.asset_id == asset.asset_id:
                low = max(0, int(minutes_between(market.start, promise.start)))
                high = max(0, int(minutes_between(market.start, promise.end)))
                used[low:high] += promise.power_kw
        ok &= used + power <= asset.rated_power_kw + 1e-9
    return ok


def energy(problem: Problem, asset: Asset) -> float:
    job = problem.job
    return job.energy_kwh if job.energy_is_stated else job.energy_kwh * asset.pue / job.reference_pue


def bounds(problem: Problem, market: Market, asset: Asset):
    limits, reach = problem.limits, market.slots * 30
    first = max(0, int(np.ceil(minutes_between(market.start, max(problem.now, limits.earliest_start)))))
    finish = (
        reach if limits.latest_finish is None else min(reach, int(minutes_between(market.start, limits.latest_finish)))
    )
    last = (
        finish if limits.latest_start is None else min(finish, int(minutes_between(market.start, limits.latest_start)))
    )
    if asset.max_deferral_hours is not None:
        last = min(last, first + int(asset.max_deferral_hours * 60))
    return first, last, finish


def keeps_caps(problem: Problem, asset: Asset, carbon: float, cost: float, share: float, kwh: float) -> bool:
    limits = problem.limits
    ceilings = [
        (carbon, limits.carbon_cap_g),
        (carbon / kwh, limits.max_intensity_g_per_kwh),
        (carbon / kwh, asset.carbon_intensity_cap_gco2_kwh),
        (cost, limits.max_cost_gbp),
    ]
    floors = [limits.min_renewable_pct, asset.min_renewable_threshold_pct]
    return all(cap is None or value <= cap + SLACK * max(1, abs(cap)) for value, cap in ceilings) and all(
        floor is None or share >= floor - SLACK * max(1, floor) for floor in floors
    )


def candidates(problem: Problem, market: Market):
    limits = problem.limits
    for asset in problem.assets:
        if limits.required_regions is not None and asset.region not in limits.required_regions:
            continue
        if asset.region in limits.excluded_regions or asset.region not in market.regions:
            continue
        yield from on_asset(problem, market, asset)


def on_asset(problem: Problem, market: Market, asset: Asset):
    first, last, finish = bounds(problem, market, asset)
    ok = allowed_minutes(problem, market, asset)
    minutes = problem.job.duration_minutes
    for start in range(first, min(last, finish - minutes) + 1):
        if ok[start : start + minutes].all():
            yield from weigh(problem, market, asset, np.arange(start, start + minutes), start)
    if problem.job.pausable and minutes > 30:
        yield from paused(problem, market, asset, ok)


def weigh(problem: Problem, market: Market, asset: Asset, at, start: int):
    intensity, renewable, price = per_minute(market, asset.region)
    rate = energy(problem, asset) / problem.job.duration_minutes
    carbon, cost, share = rate * intensity[at].sum(), rate * price[at].sum(), renewable[at].mean()
    if keeps_caps(problem, asset, carbon, cost, share, rate * len(at)):
        objective = cost + carbon * problem.carbon_price_gbp_per_tonne / 1e6
        yield Found(objective, cost, carbon, start, asset.region)


@cache
def masks(units: int):
    """All subsets of the units (2^n, n): used units, number of stretches, shortest stretch."""
    bits = (np.arange(2**units)[:, None] >> np.arange(units)) & 1
    padded = np.pad(bits, ((0, 0), (1, 1)))
    stretches = (np.diff(padded, axis=1) == 1).sum(axis=1)
    shortest = np.full(len(bits), 10**6)
    run = np.zeros(len(bits), int)
    for column in padded.T[1:]:
        ended = (run > 0) & (column == 0)
        shortest = np.where(ended, np.minimum(shortest, run), shortest)
        run = np.where(column == 1, run + 1, 0)
    return bits.astype(bool), bits.sum(axis=1), stretches, shortest


def paused(problem: Problem, market: Market, asset: Asset, ok):
    first, last, finish = bounds(problem, market, asset)
    units = (finish - first) // UNIT
    if units <= 0:
        return
    bits, used, stretches, shortest = masks(units)
    job = problem.job
    min_run = max(1, -(-job.min_run_minutes // 30)) * 30
    total = job.duration_minutes + job.resume_overhead_minutes * (stretches - 1)
    good = (used * UNIT == total) & (stretches > 0) & (shortest * UNIT >= min_run)
    starts = first + np.arange(units) * UNIT
    free = np.array([ok[max(first, slot * 30) : min(finish, slot * 30 + 30)].all() for slot in starts // 30])
    good &= ~(bits & ~free).any(axis=1)
    good &= starts[bits.argmax(axis=1)] <= last
    partial = np.zeros(len(bits), int)
    for slot in np.unique(starts // 30):
        cell = bits[:, starts // 30 == slot]
        partial += cell.any(axis=1) & ~cell.all(axis=1)
        good &= ((np.diff(np.pad(cell.astype(int), ((0, 0), (1, 1))), axis=1) == 1).sum(axis=1)) <= 1
    good &= partial <= 1
    for row in np.flatnonzero(good):
        chosen = starts[bits[row]]
        at = (chosen[:, None] + np.arange(UNIT)).ravel()
        yield from weigh(problem, market, asset, at, int(chosen[0]))


def best(problem: Problem, market: Market) -> Found | None:
    """Least objective, then cost, then start, then region; figures within rounding of each other are equal."""
    found = list(candidates(problem, market))
    for key in ("objective", "cost", "start", "region"):
        if not found:
            return None
        least = min(getattr(f, key) for f in found)
        found = [f for f in found if getattr(f, key) <= least + 1e-9 * max(1, abs(least))]
    return found[0]
