"""`gridwise retry ID…`: give failed workloads another chance."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from graph.app.database import open_store
from graph.app.settings import load_settings
from graph.cli.options import AsJson
from graph.cli.output import Output


def retry(
    workload_ids: Annotated[list[UUID], typer.Argument(metavar="ID...", help="Ids of the workloads.")],
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over, as a new submission; without it the run resumes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put failed workloads back into the queue; what waits for its next attempt becomes due at once. Exit code 1 if
    one of them could not be taken."""
    output = Output(as_json=as_json)
    taken = asyncio.run(_requeue(workload_ids, fresh=fresh))
    output.records([{"id": str(one)} for one in taken], lines=[f"{one} is in the queue again" for one in taken])
    left = [one for one in workload_ids if one not in taken]
    for one in left:
        output.say(
            f"{one} was left alone: it does not exist, is being worked on, or has not failed (--fresh does it over)."
        )
    if left:
        raise typer.Exit(1)


async def _requeue(workload_ids: list[UUID], *, fresh: bool) -> list[UUID]:
    async with open_store(load_settings()) as store:
        return await store.operations.requeue(workload_ids, fresh=fresh)
