"""`gridwise show ID`: one workload, its state and what was recommended."""

import asyncio
from typing import TYPE_CHECKING

import typer

from graph.cli.options import AsJson, Demo, WorkloadRef

if TYPE_CHECKING:
    from persistence.workload import Row


def show(workload: WorkloadRef, demo: Demo = False, as_json: AsJson = False) -> None:
    """Show one workload and its recommendation. Exit code 1 if there is no such workload, or it failed."""
    from graph.cli.output import Output
    from graph.views.rows import describe

    output = Output(as_json=as_json)
    row = asyncio.run(_read(workload, demo=demo))
    output.records([row], lines=describe(row))
    if row["status"] == "failed":
        raise typer.Exit(1)


async def _read(reference: str, *, demo: bool) -> "Row":
    from graph.app.reference import NotFound, chosen_store, resolve

    async with chosen_store(demo=demo) as store:
        row = await store.operations.read(await resolve(store, reference))
    if row is None:
        msg = f"There is no workload {reference}. See `gridwise list`."
        raise NotFound(msg)
    return row
