"""`gridwise show ID`: one workload, its state and what was recommended."""

import asyncio
from uuid import UUID

import typer

from graph.app.database import open_store
from graph.app.settings import load_settings
from graph.cli.options import AsJson, WorkloadId
from graph.cli.output import Output
from graph.views.rows import describe
from persistence.workload import Row


def show(
    workload_id: WorkloadId,
    as_json: AsJson = False,
) -> None:
    """Show one workload and its recommendation. Exit code 1 if there is none such, or it failed."""
    output = Output(as_json=as_json)
    row = asyncio.run(_read(workload_id))
    if row is None:
        output.say(f"No workload {workload_id}. `gridwise status` lists what is there.")
        raise typer.Exit(1)
    output.records([row], lines=describe(row))
    if row["status"] == "failed":
        raise typer.Exit(1)


async def _read(workload_id: UUID) -> Row | None:
    async with open_store(load_settings()) as store:
        return await store.operations.read(workload_id)
