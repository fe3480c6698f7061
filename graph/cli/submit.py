"""`gridwise submit`: put workloads into the queue, from options or from a file."""

from pathlib import Path
from typing import Annotated

import typer

from graph.cli.options import AsJson
from graph.cli.workload import WorkloadOptions, takes_workload


@takes_workload
def submit(
    workload: WorkloadOptions,
    name: Annotated[str | None, typer.Argument(help="Name of the workload; leave out with --file.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="JSON Lines, JSON or CSV with a heading; keys are column names. - reads standard input."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put workloads into the queue; print their ids and what is assumed about them.

    Exit code 1 if a row of the file was refused; the others are submitted.
    """
    if (name is None) == (file is None):
        message = "give either a NAME or --file"
        raise typer.BadParameter(message)
    from graph.cli.output import Output
    from graph.cli.submitting import submit_workloads

    submit_workloads(Output(as_json=as_json), workload, name, file)
