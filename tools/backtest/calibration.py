"""Does a confidence of 0.8 come true eight times in ten? Past decisions, each with what was said and what came.

Every decision is the product's own: its search on the forecast, its counterfactual, its confidence. It wins if its
objective, on actual intensities, is below the counterfactual's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import erf, sqrt

import numpy as np
from pydantic import JsonValue

from tools.backtest.trace import Trace, TraceError
from tools.market import FloatArray, Market, SourceNote
from tools.placement import Asset, Job, Limits, Option, Problem
from tools.slots import SLOT
from tools.solver.baseline import run_now
from tools.solver.confidence import ErrorModel, confidence, error_model, spreads
from tools.solver.search import search

DURATIONS_HOURS = (0.5, 1, 2, 3, 4, 6, 8, 12)
SLACK_HOURS = (1, 2, 4, 8, 12, 24)
CARBON_PRICES = (100.0, 300.0, 1000.0, 20000.0)
"""GBP/t: from cost first to carbon alone."""
PAPER_ERROR = 0.05
OPEN_SPREADS = 3.0
SITE = Asset(asset_id=None, name="Great Britain", region=1, pue=1.0)


@dataclass(frozen=True, slots=True)
class Decision:
    """A shift that was chosen on the forecast."""

    week: int
    spreads: float
    """The expected gain in standard deviations of its error."""
    said: float
    """The product's confidence."""
    paper_said: float
    """The same question under the paper's noise: independent errors of 5 % of the mean."""
    gained_gbp: float
    """Objective of running now minus that of the choice, on actual intensities."""

    @property
    def won(self) -> bool:
        return self.gained_gbp > 0


@dataclass(frozen=True, slots=True)
class Decile:
    """Decisions whose confidence lies in [low, low + 0.1)."""

    low: float
    decisions: int
    said: float
    came: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well the confidence held, beside a constant (the base rate) and the paper's noise."""

    decisions: int
    won: float
    deciles: tuple[Decile, ...]
    brier: float
    brier_constant: float
    brier_paper: float

    @classmethod
    def of(cls, made: Sequence[Decision]) -> "Calibration":
        won = [d.won for d in made]
        rate = float(np.mean(won)) if won else 0.0
        return cls(
            decisions=len(made),
            won=rate,
            deciles=tuple(reliability(made)),
            brier=brier([d.said for d in made], won),
            brier_constant=brier(np.full(len(made), rate), won),
            brier_paper=brier([d.paper_said for d in made], won),
        )

    def record(self) -> dict[str, JsonValue]:
        deciles: list[JsonValue] = [
            {"from": d.low, "decisions": d.decisions, "said": round(d.said, 4), "came": round(d.came, 4)}
            for d in self.deciles
        ]
        return {
            "decisions": self.decisions,
            "won": round(self.won, 4),
            "brier": round(self.brier, 5),
            "brier_constant": round(self.brier_constant, 5),
            "brier_paper": round(self.brier_paper, 5),
            "deciles": deciles,
        }


def decisions(trace: Trace, count: int, *, seed: int = 0, model: ErrorModel | None = None) -> Iterator[Decision]:
    """`count` random workloads of one place, replayed; those that run at once or touch a hole are not decisions."""
    if trace.forecast is None or trace.price_gbp_per_kwh is None:
        msg = f"the trace {trace.name} needs a forecast and a price beside what came"
        raise TraceError(msg)
    rng = np.random.default_rng(seed)
    archived = model or error_model("archive")
    for _ in range(count):
        hours, slack = float(rng.choice(DURATIONS_HOURS)), float(rng.choice(SLACK_HOURS))
        first = int(rng.integers(0, trace.slots - 2 * int(hours + slack + 1)))
        price = float(rng.choice(CARBON_PRICES))
        decision = _decide(trace, trace.forecast, trace.price_gbp_per_kwh, first, hours, slack, price, archived)
        if decision is not None:
            yield decision


def reliability(made: Sequence[Decision]) -> list[Decile]:
    """Deciles of what was said, with how often it came true; empty ones left out."""
    said, won = np.array([d.said for d in made]), np.array([d.won for d in made])
    table: list[Decile] = []
    for tenth in range(10):
        inside = np.minimum((said * 10 + 1e-9).astype(int), 9) == tenth
        if inside.any():
            table.append(Decile(tenth / 10, int(inside.sum()), float(said[inside].mean()), float(won[inside].mean())))
    return table


