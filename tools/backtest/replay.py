"""Each job placed by the product's own search on the forecast, under several policies, and scored on what came."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from tools.backtest.jobs import ReplayJob
from tools.backtest.trace import Trace
from tools.market import FloatArray
from tools.placement import Asset, Job, Limits, Problem
from tools.slots import SLOT_MINUTES
from tools.solver.instance import PRICE, Grid, Minutes, Order
from tools.solver.search import best_plans


class Policy(StrEnum):
    """How a start is chosen."""

    RUN_NOW = "run now"
    GREENEST = "greenest"
    CHEAPEST = "cheapest"
    OURS = "ours"
    """Least cost + priced carbon; runs at once where that saves less than the minimum."""
    ORACLE = "oracle"
    """Ours, on the actual figures: the bound that no forecast beats."""


@dataclass(frozen=True)
class Slice:
    """`Figures` of a part of a trace; each row is one version of the forecast."""

    start: datetime
    intensity: FloatArray
    price_gbp_per_kwh: FloatArray

    @property
    def regions(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.intensity) + 1))

    @property
    def slots(self) -> int:
        return int(self.intensity.shape[1])

    @property
    def renewable(self) -> FloatArray:
        return np.zeros_like(self.intensity)

    @property
    def price_estimated(self) -> npt.NDArray[np.bool_]:
        return np.zeros(self.intensity.shape, np.bool_)


@dataclass(frozen=True)
class Setting:
    """How jobs are replayed."""

    carbon_price_gbp_per_tonne: float = 100.0
    min_saving: float = 0.05
    pausable: bool = False
    policies: tuple[Policy, ...] = tuple(Policy)


@dataclass(frozen=True)
class Score:
    """What a policy's placements came to. Arrays are (jobs, versions of the forecast)."""

    carbon_g: FloatArray
    cost_gbp: FloatArray
    """NaN without a price."""
    delay_hours: FloatArray


@dataclass(frozen=True)
class Replay:
    """Scores by policy over the jobs that could be replayed."""

    arrival: tuple[datetime, ...]
    """When each job would have run without us."""
    energy_kwh: FloatArray
    """(jobs,)."""
    scores: dict[Policy, Score]
    skipped: int
    """Jobs that reach beyond the trace or into a hole of it."""


def noisy(actual: FloatArray, error: float, seeds: Sequence[int], mean: float | None = None) -> FloatArray:
    """(seeds, S): actual + N(0, error × mean), one draw per slot over the whole series."""
    scale = error * float(np.nanmean(actual) if mean is None else mean)
    rows: FloatArray = np.array([actual + np.random.default_rng(s).normal(0, scale, len(actual)) for s in seeds])
    return rows


def replay(
    trace: Trace,
    jobs: Sequence[ReplayJob],
    forecasts: FloatArray,
    setting: Setting,
    progress: Callable[[int], None] = lambda _done: None,
) -> Replay:
    """Places every job on every row of `forecasts` (versions, S) and scores it on the trace.

    A job counts only where all its windows have figures, so that policies are compared on the same jobs.
    """
    replayer = _Replayer(trace, forecasts, setting)
    rows: list[dict[Policy, tuple[FloatArray, FloatArray, FloatArray]]] = []
    taken: list[ReplayJob] = []
    for done, job in enumerate(jobs, start=1):
        row = replayer.job(job)
        if row is not None:
            rows.append(row)
            taken.append(job)
        progress(done)
    scores = {
        policy: Score(*(np.array([row[policy][i] for row in rows]) for i in range(3))) for policy in setting.policies
    }
    arrival = tuple(trace.start + timedelta(minutes=job.nominal) for job in taken)
    return Replay(arrival, np.array([job.energy_kwh for job in taken]), scores, len(jobs) - len(rows))


