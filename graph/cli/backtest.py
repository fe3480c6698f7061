"""`gridwise backtest`: what placing would have saved in the past."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from graph.cli.fits import show_prices, show_vintages
from graph.cli.options import AsJson
from graph.cli.output import Output
from graph.views.backtest_page import AGREES, backtest_page, calibration_page
from tools.backtest.calibration import Calibration, Decision, decisions
from tools.backtest.jobs import ReplayJob, arrivals, ml_project, nightly, read_jobs
from tools.backtest.paper import paper_figures, paper_steps
from tools.backtest.replay import Policy, Setting, noisy, replay
from tools.backtest.report import GroupResult, PolicyResult, grouped, monthly_savings, results
from tools.backtest.trace import Trace, read_trace
from tools.market import FloatArray

COLUMNS = (
    "policy",
    "g/kWh",
    "CO2 kg",
    "CO2 saved %",
    "± over seeds",
    "GBP",
    "GBP saved %",
    "delay h",
    "moved %",
    "dirtier than now %, forecast",
    "and in fact",
)
GROUPS = ("of", "policy", "jobs", "CO2 saved %", "GBP saved %")


DEFAULT_ERROR = 0.05
CALIBRATION_JOBS = 12_000


class First(StrEnum):
    """What GRIDWISE_OBJECTIVE may say."""

    BALANCED = "balanced"
    CARBON = "carbon"
    COST = "cost"


class Group(StrEnum):
    """What savings are grouped by."""

    MONTH = "month"
    WEEKDAY = "weekday"


class Scenario(StrEnum):
    """Which jobs are replayed."""

    NIGHTLY = "nightly"
    ML = "ml"
    ARRIVALS = "arrivals"


def backtest(
    trace: Annotated[
        Path | None,
        typer.Option(help="CSV: time,intensity[,forecast][,price_gbp_per_kwh], or NESO's, or lets-wait-awhile's."),
    ] = None,
    scenario: Annotated[Scenario, typer.Option(help="Jobs to replay, unless --jobs names a list.")] = Scenario.ARRIVALS,
    jobs: Annotated[Path | None, typer.Option(help="CSV: arrival_time and length in s, cpus or power_kw.")] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="The figures of Let's Wait Awhile, beside those printed for Great Britain.")
    ] = False,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Show how well calibrated the confidence is.")
    ] = False,
    vintages: Annotated[
        Path | None,
        typer.Option(help="Folder with forecasts.csv and actuals.csv: fit the confidence on forecasts as published."),
    ] = None,
    prices: Annotated[
        bool, typer.Option("--prices", help="Show what estimating prices beyond the published horizon is worth.")
    ] = False,
    pausable: Annotated[bool, typer.Option("--pausable", help="Jobs may pause.")] = False,
    slack: Annotated[str, typer.Option(help="ml: next_workday or semi_weekly.")] = "next_workday",
    slack_hours: Annotated[float, typer.Option(help="arrivals, --jobs: how long a job may wait.", min=0)] = 24.0,
    window_hours: Annotated[float, typer.Option(help="nightly: how far a job may be moved either way.", min=0)] = 4.0,
    count: Annotated[int, typer.Option(help="arrivals: number of jobs.", min=1)] = 1000,
    error: Annotated[
        float | None,
        typer.Option(
            help="Forecast error as a share of the mean; default: the trace's own forecast, else 0.05.", min=0
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Draws of the forecast error.", min=1, max=100)] = 10,
    carbon_price: Annotated[float, typer.Option(help="GBP per tonne in our policy.", min=0)] = 1000.0,
    objective: Annotated[
        First, typer.Option(help="What comes first in our policy: it moves the carbon price, as in the product.")
    ] = First.BALANCED,
    guard: Annotated[
        bool, typer.Option("--guard", help="Also our policy held to emit no more than running now, on the forecast.")
    ] = False,
    by: Annotated[
        list[Group] | None, typer.Option(help="Also savings by month or by weekday; may be given twice.")
    ] = None,
    min_saving: Annotated[float, typer.Option(help="Minimum share that a shift must save.", min=0)] = 0.05,
    min_saving_gbp: Annotated[float, typer.Option(help="Least GBP of it that a shift must save.", min=0)] = 0.01,
    html: Annotated[Path | None, typer.Option(help="Also write a page with charts to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a past year: choose on the forecast, score on what came, compare policies.

    Exit code 1 if --paper finds a figure that differs from print by more than 0.001.
    """
    output = Output(as_json=as_json)
    if vintages is not None:
        show_vintages(output, vintages)
        return
    if trace is None:
        msg = "there is nothing to replay; give --trace FILE, or --vintages FOLDER"
        raise typer.BadParameter(msg)
    series = read_trace(trace)
    for note in series.notes:
        output.say(f"{series.name}: {note}.")
    if prices:
        show_prices(output, series)
        return
    if paper:
        _paper(output, series, html)
        return
    if confidence:
        _confidence(output, series, html)
        return
    if slack not in ("next_workday", "semi_weekly"):
        msg = f"--slack is {slack!r}; it is next_workday or semi_weekly"
        raise typer.BadParameter(msg)
    if objective is First.COST and series.price_gbp_per_kwh is None:
        msg = f"--objective cost needs prices, and {series.name} has none"
        raise typer.BadParameter(msg)
    series, wanted = _jobs(series, scenario, jobs, slack, slack_hours, window_hours, count)
    setting = Setting(
        carbon_price_gbp_per_tonne=carbon_price,
        min_saving=min_saving,
        pausable=pausable,
        policies=_policies(series, guard=guard),
        objective=objective.value,
        min_saving_gbp=min_saving_gbp,
    )
    forecasts, source = _forecasts(series, error, seeds)
    _replayed(
        output, series, wanted, forecasts, setting, Telling(jobs.name if jobs else scenario.value, source, by, html)
    )


