"""`gridwise cancel ID…`: what waits, is worked on or has an answer is cancelled."""

import asyncio
from uuid import UUID

import typer

from graph.app.reference import chosen_store, resolve_all
from graph.cli.options import AsJson, WorkloadRefs
from graph.cli.output import Output


def cancel(workloads: WorkloadRefs, as_json: AsJson = False) -> None:
    """Cancel workloads. A run under way notices and stops, and its answer is dropped. Exit code 1 if one was left."""
    output = Output(as_json=as_json)
    ids, taken = asyncio.run(_cancel(workloads))
    done = [one for one in ids if one in taken]
    output.records(
        [{"id": str(one), "status": "cancelled"} for one in done], lines=[f"{one} is cancelled" for one in done]
    )
    left = [one for one in ids if one not in taken]
    for one in left:
        output.say(f"{one} was left alone: it does not exist, or it has failed or been cancelled already.")
    if left:
        raise typer.Exit(1)


async def _cancel(references: list[str]) -> tuple[list[UUID], set[UUID]]:
    async with chosen_store() as store:
        ids = await resolve_all(store, references)
        return ids, await store.directory.cancel(ids)
