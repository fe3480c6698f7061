"""Arguments and options that several commands share."""

from typing import Annotated
from uuid import UUID

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line, nothing else on standard output.")]
WorkloadId = Annotated[UUID, typer.Argument(metavar="ID", help="The workload's id.")]