def brier(said: Sequence[float] | FloatArray, won: Sequence[bool]) -> float:
    """Mean squared difference between what was said and what came, 0 best."""
    return float(np.mean((np.asarray(said, float) - np.asarray(won, float)) ** 2))


def fit_link(wide: Sequence[float], won: Sequence[bool], *, with_optimism: bool = True) -> tuple[float, float]:
    """Slope and optimism of the link, by maximum likelihood (Newton's method); `wide` in spreads.

    Of decisions below `OPEN_SPREADS`: beyond, the few losses are outages of the source and say nothing of the link.
    """
    spread, came = np.asarray(wide, float), np.asarray(won, float)
    spread, came = spread[spread < OPEN_SPREADS], came[spread < OPEN_SPREADS]
    columns = [spread, np.ones_like(spread)] if with_optimism else [spread]
    weights = logistic(np.column_stack(columns), came)
    slope = float(weights[0])
    return slope, float(-weights[1] / slope) if with_optimism else 0.0


def logistic(design: FloatArray, came: FloatArray) -> FloatArray:
    """(columns,) weights that make what came most likely."""
    weights = np.zeros(design.shape[1])
    weights[0] = 1.0
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -40, 40)))
        hessian = (design * (p * (1 - p))[:, None]).T @ design
        step = np.linalg.solve(hessian, design.T @ (came - p))
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _decide(
    trace: Trace,
    forecast: FloatArray,
    price: FloatArray,
    first: int,
    hours: float,
    slack: float,
    carbon_price: float,
    model: ErrorModel,
) -> Decision | None:
    part = slice(first, first + int(2 * (hours + slack)))
    figures = np.array([forecast[part], trace.actual[part], price[part]])
    if np.isnan(figures).any():
        return None
    start = trace.start + first * SLOT
    expected, came = (flat_market(row, start, figures[2]) for row in figures[:2])
    problem = Problem(
        now=start,
        job=Job(energy_kwh=1.0, duration_minutes=int(hours * 60), power_kw=1.0 / hours),
        limits=Limits(earliest_start=start, latest_finish=start + timedelta(hours=hours + slack)),
        assets=(SITE,),
        carbon_price_gbp_per_tonne=carbon_price,
    )
    now, option = run_now(problem, expected), search(problem, expected)[0]
    if option.segments == now.segments:
        return None
    gained = run_now(problem, came).objective_gbp - _at(problem, came, option).objective_gbp
    return Decision(
        week=start.isocalendar().week,
        spreads=spreads(problem, expected, option, now, model),
        said=confidence(problem, expected, option, now, model),
        paper_said=_paper(problem, figures[0], option, now),
        gained_gbp=gained,
    )


def _at(problem: Problem, came: Market, option: Option) -> Option:
    """The same window on other figures."""
    limits = Limits(earliest_start=option.start, latest_start=option.start)
    return search(problem.model_copy(update={"limits": limits}), came)[0]


def _paper(problem: Problem, forecast: FloatArray, option: Option, now: Option) -> float:
    """Probability under independent normal errors of 5 % of the mean per slot."""
    slots = problem.job.duration_minutes // 30
    moved = min(int((option.start - now.start) / SLOT), slots)
    sd_g = PAPER_ERROR * float(forecast.mean()) * sqrt(2 * moved) / slots
    sd_gbp = sd_g * problem.carbon_price_gbp_per_tonne / 1e6
    return 0.5 * (1 + erf((now.objective_gbp - option.objective_gbp) / max(sd_gbp, 1e-12) / sqrt(2)))


def flat_market(intensity: FloatArray, start: datetime, price: FloatArray | None = None) -> Market:
    """One place with these figures, at no price where none is given."""
    note = SourceNote(name="trace", mode="live", fetched_at=None, age_seconds=0.0, coverage=1.0)
    rows = intensity[None, :]
    return Market.pack(
        start=start,
        regions=(1,),
        intensity=rows,
        renewable=np.zeros_like(rows),
        low_carbon=np.zeros_like(rows),
        price=np.zeros_like(rows) if price is None else price[None, :],
        price_estimated=np.zeros(rows.shape, np.bool_),
        carbon=note,
        price_note=note,
    )
