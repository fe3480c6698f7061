"""How sure a shift is, fitted and tested on forecasts as they were published.

A vintage is the national 48-hour forecast as published at one time. Every decision made on it is the product's own:
its search on the vintage, its counterfactual, its confidence; it wins if the actual intensities agree. Vintages are
few and those of neighbouring days hang together, so every figure has an interval from a bootstrap over weeks.
"""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from tools.backtest.calibration import SITE, fit_link, flat_market, logistic
from tools.errors import GridwiseError
from tools.market import FloatArray, Market
from tools.placement import Job, Limits, Option, Problem
from tools.slots import SLOT, slot_start, utc_time
from tools.solver.baseline import run_now
from tools.solver.confidence import ErrorModel, confidence, error_model, spreads
from tools.solver.instance import BoolArray
from tools.solver.search import search

FIRST_RULE = error_model().model_copy(
    update={"sd_per_root_g": 2.5, "correlation_hours": 2.0, "slope": 1.63, "optimism": 0.11}
)
"""What stood before there were vintages: the archive's fit, its spread scaled by the error reported for forecasts as
published."""
SLOTS = 96
DURATIONS_HOURS = (0.5, 1, 2, 4, 8)
WITHIN_HOURS = (6, 12, 24, 47)
DELAYS_HOURS = (0, 6, 12, 24)
"""From when on a workload may run: the counterfactual then runs at that lead."""
CARBON_PRICE = 1000.0
CORRELATION_HOURS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 4.9, 5.5, 6.0, 7.0, 8.0, 10.0, 12.0)
LEADS_HOURS = ((0, 6), (6, 12), (12, 24), (24, 48))
DIFFERENCES_G = ((0, 10), (10, 25), (25, 50), (50, 1000))
RESAMPLES = 1000


class VintageError(GridwiseError):
    """Files that are not vintages and actuals; says what is missing or which line is wrong."""


@dataclass(frozen=True)
class Vintage:
    """One published forecast, and what came. Arrays are (slots,), g/kWh."""

    issued_at: datetime
    start: datetime
    forecast: FloatArray
    actual: FloatArray


