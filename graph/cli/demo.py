"""`gridwise demo`: the poller over sample workloads, until each has its answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID, uuid4

import typer

from graph.app.database import new_demo
from graph.app.samples import sample_rows
from graph.app.settings import Settings, load_settings
from graph.cli.options import AsJson
from graph.cli.output import Output
from graph.views.placements import TERMS, heading, placement_lines
from persistence.ids import short_id
from persistence.workload import Row

if TYPE_CHECKING:
    from graph.app.runtime import Runtime

CLOCK: Final = datetime(2023, 11, 3, 14, tzinfo=UTC)
"""When the recorded day begins; the demo's now, so that every demo gives the same answers."""
_LOOK_SECONDS = 0.1
_POLL_SECONDS = 0.5


def demo(
    into_configured_store: Annotated[
        bool,
        typer.Option(
            "--into-configured-store", help="Insert the samples into the database of DATABASE_URL or SUPABASE_URL."
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the poller's log.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit twelve sample workloads and place them on one recorded day of the grid, 3-4 November 2023.

    Uses a database of its own on the embedded PostgreSQL, so that it neither needs nor touches yours.
    Exit code 1 if any workload ends unexpectedly.
    """
    settings = load_settings(sources="recorded").model_copy(update={"concurrency": 1})
    output = Output(as_json=as_json)
    output.say("Starting…")
    rows = asyncio.run(_demo(settings, output, own=not into_configured_store, verbose=verbose))
    if not all(_is_answered(row) for row in rows):
        raise KeyboardInterrupt  # the poller leaves a queue that is not empty only when it was stopped
    if not all(_as_intended(row) for row in rows):
        raise typer.Exit(1)


async def _demo(settings: Settings, output: Output, *, own: bool, verbose: bool) -> list[Row]:
    async with _runtime(settings, own=own, verbose=verbose) as runtime:
        ids = await runtime.store.operations.submit(sample_rows(CLOCK, run="demo" if own else str(uuid4())))
        output.say(f"{len(ids)} sample workloads submitted.")
        output.say(_parts(runtime))
        return await _until_answered(runtime, output, ids, own=own)


@asynccontextmanager
async def _runtime(settings: Settings, *, own: bool, verbose: bool) -> "AsyncIterator[Runtime]":
    """The server starts while the graph is imported, which takes as long."""
    imported = asyncio.create_task(asyncio.to_thread(import_module, "graph.app.runtime"))
    async with AsyncExitStack() as stack:
        if own:
            settings = await stack.enter_async_context(new_demo(settings))
        await imported
        from graph.app.logs import configure_logs
        from graph.app.runtime import open_runtime

        configure_logs(settings.log_format, level=settings.log_level if verbose else "critical")
        yield await stack.enter_async_context(open_runtime(settings))


async def _until_answered(runtime: "Runtime", output: Output, ids: list[UUID], *, own: bool) -> list[Row]:
    """Poll until every sample is answered; each is shown as soon as it and all before it are."""
    from graph.app.runtime import make_worker

    worker = make_worker(runtime, until_empty=True, poll_interval_seconds=_POLL_SECONDS, clock=lambda: CLOCK)
    poller = asyncio.create_task(worker.run())
    shown: list[Row] = []
    try:
        while len(shown) < len(ids) and not poller.done():
            await asyncio.wait({poller}, timeout=_LOOK_SECONDS)
            shown += await _answered(runtime, output, ids[len(shown) :], is_first=not shown)
        await poller
    finally:
        poller.cancel()
        await asyncio.wait({poller})
    shown += await _answered(runtime, output, ids[len(shown) :], is_first=not shown)
    if not output.as_json and len(shown) == len(ids):
        flag = " --demo" if own else ""
        output.print(
            "",
            *TERMS,
            f"`gridwise list{flag}` shows them again; `gridwise show{flag} {short_id(ids[0])}` one.",
        )
    return shown


async def _answered(runtime: "Runtime", output: Output, ids: list[UUID], *, is_first: bool) -> list[Row]:
    rows: list[Row] = []
    for workload_id in ids:
        row = await runtime.store.operations.read(workload_id)
        if row is None or not _is_answered(row):
            break
        if is_first and not rows and not output.as_json:
            output.print("Where and when to run, decided at 14:00 on Friday 3 November 2023", heading(output.width))
        rows.append(row)
        output.records([row], lines=placement_lines(row, output.width))
    return rows


def _parts(runtime: "Runtime") -> str:
    model = "Gemini" if runtime.settings.model_kind == "gemini" else "Offline planner (no GEMINI_API_KEY)"
    return f"{model} on {runtime.store.name}."


def _is_answered(row: Row) -> bool:
    return row["status"] in {"queued", "failed"}


def _as_intended(row: Row) -> bool:
    expected = "failed" if "infeasible on purpose" in str(row["workload_name"]) else "queued"
    return row["status"] == expected
