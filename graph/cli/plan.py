"""`gridwise plan`: the answer at once, without queue, database or server."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from graph.cli.options import AsJson, Within
from graph.cli.workload import WorkloadOptions, takes_workload

Format: TypeAlias = Literal["sbatch", "at", "systemd", "ics", "cron", "github", "kubernetes", "kubernetes-cronjob"]


@takes_workload
def plan(
    workload: WorkloadOptions,
    name: Annotated[str, typer.Argument(help="Name of the workload.")] = "workload",
    region: Within = None,
    top: Annotated[int, typer.Option(min=0, max=60, help="Also list this many options, the best first.")] = 0,
    chart: Annotated[bool, typer.Option("--chart", help="Draw the region's carbon intensity by the hour.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained page with charts to this file.")] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Print it for another scheduler, and nothing else.")
    ] = None,
    command: Annotated[str, typer.Option(help="The command that --format is to start.")] = "your-command",
    as_json: AsJson = False,
) -> None:
    """Answer at once where and when to run. Needs no queue or database. Exit code 1 if nothing fits."""
    from graph.cli.planning import Shown, plan_workload

    shown = Shown(top=top, chart=chart, html=html, form=form, command=command, as_json=as_json)
    plan_workload(workload, name, region, shown)