@dataclass(frozen=True)
class Telling:
    """How a replay is reported."""

    jobs: str
    source: str
    """What the choice was made on."""
    by: Sequence[Group] | None
    html: Path | None


def _replayed(
    output: Output,
    series: Trace,
    wanted: Sequence[ReplayJob],
    forecasts: FloatArray,
    setting: Setting,
    telling: Telling,
) -> None:
    began = time.perf_counter()
    with _progress(output, len(wanted)) as step:
        found = replay(series, wanted, forecasts, setting, step)
    seconds = time.perf_counter() - began
    rows = results(found)
    groups = [group for one in telling.by or () if rows for group in grouped(found, one.value)]
    records = [*(row.record() for row in rows), *(group.record() for group in groups)]
    output.records([{"trace": series.name, "scenario": telling.jobs, **record} for record in records])
    if not rows:
        output.say(f"None of the {len(wanted)} jobs lies within the trace {series.name} and its holes.")
        raise typer.Exit(1)
    title = f"{rows[0].jobs} jobs on {series.name}, chosen on {telling.source}"
    if not output.as_json:
        output.table(title, COLUMNS, [_cells(row) for row in rows])
        if groups:
            output.table("Saved against running now", GROUPS, [_group_cells(group) for group in groups])
        output.say(f"{rows[0].skipped} jobs left out (beyond the trace or in a hole); {seconds:.1f} s.")
    if telling.html is not None:
        months = {p.value: monthly_savings(found, p) for p in setting.policies if p is not Policy.RUN_NOW}
        _write(output, telling.html, backtest_page(title, rows=rows, months=months))


def _forecasts(series: Trace, error: float | None, seeds: int) -> tuple[FloatArray, str]:
    """(versions, slots) and what they are."""
    if series.forecast is not None and error is None:
        return series.forecast[None, :], "the trace's own forecast"
    share = DEFAULT_ERROR if error is None else error
    return noisy(series.actual, share, range(seeds)), f"{seeds} draws of a {share:.0%} error"


def _policies(series: Trace, *, guard: bool) -> tuple[Policy, ...]:
    return tuple(
        policy
        for policy in Policy
        if (policy is not Policy.CHEAPEST or series.price_gbp_per_kwh is not None)
        and (policy is not Policy.GUARDED or guard)
    )


