"""`gridwise show ID`: one workload, its state and what was recommended."""

import asyncio

import typer

from graph.app.reference import NotFound, chosen_store, resolve
from graph.cli.options import AsJson, Demo, WorkloadRef
from graph.cli.output import Output
from graph.views.rows import describe
from persistence.workload import Row


def show(workload: WorkloadRef, demo: Demo = False, as_json: AsJson = False) -> None:
    """Show one workload and its recommendation. Exit code 1 if there is no such workload, or it failed."""
    output = Output(as_json=as_json)
    row = asyncio.run(_read(workload, demo=demo))
    output.records([row], lines=describe(row))
    if row["status"] == "failed":
        raise typer.Exit(1)


async def _read(reference: str, *, demo: bool) -> Row:
    async with chosen_store(demo=demo) as store:
        row = await store.operations.read(await resolve(store, reference))
    if row is None:
        msg = f"There is no workload {reference}. See `gridwise list`."
        raise NotFound(msg)
    return row
