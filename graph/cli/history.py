"""`gridwise history ID`: who worked on a workload, how long, and what each attempt did."""

import asyncio
from uuid import UUID

import typer

from graph.app.database import open_database, store_at
from graph.app.reference import chosen_settings, resolve
from graph.cli.options import AsJson, Demo, WorkloadRef
from graph.cli.output import Output
from graph.views.history import AttemptSteps, attempt_lines, attempts_of
from persistence.checkpoints.threads import thread_steps
from persistence.connections.pool import open_pool


def history(
    workload: WorkloadRef,
    demo: Demo = False,
    as_json: AsJson = False,
) -> None:
    """Show the attempts at one workload: who, when, how long, how it ended, which steps it finished. Exit code 1 if
    nobody has worked on it."""
    output = Output(as_json=as_json)
    attempts = asyncio.run(_read(workload, demo=demo))
    if not attempts:
        output.say(f"Nobody has worked on {workload} yet. `gridwise show {workload}` says whether it exists.")
        raise typer.Exit(1)
    output.records([attempt.record() for attempt in attempts], lines=attempt_lines(attempts))


async def _read(reference: str, *, demo: bool) -> list[AttemptSteps]:
    async with (
        chosen_settings(demo=demo) as settings,
        open_database(settings) as url,
        store_at(settings, url) as store,
    ):
        entries = await store.operations.history(await resolve(store, reference))
        threads = {UUID(str(entry["thread_id"])) for entry in entries}
        async with open_pool(url, name="history", max_size=1) as pool:
            return attempts_of(entries, await thread_steps(pool, list(threads)))