@dataclass(frozen=True)
class Shift:
    """A shift that was chosen on a vintage."""

    week: int
    lead_hours: float
    """From the time of publication to the later of the two windows' beginnings."""
    difference_g_per_kwh: float
    """Forecast intensity of running now minus that of the choice."""
    won: bool
    problem: Problem
    market: Market
    option: Option
    now: Option

    def spreads(self, model: ErrorModel) -> float:
        return spreads(self.problem, self.market, self.option, self.now, model)

    def said(self, model: ErrorModel) -> float:
        return confidence(self.problem, self.market, self.option, self.now, model)


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the middle 95 % of its bootstrap over weeks."""

    value: float
    low: float
    high: float

    def words(self, digits: int = 4) -> str:
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


@dataclass(frozen=True)
class Group:
    """Decisions that have something in common: how often they were said to come true, and did."""

    name: str
    decisions: int
    said: float
    came: Interval
    brier: Interval

    def record(self) -> dict[str, JsonValue]:
        return {
            "group": self.name,
            "decisions": self.decisions,
            "said": round(self.said, 4),
            "came": [round(v, 4) for v in (self.came.value, self.came.low, self.came.high)],
            "brier": [round(v, 5) for v in (self.brier.value, self.brier.low, self.brier.high)],
        }


def read_vintages(folder: Path) -> list[Vintage]:
    """`forecasts.csv[.gz]` (issued_at, from, forecast) and `actuals.csv[.gz]` (from, actual); times ISO 8601, UTC.

    Raises `VintageError`.
    """
    actuals = {time: value for time, _, value in _rows(folder, "actuals", "from", "actual")}
    by_issue: dict[datetime, dict[datetime, float]] = {}
    for time, issued, value in _rows(folder, "forecasts", "from", "forecast", "issued_at"):
        by_issue.setdefault(issued, {})[time] = value
    vintages: list[Vintage] = []
    for issued, known in sorted(by_issue.items()):
        start = slot_start(issued)
        times = [start + i * SLOT for i in range(SLOTS)]
        forecast, actual = (np.array([table.get(t, np.nan) for t in times]) for table in (known, actuals))
        vintages.append(Vintage(issued, start, forecast, actual))
    if not vintages:
        msg = f"there is no forecast in {folder}"
        raise VintageError(msg)
    return vintages


def shifts(vintages: Sequence[Vintage]) -> Iterator[Shift]:
    """Every shift that the product would choose for workloads of several lengths, delays and windows."""
    for vintage in vintages:
        expected, came = (flat_market(row, vintage.start) for row in (vintage.forecast, vintage.actual))
        for hours in DURATIONS_HOURS:
            for delay in DELAYS_HOURS:
                for within in WITHIN_HOURS:
                    if delay + within <= SLOTS / 2 and hours < within:
                        yield from _shift(vintage, expected, came, hours, delay, within)


def fit(made: Sequence[Shift], base: ErrorModel) -> tuple[ErrorModel, float]:
    """The base with correlation and slope that make what came most likely; and the optimism that a free fit has."""
    best: tuple[float, ErrorModel, float] | None = None
    won = [shift.won for shift in made]
    for hours in CORRELATION_HOURS:
        model = base.model_copy(update={"correlation_hours": hours, "optimism": 0.0})
        wide = [shift.spreads(model) for shift in made]
        slope, _ = fit_link(wide, won, with_optimism=False)
        candidate = model.model_copy(update={"slope": slope})
        loss = _loss(wide, won, slope)
        if best is None or loss < best[0]:
            best = (loss, candidate, fit_link(wide, won)[1])
    if best is None:
        msg = "there is no decision to fit on"
        raise VintageError(msg)
    return best[1], best[2]


def sd_per_root_g(vintages: Sequence[Vintage]) -> float:
    """Root mean square error of the forecasts over the root of their mean intensity."""
    error = np.concatenate([v.forecast - v.actual for v in vintages])
    level = np.nanmean(np.concatenate([v.forecast for v in vintages]))
    return float(np.sqrt(np.nanmean(error**2) / level))


def groups(made: Sequence[Shift], model: ErrorModel) -> list[Group]:
    """Reliability and Brier score in all, by what was said, by forecast difference, by lead."""
    said = np.array([shift.said(model) for shift in made])
    lead = np.array([shift.lead_hours for shift in made])
    gap = np.array([shift.difference_g_per_kwh for shift in made])
    named: list[tuple[str, BoolArray]] = [("all", np.ones(len(made), bool))]
    named += [
        (f"said {low:.1f}-{low + 0.1:.1f}", (said >= low) & (said < low + 0.1)) for low in np.arange(0.5, 0.95, 0.1)
    ]
    named += [(f"difference {low}-{high} g/kWh", (gap >= low) & (gap < high)) for low, high in DIFFERENCES_G]
    named += [(f"lead {low}-{high} h", (lead >= low) & (lead < high)) for low, high in LEADS_HOURS]
    return [_group(name, mask, said, made) for name, mask in named if mask.any()]


def brier_difference(made: Sequence[Shift], new: ErrorModel, old: ErrorModel) -> Interval:
    """Brier score under the new model minus that under the old: below 0 is better."""
    won = np.array([shift.won for shift in made], float)
    losses = [(np.array([shift.said(model) for shift in made]) - won) ** 2 for model in (new, old)]
    return _interval(made, losses[0] - losses[1])


def crossed(made: Sequence[Shift], base: ErrorModel) -> float:
    """Brier score of each half of the weeks under the model fitted on the other half."""
    losses: list[float] = []
    for parity in (0, 1):
        model, _ = fit([shift for shift in made if shift.week % 2 != parity], base)
        losses += [(shift.said(model) - shift.won) ** 2 for shift in made if shift.week % 2 == parity]
    return float(np.mean(losses))


def lead_difference(made: Sequence[Shift], model: ErrorModel) -> Interval:
    """Brier score with a slope that changes with the lead minus that without, fitted on the other half of the weeks."""
    wide = np.array([shift.spreads(model) for shift in made])
    lead = np.array([shift.lead_hours for shift in made]) / 24
    won = np.array([shift.won for shift in made], float)
    half = np.array([shift.week % 2 for shift in made])
    losses: list[FloatArray] = []
    for design in (np.column_stack([wide, wide * lead]), wide[:, None]):
        odds = np.zeros(len(made))
        for parity in (0, 1):
            odds[half == parity] = design[half == parity] @ logistic(design[half != parity], won[half != parity])
        losses.append((1 / (1 + np.exp(-np.clip(odds, -40, 40))) - won) ** 2)
    return _interval(made, losses[0] - losses[1])


def _shift(
    vintage: Vintage, expected: Market, came: Market, hours: float, delay: float, within: float
) -> Iterator[Shift]:
    begin = vintage.start + timedelta(hours=delay)
    problem = Problem(
        now=begin,
        job=Job(energy_kwh=1.0, duration_minutes=int(hours * 60), power_kw=1.0 / hours),
        limits=Limits(earliest_start=begin, latest_finish=begin + timedelta(hours=within)),
        assets=(SITE,),
        carbon_price_gbp_per_tonne=CARBON_PRICE,
    )
    options = search(problem, expected)
    now = run_now(problem, expected) if options else None
    if now is None or options[0].segments == now.segments:
        return
    then = Limits(earliest_start=options[0].start, latest_start=options[0].start)
    held = search(problem.model_copy(update={"limits": then}), came)
    yield Shift(
        week=vintage.issued_at.isocalendar().week,
        lead_hours=(options[0].start - vintage.start) / timedelta(hours=1),
        difference_g_per_kwh=now.intensity_g_per_kwh - options[0].intensity_g_per_kwh,
        won=bool(held) and held[0].carbon_g < run_now(problem, came).carbon_g,
        problem=problem,
        market=expected,
        option=options[0],
        now=now,
    )


def _loss(wide: Sequence[float], won: Sequence[bool], slope: float) -> float:
    odds = slope * np.asarray(wide)
    return float(np.mean(np.logaddexp(0.0, np.where(won, -odds, odds))))


def _group(name: str, mask: BoolArray, said: FloatArray, made: Sequence[Shift]) -> Group:
    inside = [shift for shift, is_in in zip(made, mask, strict=True) if is_in]
    won = np.array([shift.won for shift in inside], float)
    return Group(
        name=name,
        decisions=len(inside),
        said=float(said[mask].mean()),
        came=_interval(inside, won),
        brier=_interval(inside, (said[mask] - won) ** 2),
    )


def _interval(made: Sequence[Shift], values: FloatArray) -> Interval:
    """Mean, and the middle 95 % of the means of weeks drawn with replacement."""
    weeks = sorted({shift.week for shift in made})
    of_week = np.array([weeks.index(shift.week) for shift in made])
    sums = np.bincount(of_week, values, len(weeks))
    counts = np.bincount(of_week, minlength=len(weeks))
    drawn = np.random.default_rng(0).integers(0, len(weeks), (RESAMPLES, len(weeks)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(values.mean()), float(low), float(high))


def _rows(
    folder: Path, name: str, time: str, value: str, issued: str = ""
) -> Iterator[tuple[datetime, datetime, float]]:
    """(slot, time of publication, figure) of each line; without one the slot itself."""
    path = next((p for p in (folder / f"{name}.csv.gz", folder / f"{name}.csv") if p.is_file()), None)
    if path is None:
        msg = f"{folder} has no {name}.csv or {name}.csv.gz"
        raise VintageError(msg)
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            slot, at = utc_time(row.get(time)), utc_time(row.get(issued or time))
            try:
                figure = float(row.get(value) or "nan")
            except ValueError:
                figure = np.inf
            if slot is None or at is None or np.isinf(figure):
                columns = " and ".join(column for column in (issued, time) if column)
                msg = f"line {line} of {path} needs times with their zone in {columns} and a number in {value}"
                raise VintageError(msg)
            yield slot, at, figure