class _Replayer:
    def __init__(self, trace: Trace, forecasts: FloatArray, setting: Setting) -> None:
        self.setting = setting
        self.trace = trace
        self.forecasts = forecasts
        self.versions = len(forecasts)
        self.priced = trace.price_gbp_per_kwh is not None
        self.price = trace.price_gbp_per_kwh if trace.price_gbp_per_kwh is not None else np.zeros(trace.slots)
        self.assets = tuple(Asset(asset_id=None, name=str(i), region=i, pue=1.0) for i in range(1, self.versions + 1))

    def job(self, job: ReplayJob) -> dict[Policy, tuple[FloatArray, FloatArray, FloatArray]] | None:
        first, last = job.earliest // SLOT_MINUTES, -(-job.latest_finish // SLOT_MINUTES)
        if first < 0 or last > self.trace.slots:
            return None
        actual, price = self.trace.actual[first:last], self.price[first:last]
        forecasts = self.forecasts[:, first:last]
        if np.isnan(actual).any() or np.isnan(price).any() or np.isnan(forecasts).any():
            return None
        truth = self._grid(job, first, np.tile(actual, (self.versions, 1)), price)
        begin = job.nominal - first * SLOT_MINUTES
        now: list[Minutes] = [((begin, begin + job.minutes),)] * self.versions
        chosen = self._chosen(job, first, forecasts, price, truth, now)
        return {policy: self._score(truth, plans, begin) for policy, plans in chosen.items()}

    def _chosen(
        self, job: ReplayJob, first: int, forecasts: FloatArray, price: FloatArray, truth: Grid, now: list[Minutes]
    ) -> dict[Policy, list[Minutes]]:
        wanted = self.setting.policies
        orders = {Policy.GREENEST: Order.CLEANEST, Policy.CHEAPEST: Order.CHEAPEST, Policy.OURS: Order.BEST}
        asked = [orders[policy] for policy in wanted if policy in orders]
        grid = self._grid(job, first, forecasts, price)
        found = best_plans(grid, asked)
        chosen: dict[Policy, list[Minutes]] = {}
        for policy in wanted:
            if policy in orders:
                chosen[policy] = [p or n for p, n in zip(found[orders[policy]], now, strict=True)]
            elif policy is Policy.ORACLE:
                chosen[policy] = [
                    p or n for p, n in zip(best_plans(truth, (Order.BEST,))[Order.BEST], now, strict=True)
                ]
            else:
                chosen[policy] = now
        if Policy.OURS in chosen:
            chosen[Policy.OURS] = self._worth(grid, chosen[Policy.OURS], now)
        return chosen

    def _worth(self, grid: Grid, plans: list[Minutes], now: list[Minutes]) -> list[Minutes]:
        """Runs at once where the forecast saving is below the minimum."""
        objectives = []
        for candidate in (plans, now):
            intensity, _, price = grid.sums(list(enumerate(candidate)))
            objectives.append(price + grid.carbon_price_gbp_per_g * intensity)
        enough = objectives[1] - objectives[0] >= self.setting.min_saving * np.abs(objectives[1])
        return [plan if good else rest for plan, rest, good in zip(plans, now, enough.tolist(), strict=True)]

    def _grid(self, job: ReplayJob, first: int, intensity: FloatArray, price: FloatArray) -> Grid:
        start = self.trace.start + timedelta(minutes=first * SLOT_MINUTES)
        figures = Slice(start, intensity, np.tile(price, (self.versions, 1)))
        earliest = self.trace.start + timedelta(minutes=job.earliest)
        problem = Problem.model_construct(
            now=earliest,
            job=Job.model_construct(
                energy_kwh=job.energy_kwh,
                duration_minutes=job.minutes,
                power_kw=job.power_kw,
                pausable=self.setting.pausable,
            ),
            limits=Limits.model_construct(
                earliest_start=earliest, latest_finish=self.trace.start + timedelta(minutes=job.latest_finish)
            ),
            assets=self.assets,
            carbon_price_gbp_per_tonne=self.setting.carbon_price_gbp_per_tonne,
        )
        return Grid.of(problem, figures, priced=self.priced)

    def _score(self, truth: Grid, plans: list[Minutes], begin: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        total = truth.sums(list(enumerate(plans)))
        rate = truth.kwh_per_minute
        cost = rate * total[PRICE] if self.priced else np.full(self.versions, np.nan)
        delay = np.array([(plan[0][0] - begin) / 60 for plan in plans])
        return rate * total[0], cost, delay
