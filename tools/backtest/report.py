"""What a replay came to, per policy and per month."""

from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

import numpy as np

from tools.backtest.replay import Policy, Replay, Score
from tools.market import FloatArray

Grouping: TypeAlias = Literal["month", "weekday"]


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """Sums over all jobs, means over the versions of the forecast. Percentages are against running now."""

    policy: str
    jobs: int
    skipped: int
    energy_kwh: float
    intensity_g_per_kwh: float
    carbon_kg: float
    carbon_saved_pct: float | None
    carbon_saved_sd_pct: float
    """Standard deviation of the saving over the versions of the forecast."""
    cost_gbp: float | None
    cost_saved_pct: float | None
    mean_delay_hours: float
    shifted_pct: float
    """Share of jobs that do not start where they would have."""
    dirtier_on_forecast_pct: float | None = None
    """Share of jobs that were to emit more than running now."""
    dirtier_pct: float | None = None
    """Share of jobs that did."""

    def record(self) -> dict[str, str | int | float | None]:
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items()}


def results(replay: Replay) -> list[PolicyResult]:
    """One row per policy; empty where no job could be replayed."""
    if not len(replay.energy_kwh):
        return []
    base = replay.scores.get(Policy.RUN_NOW)
    return [_result(policy, score, base, replay) for policy, score in replay.scores.items()]


def monthly_savings(replay: Replay, policy: Policy) -> dict[str, float]:
    """Month (YYYY-MM) → carbon saved against running now, %."""
    months = [row for row in grouped(replay, "month") if row.policy == policy.value]
    return {row.group: row.carbon_saved_pct for row in months if row.carbon_saved_pct is not None}


@dataclass(frozen=True, slots=True)
class GroupResult:
    """A policy's jobs of one month or one weekday (UTC), against running now."""

    policy: str
    by: str
    group: str
    jobs: int
    carbon_saved_pct: float | None
    cost_saved_pct: float | None

    def record(self) -> dict[str, str | int | float | None]:
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items()}


def grouped(replay: Replay, by: Grouping) -> list[GroupResult]:
    """One row per group and policy but running now, groups in the calendar's order."""
    order = [(f"{t:%Y-%m}", f"{t:%Y-%m}") if by == "month" else (str(t.weekday()), f"{t:%a}") for t in replay.arrival]
    base = replay.scores[Policy.RUN_NOW]
    found: list[GroupResult] = []
    for key, name in sorted(set(order)):
        inside = np.array([mine == key for mine, _ in order])
        for policy, score in replay.scores.items():
            if policy is Policy.RUN_NOW:
                continue
            carbon = _saved(score.carbon_g[inside].sum(axis=0), base.carbon_g[inside].sum(axis=0))
            cost = _saved(score.cost_gbp[inside].sum(axis=0), base.cost_gbp[inside].sum(axis=0))
            found.append(GroupResult(policy.value, by, name, int(inside.sum()), _mean(carbon), _mean(cost)))
    return found


def _mean(values: FloatArray | None) -> float | None:
    return None if values is None or np.isnan(values).any() else float(values.mean())


def _dirtier(carbon_g: FloatArray, base: FloatArray | None) -> float | None:
    """Share in %, rounding apart."""
    return None if base is None else 100 * float((carbon_g > base + 1e-6 * np.maximum(1.0, np.abs(base))).mean())


def _result(policy: Policy, score: Score, base: Score | None, replay: Replay) -> PolicyResult:
    carbon, energy = score.carbon_g.sum(axis=0), float(replay.energy_kwh.sum())
    saved = None if base is None else _saved(carbon, base.carbon_g.sum(axis=0))
    cost = score.cost_gbp.sum(axis=0)
    priced = not np.isnan(cost).any()
    cost_saved = _saved(cost, base.cost_gbp.sum(axis=0)) if priced and base is not None else None
    return PolicyResult(
        policy=policy.value,
        jobs=len(replay.energy_kwh),
        skipped=replay.skipped,
        energy_kwh=energy,
        intensity_g_per_kwh=float(carbon.mean()) / energy,
        carbon_kg=float(carbon.mean()) / 1000,
        carbon_saved_pct=None if saved is None else float(saved.mean()),
        carbon_saved_sd_pct=0.0 if saved is None else float(saved.std()),
        cost_gbp=float(cost.mean()) if priced else None,
        cost_saved_pct=None if cost_saved is None else float(cost_saved.mean()),
        mean_delay_hours=float(score.delay_hours.mean()),
        shifted_pct=100 * float((np.abs(score.delay_hours) > 1e-9).mean()),
        dirtier_on_forecast_pct=_dirtier(score.forecast_g, None if base is None else base.forecast_g),
        dirtier_pct=_dirtier(score.carbon_g, None if base is None else base.carbon_g),
    )


def _saved(total: FloatArray, base: FloatArray) -> FloatArray | None:
    if (np.abs(base) < 1e-9).any():
        return None
    saved: FloatArray = 100 * (base - total) / np.abs(base)
    return saved
