"""Each job placed by the product's own search on the forecast, under several policies, and scored on what came."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tools.backtest.jobs import ReplayJob
from tools.backtest.trace import Trace
from tools.market import FloatArray
from tools.placement import Asset, Job, Limits, Objective, Problem
from tools.slots import SLOT_MINUTES
from tools.solver.instance import PRICE, Criterion, Instance, Intervals
from tools.solver.policy import FIRST_FACTOR, saves_enough
from tools.solver.search import best_plans


class Policy(StrEnum):
    """How a start is chosen."""

    RUN_NOW = "run now"
    GREENEST = "greenest"
    CHEAPEST = "cheapest"
    OURS = "ours"
    """Least cost + priced carbon; runs at once where that is not worth a shift."""
    GUARDED = "ours, guarded"
    """The same among the placements that do no harm: that emit no more than running now, on the forecast."""
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


USUAL_POLICIES = tuple(policy for policy in Policy if policy is not Policy.GUARDED)


@dataclass(frozen=True)
class Setting:
    """How jobs are replayed."""

    carbon_price_gbp_per_tonne: float = 100.0
    min_saving: float = 0.05
    pausable: bool = False
    policies: tuple[Policy, ...] = USUAL_POLICIES
    objective: Objective = "balanced"
    """What comes first, as for the product: it moves the carbon price."""
    min_saving_gbp: float = 0.01

    @property
    def weight_gbp_per_tonne(self) -> float:
        return self.carbon_price_gbp_per_tonne * FIRST_FACTOR[self.objective]


@dataclass(frozen=True)
class Score:
    """What a policy's placements came to. Arrays are (jobs, versions of the forecast)."""

    carbon_g: FloatArray
    cost_gbp: FloatArray
    """NaN without a price."""
    delay_hours: FloatArray
    forecast_g: FloatArray
    """The carbon that it was to be, on the forecast."""


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
    taken: tuple[int, ...] = ()
    """Of the jobs, which could be replayed."""


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
    rows: list[dict[Policy, _Row]] = []
    taken: list[int] = []
    for index, job in enumerate(jobs):
        row = replayer.job(job)
        if row is not None:
            rows.append(row)
            taken.append(index)
        progress(index + 1)
    scores = {
        policy: Score(*(np.array([row[policy][i] for row in rows]) for i in range(4))) for policy in setting.policies
    }
    arrival = tuple(trace.start + timedelta(minutes=jobs[index].nominal) for index in taken)
    energy = np.array([jobs[index].energy_kwh for index in taken])
    return Replay(arrival, energy, scores, len(jobs) - len(rows), tuple(taken))


_Row: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


class _Replayer:
    def __init__(self, trace: Trace, forecasts: FloatArray, setting: Setting) -> None:
        self.setting = setting
        self.trace = trace
        self.forecasts = forecasts
        self.versions = len(forecasts)
        self.priced = trace.price_gbp_per_kwh is not None
        self.price = trace.price_gbp_per_kwh if trace.price_gbp_per_kwh is not None else np.zeros(trace.slots)
        self.assets = tuple(Asset(asset_id=None, name=str(i), region=i, pue=1.0) for i in range(1, self.versions + 1))

    def job(self, job: ReplayJob) -> dict[Policy, _Row] | None:
        first, last = job.earliest // SLOT_MINUTES, -(-job.latest_finish // SLOT_MINUTES)
        if first < 0 or last > self.trace.slots:
            return None
        actual, price = self.trace.actual[first:last], self.price[first:last]
        forecasts = self.forecasts[:, first:last]
        if np.isnan(actual).any() or np.isnan(price).any() or np.isnan(forecasts).any():
            return None
        truth = self._instance(job, first, np.tile(actual, (self.versions, 1)), price)
        begin = job.nominal - first * SLOT_MINUTES
        now: list[Intervals] = [((begin, begin + job.minutes),)] * self.versions
        expected = self._instance(job, first, forecasts, price)
        chosen = self._chosen(expected, truth, now)
        if Policy.GUARDED in self.setting.policies:
            none_dirtier = self._instance(
                job, first, forecasts, price, cap=expected.sums(list(enumerate(now)))[0] / job.minutes
            )
            plans = self._best(none_dirtier, now)
            chosen[Policy.GUARDED] = self._worth(expected, plans, now)
        return {policy: self._score(truth, expected, chosen[policy], begin) for policy in self.setting.policies}

    def _chosen(self, expected: Instance, truth: Instance, now: list[Intervals]) -> dict[Policy, list[Intervals]]:
        criteria = {
            Policy.GREENEST: Criterion.CLEANEST,
            Policy.CHEAPEST: Criterion.CHEAPEST,
            Policy.OURS: Criterion.BEST,
        }
        wanted = self.setting.policies
        found = best_plans(expected, list({criteria[policy] for policy in wanted if policy in criteria}))
        chosen = {
            policy: [p or n for p, n in zip(found[criterion], now, strict=True)]
            for policy, criterion in criteria.items()
            if policy in wanted
        }
        if Policy.OURS in wanted:
            chosen[Policy.OURS] = self._worth(expected, chosen[Policy.OURS], now)
        if Policy.ORACLE in wanted:
            chosen[Policy.ORACLE] = self._best(truth, now)
        chosen[Policy.RUN_NOW] = now
        return chosen

    def _best(self, instance: Instance, now: list[Intervals]) -> list[Intervals]:
        return [
            plan or rest
            for plan, rest in zip(best_plans(instance, (Criterion.BEST,))[Criterion.BEST], now, strict=True)
        ]

    def _worth(self, instance: Instance, plans: list[Intervals], now: list[Intervals]) -> list[Intervals]:
        """Runs at once where a shift saves too little on the forecast. Its probability is not asked here."""
        objectives = [
            instance.kwh_per_minute * instance.keys(Criterion.BEST, instance.sums(list(enumerate(one))))[0]
            for one in (plans, now)
        ]
        enough = saves_enough(
            objectives[1] - objectives[0], objectives[1], self.setting.min_saving, self.setting.min_saving_gbp
        )
        return [plan if good else rest for plan, rest, good in zip(plans, now, enough.tolist(), strict=True)]

    def _instance(
        self, job: ReplayJob, first: int, intensity: FloatArray, price: FloatArray, cap: FloatArray | None = None
    ) -> Instance:
        """`cap`: (versions,) the highest intensity of a run on each version of the forecast, g/kWh."""
        capped = (
            self.assets
            if cap is None
            else tuple(
                asset.model_copy(update={"carbon_intensity_cap_gco2_kwh": float(one)})
                for asset, one in zip(self.assets, cap, strict=True)
            )
        )
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
            assets=capped,
            carbon_price_gbp_per_tonne=self.setting.weight_gbp_per_tonne,
        )
        return Instance.of(problem, figures, priced=self.priced)

    def _score(self, truth: Instance, expected: Instance, plans: list[Intervals], begin: int) -> _Row:
        placed = list(enumerate(plans))
        total = truth.sums(placed)
        rate = truth.kwh_per_minute
        cost = rate * total[PRICE] if self.priced else np.full(self.versions, np.nan)
        delay = np.array([(plan[0][0] - begin) / 60 for plan in plans])
        return rate * total[0], cost, delay, rate * expected.sums(placed)[0]
