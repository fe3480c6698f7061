"""What `gridwise plan` does, apart from its options; `wait` and `sbatch` ask alike."""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer
from pydantic import JsonValue

from graph.app.oneshot import Answered, answer_once
from graph.app.settings import Settings, load_settings
from graph.cli.output import Output
from graph.cli.workload import WorkloadOptions
from graph.relaxations import relaxations_of
from graph.views.answer import (
    OPTION_COLUMNS,
    alternatives,
    answered_row,
    hourly_bars,
    option_cells,
    option_record,
    plan_lines,
    relaxation_lines,
    request_reading,
)
from persistence.errors import InvalidWorkload
from persistence.workload import Row
from tools.errors import Infeasible
from tools.regions import find_regions
from tools.solver.candidates import energy_candidates


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What of the answer is printed, and how."""

    top: int
    chart: bool
    html: Path | None
    form: str | None
    """For which other scheduler."""
    command: str
    as_json: bool


def plan_workload(workload: WorkloadOptions, name: str, region: str | None, shown: Shown) -> None:
    """Prints the answer. Exits with 1 where nothing fits."""
    output, settings, now = Output(as_json=shown.as_json), load_settings(), datetime.now(UTC)
    row = workload.row(name, now)
    answered = answer_or_exit(settings, row, now, within(region), output)
    found = answered_row(answered.row, answered.recommendation)
    options = energy_candidates(answered.problem, answered.market)[: shown.top] if answered.chosen else ()
    if shown.html is not None:
        _write_page(shown.html, found, answered)
        output.say(f"Wrote {shown.html}.")
    if shown.form is not None:
        print(exported(shown.form, found, now, shown.command.split()), end="")  # noqa: T201 (the command's answer)
        return
    record: dict[str, JsonValue] = {
        **found,
        "alternatives": alternatives(found),
        "request_reading": request_reading(found),
    }
    if shown.top:
        record["options"] = [option_record(option) for option in options]
    lines = plan_lines(found, now, width())
    if shown.chart:
        lines += ["", *hourly_bars(found, answered.market, width())]
    output.records([record], lines=lines)
    if options and not shown.as_json:
        output.table("Options", OPTION_COLUMNS, [option_cells(option) for option in options])


def answer_or_exit(
    settings: Settings, row: Row, now: datetime, regions: Sequence[int] | None, output: Output
) -> Answered:
    """The answer; where there is none, why and what would help, with exit code 1."""
    try:
        submitted: Row = {"submitted_at": now.isoformat(), **row}
        return asyncio.run(answer_once(settings, submitted, now, regions=regions))
    except InvalidWorkload as error:
        raise typer.BadParameter(str(error)) from None
    except Infeasible as error:
        record: dict[str, JsonValue] = {
            **row,
            "status": "failed",
            "agent_error": str(error),
            "binding": error.binding,
            "relaxations": relaxations_of(error, row),
        }
        output.records([record], lines=relaxation_lines(error, width()))
        raise typer.Exit(1) from None


def within(region: str | None) -> tuple[int, ...] | None:
    """Raises `typer.BadParameter` for what is not a place in Great Britain."""
    if region is None:
        return None
    found: set[int] = set()
    for part in region.split(","):
        ids = find_regions(part)
        if not ids:
            message = (
                f'--region: "{part.strip()}" is not a place in Great Britain that is known here; try a city or postcode'
            )
            raise typer.BadParameter(message)
        found.update(ids)
    return tuple(sorted(found))


def exported(form: str, row: Row, now: datetime, command: Sequence[str]) -> str:
    """The row for another scheduler."""
    from graph.exports import calendar, github, kubernetes, slurm, timers
    from graph.exports.run import Run

    run, zone = Run.of(row), datetime.now().astimezone().tzinfo or UTC
    writers = {
        "sbatch": lambda: slurm.sbatch(run, zone),
        "at": lambda: timers.at(run, command),
        "systemd": lambda: timers.systemd(run, command),
        "cron": lambda: timers.cron(run, command, zone),
        "ics": lambda: calendar.calendar(run, now),
        "github": lambda: github.github(run, now),
        "kubernetes": lambda: kubernetes.job(run, command),
        "kubernetes-cronjob": lambda: kubernetes.cronjob(run, command),
    }
    return writers[form]()


def width() -> int:
    """Of the terminal, 60 to 100; 80 elsewhere."""
    return min(100, max(60, shutil.get_terminal_size((80, 24)).columns)) if sys.stdout.isatty() else 80


def _write_page(file: Path, row: Row, answered: Answered) -> None:
    from graph.views.decision import judge
    from graph.views.decision_page import explain_page

    explained = judge(row, answered.problem, answered.market, answered.chosen)
    file.write_text(explain_page(explained), encoding="utf-8")