def _jobs(
    series: Trace,
    scenario: Scenario,
    jobs: Path | None,
    slack: str,
    slack_hours: float,
    window_hours: float,
    count: int,
) -> tuple[Trace, Sequence[ReplayJob]]:
    if jobs is not None:
        return series, read_jobs(jobs, slack_hours=slack_hours)
    if scenario is Scenario.ARRIVALS:
        return series, arrivals(series.start, series.slots, jobs=count, slack_hours=slack_hours)
    year = series.start.year + (series.start > datetime(series.start.year, 1, 1, tzinfo=UTC))
    series = series.since(datetime(year, 1, 1, tzinfo=UTC))
    if scenario is Scenario.NIGHTLY:
        return series, nightly(series.start, round(window_hours * 2))
    return series, ml_project(year, slack)


def _paper(output: Output, series: Trace, html: Path | None) -> None:
    with _progress(output, paper_steps()) as step:
        figures = list(paper_figures(series, step))
    output.records([figure.record() for figure in figures])
    if not output.as_json:
        output.table(
            f"Let's Wait Awhile (Middleware 2021), {series.name}, 5 % error",
            ("figure", "unit", "published", "ours", "agrees"),
            [
                (f.name, f.unit, "" if f.published is None else f"{f.published:.3f}", f"{f.ours:.3f}", AGREES[f.agrees])
                for f in figures
            ],
        )
    if html is not None:
        _write(output, html, backtest_page("Published figures, reproduced", figures=figures))
    if any(figure.agrees is False for figure in figures):
        raise typer.Exit(1)


def _confidence(output: Output, series: Trace, html: Path | None) -> None:
    """Of the decisions marked 0.8, about 80 % should have won."""
    with _progress(output, CALIBRATION_JOBS) as step:
        made: list[Decision] = []
        for decision in decisions(series, CALIBRATION_JOBS):
            made.append(decision)
            step(len(made))
    score = Calibration.of(made)
    output.records([score.record()])
    if not output.as_json:
        cells = [(f"{r.low:.1f}", str(r.decisions), f"{r.said:.3f}", f"{r.came:.3f}") for r in score.deciles]
        output.table(f"{len(made)} shifts on {series.name}", ("from", "decisions", "said", "came true"), cells)
        output.say(
            f"Brier score {score.brier:.4f}; a constant {score.brier_constant:.4f}; "
            f"the paper's 5 % noise {score.brier_paper:.4f} (0 is best)."
        )
    if html is not None:
        _write(output, html, calibration_page(series.name, score))


def _cells(row: PolicyResult) -> tuple[str, ...]:
    return (
        row.policy,
        f"{row.intensity_g_per_kwh:.1f}",
        f"{row.carbon_kg:.1f}",
        "" if row.carbon_saved_pct is None else f"{row.carbon_saved_pct:.2f}",
        f"{row.carbon_saved_sd_pct:.2f}",
        "" if row.cost_gbp is None else f"{row.cost_gbp:.2f}",
        "" if row.cost_saved_pct is None else f"{row.cost_saved_pct:.2f}",
        f"{row.mean_delay_hours:.1f}",
        f"{row.shifted_pct:.0f}",
        "" if row.dirtier_on_forecast_pct is None else f"{row.dirtier_on_forecast_pct:.1f}",
        "" if row.dirtier_pct is None else f"{row.dirtier_pct:.1f}",
    )


def _group_cells(group: GroupResult) -> tuple[str, ...]:
    carbon, cost = ("" if saved is None else f"{saved:.2f}" for saved in (group.carbon_saved_pct, group.cost_saved_pct))
    return group.group, group.policy, str(group.jobs), carbon, cost


def _write(output: Output, path: Path, page: str) -> None:
    path.write_text(page, encoding="utf-8")
    output.say(f"Wrote {path}.")


@contextmanager
def _progress(output: Output, total: int) -> Iterator[Callable[[int], None]]:
    """A bar where a person is watching."""
    if not output.is_live:
        yield lambda _done: None
        return
    with Progress(console=output.messages, transient=True) as bar:
        task = bar.add_task("replaying", total=total)
        yield lambda done: bar.update(task, completed=done)
