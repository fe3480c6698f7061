"""`gridwise backtest`: what placing would have saved in the past."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from graph.cli.fits import show_prices, show_vintages
from graph.cli.options import AsJson
from graph.cli.output import Output
from graph.views.backtest_page import backtest_page, calibration_page
from tools.backtest.calibration import Calibration, Decision, decisions
from tools.backtest.jobs import ReplayJob, arrivals, ml_project, nightly, read_jobs
from tools.backtest.paper import paper_figures, paper_steps
from tools.backtest.replay import Policy, Setting, noisy, replay
from tools.backtest.report import PolicyResult, monthly_savings, results
from tools.backtest.trace import Trace, read_trace

COLUMNS = ("policy", "g/kWh", "CO2 kg", "CO2 saved %", "± over seeds", "GBP", "GBP saved %", "delay h", "moved %")


DEFAULT_ERROR = 0.05
CALIBRATION_JOBS = 12_000


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
    paper: Annotated[bool, typer.Option("--paper", help="Reproduce the figures published for Great Britain.")] = False,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Show how often what the confidence says comes true.")
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
    min_saving: Annotated[float, typer.Option(help="Least share that a shift must save.", min=0)] = 0.05,
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
    series, wanted = _jobs(series, scenario, jobs, slack, slack_hours, window_hours, count)
    setting = Setting(
        carbon_price_gbp_per_tonne=carbon_price,
        min_saving=min_saving,
        pausable=pausable,
        policies=tuple(p for p in Policy if p is not Policy.CHEAPEST or series.price_gbp_per_kwh is not None),
    )
    has_own = series.forecast is not None and error is None
    forecasts = (
        series.forecast[None, :]
        if has_own and series.forecast is not None
        else noisy(series.actual, DEFAULT_ERROR if error is None else error, range(seeds))
    )
    began = time.perf_counter()
    with _progress(output, len(wanted)) as step:
        found = replay(series, wanted, forecasts, setting, step)
    seconds = time.perf_counter() - began
    rows = results(found)
    name = jobs.name if jobs else scenario.value
    output.records([{"trace": series.name, "scenario": name, **row.record()} for row in rows])
    if not rows:
        output.say(f"None of the {len(wanted)} jobs lies within the trace {series.name} and its holes.")
        raise typer.Exit(1)
    share = DEFAULT_ERROR if error is None else error
    source = "the trace's own forecast" if has_own else f"{len(forecasts)} draws of a {share:.0%} error"
    title = f"{rows[0].jobs} jobs on {series.name}, chosen on {source}"
    if not as_json:
        output.table(title, COLUMNS, [_cells(row) for row in rows])
        output.say(f"{rows[0].skipped} jobs left out (beyond the trace or in a hole); {seconds:.1f} s.")
    if html is not None:
        months = {p.value: monthly_savings(found, p) for p in setting.policies if p is not Policy.RUN_NOW}
        _write(output, html, backtest_page(title, rows=rows, months=months))


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
            "Let's Wait Awhile (Middleware 2021), Great Britain, 5 % error",
            ("figure", "unit", "published", "ours", "agrees"),
            [(f.name, f.unit, f"{f.published:.3f}", f"{f.ours:.3f}", "yes" if f.agrees else "NO") for f in figures],
        )
    if html is not None:
        _write(output, html, backtest_page("Published figures, reproduced", figures=figures))
    if not all(figure.agrees for figure in figures):
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
    )


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
