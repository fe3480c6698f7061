"""`gridwise retry ID…`: give failed workloads another chance."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from graph.app.reference import chosen_store, resolve_all
from graph.cli.options import AsJson, WorkloadRefs
from graph.cli.output import Output


def retry(
    workloads: WorkloadRefs,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over, as a new submission; without it the run resumes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put failed workloads back into the queue; what waits for its next attempt becomes due at once. Exit code 1 if
    one of them could not be taken."""
    output = Output(as_json=as_json)
    ids, taken = asyncio.run(_requeue(workloads, fresh=fresh))
    output.records([{"id": str(one)} for one in taken], lines=[f"{one} is pending again" for one in taken])
    left = [one for one in ids if one not in taken]
    for one in left:
        output.say(
            f"{one} was left alone: it does not exist, is being worked on, or has not failed (--fresh does it over)."
        )
    if left:
        raise typer.Exit(1)


async def _requeue(references: list[str], *, fresh: bool) -> tuple[list[UUID], list[UUID]]:
    async with chosen_store() as store:
        ids = await resolve_all(store, references)
        return ids, await store.operations.requeue(ids, fresh=fresh)
