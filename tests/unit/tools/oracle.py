"""The best placement straight from the definitions, minute by minute: slow, obvious, sharing no code with the product.

Runs in one go: every start minute. Runs with pauses: a shortest path whose nodes are (minute, minutes of the present
stretch, minutes run, pauses made), so that nothing is assumed of where stretches begin or end. Caps on a run's sums
are no part of that path; under them every subset of the window's ten-minute units is tried instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from math import ceil, floor, inf

import numpy as np

from tools.market import Market
from tools.placement import Asset, Problem

UNIT = 10
SLACK = 1e-9
Pieces = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Found:
    objective: float
    cost: float
    carbon: float
    start: int
    region: int
    pieces: Pieces = ()


def minutes_between(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 60


def per_minute(market: Market, region: int) -> list[np.ndarray]:
    row = market.regions.index(region)
    return [np.repeat(a[row], 30) for a in (market.intensity, market.renewable, market.price_gbp_per_kwh)]


def energy(problem: Problem, asset: Asset) -> float:
    job = problem.job
    return job.energy_kwh if job.energy_is_stated else job.energy_kwh * asset.pue / job.reference_pue


def asks_share(problem: Problem, asset: Asset) -> bool:
    return problem.limits.min_renewable_pct is not None or asset.min_renewable_threshold_pct is not None


def usable_minutes(problem: Problem, market: Market, asset: Asset) -> np.ndarray:
    """Per minute: figures that the limits need, a price that is allowed, free power, and not forbidden."""
    intensity, renewable, price = per_minute(market, asset.region)
    ok = ~(np.isnan(intensity) | np.isnan(price))
    if asks_share(problem, asset):
        ok &= ~np.isnan(renewable)
    if problem.limits.max_price_gbp_per_kwh is not None:
        ok &= ~(price > problem.limits.max_price_gbp_per_kwh + SLACK)
    power = energy(problem, asset) / problem.job.duration_minutes * 60
    used = np.zeros(len(ok))
    for promise in problem.commitments:
        if promise.asset_id == asset.asset_id:
            used[span(market, promise.start, promise.end)] += promise.power_kw
    if asset.rated_power_kw is not None:
        ok &= used + power <= asset.rated_power_kw + 1e-9
    for stretch in problem.limits.forbidden:
        ok[span(market, stretch.start, stretch.end)] = False
    return ok


def span(market: Market, start: datetime, end: datetime) -> slice:
    low, high = floor(minutes_between(market.start, start)), ceil(minutes_between(market.start, end))
    return slice(max(0, low), max(0, high))


def bounds(problem: Problem, market: Market, asset: Asset) -> tuple[int, int, int]:
    """First and last start minute, and the minute by which it ends."""
    limits, reach = problem.limits, market.slots * 30
    earliest = max(problem.now, limits.earliest_start)
    first = max(0, ceil(minutes_between(market.start, earliest)))
    finish = reach
    if limits.latest_finish is not None:
        finish = min(reach, floor(minutes_between(market.start, limits.latest_finish)))
    last = finish
    if limits.latest_start is not None:
        last = min(last, floor(minutes_between(market.start, limits.latest_start)))
        if limits.latest_start >= earliest:  # the next whole minute is meant
            last = max(last, first)
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
        (cost / kwh, limits.max_mean_price_gbp_per_kwh),
    ]
    floors = [limits.min_renewable_pct, asset.min_renewable_threshold_pct]
    return all(cap is None or value <= cap + SLACK * max(1, abs(cap)) for value, cap in ceilings) and all(
        floor is None or share >= floor - SLACK * max(1, floor) for floor in floors
    )


def is_allowed(problem: Problem, market: Market, asset: Asset) -> bool:
    limits = problem.limits
    return (
        asset.region in market.regions
        and (limits.required_regions is None or asset.region in limits.required_regions)
        and asset.region not in limits.excluded_regions
        and (limits.required_sites is None or asset.name in limits.required_sites)
        and asset.name not in limits.excluded_sites
    )


def candidates(problem: Problem, market: Market) -> Iterator[Found]:
    for asset in problem.assets:
        if is_allowed(problem, market, asset):
            yield from on_asset(problem, market, asset)


def on_asset(problem: Problem, market: Market, asset: Asset) -> Iterator[Found]:
    first, last, finish = bounds(problem, market, asset)
    ok = usable_minutes(problem, market, asset)
    minutes = problem.job.duration_minutes
    for start in range(first, min(last, finish - minutes) + 1):
        if ok[start : start + minutes].all():
            yield from weigh(problem, market, asset, ((start, start + minutes),))
    if problem.job.pausable:
        if has_caps(problem, asset):
            yield from every_subset(problem, market, asset, ok)
        else:
            yield from shortest_path(problem, market, asset, ok)


def has_caps(problem: Problem, asset: Asset) -> bool:
    limits = problem.limits
    given = (
        limits.carbon_cap_g,
        limits.max_intensity_g_per_kwh,
        limits.min_renewable_pct,
        limits.max_cost_gbp,
        limits.max_mean_price_gbp_per_kwh,
        asset.carbon_intensity_cap_gco2_kwh,
        asset.min_renewable_threshold_pct,
    )
    return any(cap is not None for cap in given)


def weigh(problem: Problem, market: Market, asset: Asset, pieces: Pieces) -> Iterator[Found]:
    """The run of these stretches, where it keeps the caps."""
    intensity, renewable, price = per_minute(market, asset.region)
    at = np.concatenate([np.arange(begin, end) for begin, end in pieces])
    rate = energy(problem, asset) / problem.job.duration_minutes
    carbon, cost, share = rate * intensity[at].sum(), rate * price[at].sum(), renewable[at].mean()
    if keeps_caps(problem, asset, carbon, cost, share, rate * len(at)):
        green = rate * np.nan_to_num(renewable[at]).sum() / 100
        objective = cost + carbon * problem.carbon_price_gbp_per_tonne / 1e6
        objective -= green * problem.renewable_bonus_gbp_per_kwh
        yield Found(objective, cost, carbon, pieces[0][0], asset.region, pieces)


def shortest_run(problem: Problem) -> int:
    """Minutes of the shortest stretch: whole half-hours."""
    return max(1, -(-problem.job.min_run_minutes // 30)) * 30


def shortest_path(problem: Problem, market: Market, asset: Asset, ok: np.ndarray) -> Iterator[Found]:
    """Forward over the minutes. run[l, u, k]: the stretch has lasted l minutes (the shortest run or more in the last
    place), u minutes were run, k pauses made; idle[u, k]: paused. Only the least objective is found, not the plan."""
    first, last, finish = bounds(problem, market, asset)
    job, shortest = problem.job, shortest_run(problem)
    most = max(0, (finish - first) // (shortest + 1))
    if job.max_pauses is not None:
        most = min(most, job.max_pauses)
    longest = job.duration_minutes + job.resume_overhead_minutes * most
    intensity, renewable, price = per_minute(market, asset.region)
    weight = price + intensity * problem.carbon_price_gbp_per_tonne / 1e6
    weight = weight - np.nan_to_num(renewable) / 100 * problem.renewable_bonus_gbp_per_kwh
    run = np.full((shortest + 1, longest + 1, most + 1), inf)
    idle = np.full((longest + 1, most + 1), inf)
    for minute in range(first, finish):
        rested = np.minimum(idle, run[shortest])
        after = np.full_like(run, inf)
        if ok[minute]:
            after[1:, 1:] = run[:-1, :-1]
            after[shortest, 1:] = np.minimum(after[shortest, 1:], run[shortest, :-1])
            after[1, 1:, 1:] = np.minimum(after[1, 1:, 1:], idle[:-1, :-1])
            if minute <= last:
                after[1, 1, 0] = min(after[1, 1, 0], 0.0)
            after += weight[minute]
        run, idle = after, rested
    ended = np.minimum(idle, run[shortest])
    totals = [ended[job.duration_minutes + job.resume_overhead_minutes * k, k] for k in range(most + 1)]
    least = min(totals, default=inf)
    if least < inf:
        rate = energy(problem, asset) / job.duration_minutes
        yield Found(rate * float(least), np.nan, np.nan, -1, asset.region)


@cache
def masks(units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
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


def every_subset(problem: Problem, market: Market, asset: Asset, ok: np.ndarray) -> Iterator[Found]:
    """Instances must lie on ten-minute marks."""
    first, last, finish = bounds(problem, market, asset)
    units = (finish - first) // UNIT
    if units <= 0:
        return
    bits, used, stretches, shortest = masks(units)
    job = problem.job
    total = job.duration_minutes + job.resume_overhead_minutes * (stretches - 1)
    good = (used * UNIT == total) & (stretches > 0) & (shortest * UNIT >= shortest_run(problem))
    if job.max_pauses is not None:
        good &= stretches - 1 <= job.max_pauses
    starts = first + np.arange(units) * UNIT
    free = np.array([ok[start : start + UNIT].all() for start in starts])
    good &= ~(bits & ~free).any(axis=1)
    good &= starts[bits.argmax(axis=1)] <= last
    for row in np.flatnonzero(good):
        yield from weigh(problem, market, asset, tuple((int(s), int(s) + UNIT) for s in starts[bits[row]]))


def best(problem: Problem, market: Market) -> Found | None:
    """Least objective, then cost, then start, then region; figures within rounding of each other are equal."""
    found = list(candidates(problem, market))
    for key in ("objective", "cost", "start", "region"):
        if not found:
            return None
        least = min(getattr(f, key) for f in found)
        found = [f for f in found if not getattr(f, key) > least + 1e-9 * max(1, abs(least))]
    return found[0]


def faults(problem: Problem, market: Market, asset: Asset, pieces: Pieces) -> list[str]:
    """What is wrong with a run of these stretches on this asset."""
    first, last, finish = bounds(problem, market, asset)
    ok, job = usable_minutes(problem, market, asset), problem.job
    lengths = [end - begin for begin, end in pieces]
    pauses = len(pieces) - 1
    wrong = {
        "place": not is_allowed(problem, market, asset),
        "start": not first <= pieces[0][0] <= last,
        "finish": pieces[-1][1] > finish,
        "minutes": sum(lengths) != job.duration_minutes + pauses * job.resume_overhead_minutes,
        "used": not all(ok[begin:end].all() for begin, end in pieces),
        "pauses": pauses > 0 and (not job.pausable or (job.max_pauses is not None and pauses > job.max_pauses)),
        "shortest": pauses > 0 and min(lengths) < shortest_run(problem),
        "apart": any(one[1] >= two[0] for one, two in pairwise(pieces)),
        "caps": not list(weigh(problem, market, asset, pieces)),
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]
