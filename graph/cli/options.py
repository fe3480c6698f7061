"""Arguments and options that several commands share. Light: every command imports it."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line, nothing else on standard output.")]
WorkloadRef = Annotated[
    str, typer.Argument(metavar="ID", help="The workload: its id, the first digits of the id, or its name.")
]
WorkloadRefs = Annotated[
    list[str], typer.Argument(metavar="ID...", help="The workloads: ids, the first digits of ids, or names.")
]
Demo = Annotated[bool, typer.Option("--demo", help="Look at the last demo's workloads.")]
Within = Annotated[
    str | None, typer.Option("--region", help="Only there: a region, city or postcode; several joined by a comma.")
]
