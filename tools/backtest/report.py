"""What a replay came to, per policy and per month."""

from dataclasses import asdict, dataclass

import numpy as np

from tools.backtest.replay import Policy, Replay, Score
from tools.market import FloatArray


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
    months = np.array([f"{time:%Y-%m}" for time in replay.arrival])
    base, score = replay.scores[Policy.RUN_NOW].carbon_g, replay.scores[policy].carbon_g
    saved: dict[str, float] = {}
    for month in sorted(set(months.tolist())):
        of_month = months == month
        total = float(base[of_month].sum())
        if total > 0:
            saved[month] = 100 * (1 - float(score[of_month].sum()) / total)
    return saved


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
    )


def _saved(total: FloatArray, base: FloatArray) -> FloatArray | None:
    if (np.abs(base) < 1e-9).any():
        return None
    saved: FloatArray = 100 * (base - total) / np.abs(base)
    return saved
