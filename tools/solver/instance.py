"""One problem laid over one market, in whole minutes from the market's start, ready for the searches."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil, floor, inf
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from tools.energy import asset_energy_kwh, asset_power_kw
from tools.market import Figures, FloatArray, prices_at
from tools.placement import Asset, Problem, Segment
from tools.slots import SLOT_MINUTES

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

INTENSITY, RENEWABLE, PRICE = 0, 1, 2
GRAMS_PER_TONNE = 1e6
TimeT = TypeVar("TimeT", int, datetime)
FigureT = TypeVar("FigureT", float, FloatArray)

TIE = 1e-9
"""Means over a run (GBP/kWh, g/kWh, %) closer than this are equal; far above rounding, far below any figure's unit."""


class Criterion(StrEnum):
    """What makes one placement better than another. Ties: lower cost, then earlier start, then region id."""

    BEST = "best"
    """Least cost + carbon × carbon price."""
    CLEANEST = "cleanest"
    CHEAPEST = "cheapest"
    SOONEST = "soonest"
    """Least mean running time; for a run without pauses that is the earliest start."""
    RENEWABLE = "renewable"
    """Highest share of wind, solar and hydro."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """Shapes: A assets, R rows of figures, S slots. Minutes are counted from `market.start`.

    Assets share a row where they have the same region, the same tariff and the same need to know the mix.
    """

    problem: Problem
    market: Figures
    values: FloatArray
    """(3, R, S): intensity g/kWh, renewable %, price GBP/kWh; holes are 0 here and counted in `holes`."""
    guessed: BoolArray
    """(R, S): the price is estimated."""
    mixless: BoolArray
    """(R, S): the renewable share is unknown, which is a hole only where a limit needs it."""
    prefix: FloatArray
    """(3, R, S + 1): minutes-weighted sums of `values` up to each slot edge."""
    holes: IntArray
    """(R, S + 1): number of slots that cannot be used up to each slot edge: no figure, or a price above the limit."""
    priced: bool
    """False: no placement has a known price, so carbon alone decides."""
    row: IntArray
    """(A,): the row of each asset; -1 where the market lacks its region or the limits exclude it."""
    kwh_per_minute: FloatArray
    """(A,)."""
    first: int
    """Earliest start."""
    last_start: IntArray
    """(A,): latest start; below `first` where there is none."""
    finish: int
    """Latest finish."""
    blocked: tuple[tuple[tuple[int, int], ...], ...]
    """Per asset: minutes that are forbidden or in which its free power does not suffice, as [start, end) pairs that are
    ascending and apart."""

    @property
    def minutes(self) -> int:
        return self.problem.job.duration_minutes

    @property
    def carbon_price_gbp_per_g(self) -> float:
        return self.problem.carbon_price_gbp_per_tonne / GRAMS_PER_TONNE

    @classmethod
    def of(cls, problem: Problem, market: Figures, *, priced: bool = True) -> "Instance":
        """Lays the problem's limits and the market's figures out in minutes; costs one pass over the arrays."""
        limits, start = problem.limits, market.start
        row, keys = _rows(problem, market)
        at = [index for index, _, _ in keys]
        prices = [prices_at(market, asset) for _, asset, _ in keys]
        shape = (len(keys), market.slots)
        price = np.array([price for price, _ in prices]).reshape(shape)
        values = np.stack([market.intensity[at], market.renewable[at], price])
        hole = np.isnan(values)
        needed = np.array([needs_mix for _, _, needs_mix in keys], np.bool_).reshape(-1, 1)
        missing = hole[INTENSITY] | (hole[RENEWABLE] & needed) | (hole[PRICE] if priced else False)
        if limits.max_price_gbp_per_kwh is not None:
            missing |= ~(price <= limits.max_price_gbp_per_kwh + TIE) if priced else True
        values = np.where(hole, 0.0, values)
        if not priced:
            values[PRICE] = 0.0
        rows, slots = shape
        prefix = np.zeros((3, rows, slots + 1))
        np.cumsum(values * SLOT_MINUTES, axis=2, out=prefix[:, :, 1:])
        holes = np.zeros((rows, slots + 1), np.int64)
        np.cumsum(missing, axis=1, out=holes[:, 1:])
        first = max(minute_up(max(problem.now, limits.earliest_start), start), 0)
        finish = _limit(limits.latest_finish, start, slots * SLOT_MINUTES)
        latest = min(_latest_start(problem, start, first, finish), finish)
        forbidden = _minutes(limits.forbidden, start)
        deferral = [
            latest if asset.max_deferral_hours is None else min(latest, first + floor(asset.max_deferral_hours * 60))
            for asset in problem.assets
        ]
        return cls(
            problem=problem,
            market=market,
            values=values,
            guessed=np.array([guessed for _, guessed in prices], np.bool_).reshape(shape),
            mixless=hole[RENEWABLE],
            prefix=prefix,
            holes=holes,
            priced=priced,
            row=row,
            kwh_per_minute=np.array([asset_energy_kwh(problem, asset) for asset in problem.assets])
            / problem.job.duration_minutes,
            first=first,
            last_start=np.array(deferral, np.int64),
            finish=finish,
            blocked=tuple(merged([*forbidden, *_busy(problem, asset, start)]) for asset in problem.assets),
        )

    def caps(self, asset: int) -> tuple[tuple[int, float, float], ...]:
        """Hard caps as linear sums over the run's minutes: Σ (sign × (layer − per-minute threshold)) ≤ rhs.

        Each is (layer, threshold, rhs); a layer of RENEWABLE is a floor, the others are ceilings.
        """
        limits, place = self.problem.limits, self.problem.assets[asset]
        rate = self.kwh_per_minute[asset]
        caps: list[tuple[int, float, float]] = []
        intensity = _least(limits.max_intensity_g_per_kwh, place.carbon_intensity_cap_gco2_kwh)
        if intensity is not None:
            caps.append((INTENSITY, intensity, 0.0))
        if limits.carbon_cap_g is not None:
            caps.append((INTENSITY, 0.0, limits.carbon_cap_g / rate if rate > 0 else inf))
        share = _most(limits.min_renewable_pct, place.min_renewable_threshold_pct)
        if share is not None:
            caps.append((RENEWABLE, share, 0.0))
        if limits.max_cost_gbp is not None:
            rhs = limits.max_cost_gbp / rate if rate > 0 else inf
            caps.append((PRICE, 0.0, rhs if self.priced else -inf))
        if limits.max_mean_price_gbp_per_kwh is not None:
            caps.append((PRICE, limits.max_mean_price_gbp_per_kwh, 0.0 if self.priced else -inf))
        return tuple(caps)

    def objective(self, intensity: FigureT, renewable: FigureT, price: FigureT) -> FigureT:
        """GBP per kWh, or of a run where the figures are times its energy: cost + priced carbon − renewable bonus."""
        bonus = self.problem.renewable_bonus_gbp_per_kwh / 100
        return price + self.carbon_price_gbp_per_g * intensity - bonus * renewable

    def keys(self, criterion: Criterion, figures: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What a criterion and its tie-break go by, least first, of figures (3, …) per minute of the job.

        SOONEST goes by time, which figures do not tell: that is the caller's, and these are what BEST goes by.
        """
        intensity, renewable, price = figures
        if criterion is Criterion.CLEANEST:
            return intensity, price
        if criterion is Criterion.CHEAPEST:
            return price, intensity
        objective = self.objective(intensity, renewable, price)
        return (-renewable, objective) if criterion is Criterion.RENEWABLE else (objective, price)

    def weights(self, criterion: Criterion) -> tuple[FloatArray, FloatArray]:
        """(R, S) per-minute weights of a criterion and of its tie-break."""
        first, second = self.keys(criterion, self.values)
        if criterion is not Criterion.SOONEST:
            return first, second
        return np.broadcast_to(np.arange(first.shape[1], dtype=float), first.shape), first

    def sums(self, plans: Sequence[tuple[int, Sequence[tuple[int, int]]]]) -> FloatArray:
        """(3, number of plans): minutes-weighted sums of intensity, renewable share and price.

        Each plan is an asset's index and its intervals [start, end), at least one.
        """
        row, edges, first = self._flatten(plans)
        slot, part = np.divmod(edges, SLOT_MINUTES)
        at = np.minimum(slot, self.market.slots - 1)
        cumulative = self.prefix[:, row, slot] + self.values[:, row, at] * part
        total: FloatArray = np.add.reduceat(cumulative[:, 1::2] - cumulative[:, ::2], first, axis=1)
        return total

    def touches(self, plans: Sequence[tuple[int, Sequence[tuple[int, int]]]], flags: BoolArray) -> BoolArray:
        """(number of plans,): whether a plan touches a slot that is flagged in (R, S) `flags`."""
        row, edges, first = self._flatten(plans)
        counts = np.zeros((len(flags), self.market.slots + 1), np.int64)
        np.cumsum(flags, axis=1, out=counts[:, 1:])
        inside = counts[row[1::2], -(-edges[1::2] // SLOT_MINUTES)] - counts[row[::2], edges[::2] // SLOT_MINUTES]
        touched: BoolArray = np.add.reduceat(inside, first) > 0
        return touched

    def _flatten(
        self, plans: Sequence[tuple[int, Sequence[tuple[int, int]]]]
    ) -> tuple[IntArray, IntArray, npt.NDArray[np.intp]]:
        """All intervals' ends in a row, the market row of each, and where each plan's first interval is among them."""
        edges = np.array([edge for _, intervals in plans for interval in intervals for edge in interval], np.int64)
        counts = np.array([len(intervals) for _, intervals in plans])
        row = np.repeat(self.row[[asset for asset, _ in plans]], 2 * counts)
        return row, edges, np.cumsum(counts) - counts

    def time(self, minute: int) -> datetime:
        return self.market.start + timedelta(minutes=int(minute))


def within(total: FloatArray, minutes: FloatArray | int, cap: tuple[int, float, float]) -> BoolArray:
    """Whether minutes-weighted sums (3, …) of runs that take `minutes` keep a cap, rounding apart."""
    layer, threshold, rhs = cap
    excess = total[layer] - threshold * minutes
    if layer == RENEWABLE:
        excess = -excess
    slack = TIE * minutes * max(1.0, threshold) + (abs(rhs) * TIE if np.isfinite(rhs) else 0.0)
    kept: BoolArray = np.asarray(excess <= rhs + slack)
    return kept


def minute_up(time: datetime, start: datetime) -> int:
    return ceil((time - start) / timedelta(minutes=1))


def _limit(time: datetime | None, start: datetime, fallback: int) -> int:
    return fallback if time is None else min(fallback, floor((time - start) / timedelta(minutes=1)))


def _rows(problem: Problem, market: Figures) -> tuple[IntArray, list[tuple[int, Asset, bool]]]:
    """(A,) the row of each asset; of each row, at least one, the market's row, an asset that has it, whether it needs
    the mix."""
    limits = problem.limits
    needs_mix = bool(limits.min_renewable_pct)
    found: dict[tuple[object, ...], int] = {}
    keys: list[tuple[int, Asset, bool]] = []
    rows: list[int] = []
    for asset in problem.assets:
        if not limits.allows(asset) or asset.region not in market.regions:
            rows.append(-1)
            continue
        needs = needs_mix or bool(asset.min_renewable_threshold_pct)
        key = (asset.region, asset.tariff, needs)
        if key not in found:
            found[key] = len(keys)
            keys.append((market.regions.index(asset.region), asset, needs))
        rows.append(found[key])
    return np.array(rows, np.int64), keys or [(0, problem.assets[0], False)]


def _latest_start(problem: Problem, start: datetime, first: int, fallback: int) -> int:
    """Starts are whole minutes: an exact start between two of them is the next one."""
    latest = problem.limits.latest_start
    minute = _limit(latest, start, fallback)
    allowed = latest is not None and latest >= max(problem.now, problem.limits.earliest_start)
    return max(minute, first) if allowed else minute


def _minutes(intervals: Iterable[Segment], start: datetime) -> tuple[tuple[int, int], ...]:
    """Every minute that an interval touches."""
    return tuple((floor((one.start - start) / timedelta(minutes=1)), minute_up(one.end, start)) for one in intervals)


def merged(intervals: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ascending, those that meet or overlap made one, empty ones left out."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(one for one in intervals if one[0] < one[1]):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return tuple(found)


def _busy(problem: Problem, asset: Asset, start: datetime) -> tuple[tuple[int, int], ...]:
    if asset.rated_power_kw is None:
        return ()
    power_kw = asset_power_kw(problem, asset)
    free_kw = asset.rated_power_kw - power_kw
    if free_kw < -TIE * power_kw:
        return ((-(10**9), 10**9),)
    changes: dict[int, float] = {}
    for promise in problem.commitments:
        if promise.asset_id == asset.asset_id:
            begin = floor((promise.start - start) / timedelta(minutes=1))
            changes[begin] = changes.get(begin, 0.0) + promise.power_kw
            end = minute_up(promise.end, start)
            changes[end] = changes.get(end, 0.0) - promise.power_kw
    return tuple((begin, end) for begin, end, _ in intervals_above(changes, free_kw))


def intervals_above(changes: Mapping[TimeT, float], free_kw: float) -> tuple[tuple[TimeT, TimeT, float], ...]:
    """From changes of a promised power: [start, end) of each interval above `free_kw`, and the most promised in it."""
    intervals: list[tuple[TimeT, TimeT, float]] = []
    used_kw = highest_kw = 0.0
    since: TimeT | None = None
    for time in sorted(changes):
        used_kw += changes[time]
        if used_kw > free_kw + TIE * max(1.0, abs(free_kw)):
            highest_kw = used_kw if since is None else max(highest_kw, used_kw)
            since = time if since is None else since
        elif since is not None:
            intervals.append((since, time, highest_kw))
            since = None
    return tuple(intervals)


def _least(*values: float | None) -> float | None:
    return min((v for v in values if v is not None), default=None)


def _most(*values: float | None) -> float | None:
    return max((v for v in values if v is not None), default=None)


Intervals: TypeAlias = Sequence[tuple[int, int]]
"""Stretches [start, end) in minutes from the market's start, ascending."""

BIG_M = 1e9
"""Per-minute weight of a cell that cannot be used; far above any price or intensity."""


def keeps_limits(instance: Instance, asset: int, plan: Intervals) -> bool:
    """Latest start and caps; everything else holds by construction."""
    if plan[0][0] > instance.last_start[asset]:
        return False
    caps = instance.caps(asset)
    if not caps:
        return True
    minutes = sum(end - start for start, end in plan)
    total = instance.sums([(asset, plan)])[:, 0]
    return all(bool(within(total, minutes, cap)) for cap in caps)


def joined(pieces: Sequence[tuple[int, int]]) -> Intervals:
    """Sorted, neighbours that touch made one."""
    return merged(pieces)
