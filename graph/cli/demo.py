"""`gridwise demo`: the poller over sample workloads, until each has its answer."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from graph.app.logs import configure_logs
from graph.app.runtime import Runtime, banner, make_worker, open_runtime
from graph.app.settings import ConfigurationError, Settings, load_settings
from graph.cli.options import AsJson
from graph.cli.output import Output, make_table
from graph.cli.samples import sample_rows
from graph.views.rows import COLUMNS, cells
from persistence.store.open import Store
from persistence.workload import Row

_REFRESH_SECONDS = 0.25
_POLL_SECONDS = 0.5


def demo(
    into_configured_store: Annotated[
        bool, typer.Option(help="Insert the samples into the database of DATABASE_URL or SUPABASE_URL.")
    ] = False,
    verbose: Annotated[bool, typer.Option(help="Show the poller's log.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit twelve sample workloads and place them on one recorded day. Exit code 1 if any ends unexpectedly."""
    settings = load_settings(sources="recorded")
    if not into_configured_store and not (settings.is_embedded and settings.supabase_url is None):
        message = (
            "DATABASE_URL or SUPABASE_URL is set: the demo would insert sample workloads there. "
            "Say so with --into-configured-store, or unset them to use the embedded database."
        )
        raise ConfigurationError(message)
    configure_logs(settings.log_format, level=logging.INFO if verbose else logging.CRITICAL)
    output = Output(as_json=as_json)
    rows = asyncio.run(_demo(settings, output))
    _report(output, rows)
    if not all(_is_answered(row) for row in rows):
        raise KeyboardInterrupt  # the poller leaves a queue that is not empty only when it was told to stop
    if not all(_as_intended(row) for row in rows):
        raise typer.Exit(1)


async def _demo(settings: Settings, output: Output) -> list[Row]:
    output.say("Starting…")
    async with open_runtime(settings) as runtime:
        for line in banner(runtime):
            output.say(line)
        samples = sample_rows(datetime.now(UTC), run=str(uuid4()))
        ids = await runtime.store.operations.submit(samples)
        output.say(f"{len(ids)} sample workloads submitted")
        return await _until_answered(runtime, output, ids)


async def _until_answered(runtime: Runtime, output: Output, ids: list[UUID]) -> list[Row]:
    """Poll until every sample is answered; on a terminal, show how they move through the states."""
    poller = asyncio.create_task(make_worker(runtime, until_empty=True, poll_interval_seconds=_POLL_SECONDS).run())
    try:
        if output.is_live:
            with Live(console=output.console, auto_refresh=False, transient=True) as live:
                while not poller.done():
                    live.update(_progress(await _read(runtime.store, ids)), refresh=True)
                    await asyncio.wait({poller}, timeout=_REFRESH_SECONDS)
        await poller
    finally:
        poller.cancel()
        await asyncio.wait({poller})
    return await _read(runtime.store, ids)


async def _read(store: Store, ids: list[UUID]) -> list[Row]:
    rows = await asyncio.gather(*(store.operations.read(workload_id) for workload_id in ids))
    return [row for row in rows if row is not None]


def _progress(rows: list[Row]) -> RenderableType:
    answered = sum(_is_answered(row) for row in rows)
    return Group(
        make_table("", COLUMNS, [cells(row) for row in rows]), Text(f"{answered} of {len(rows)} workloads answered")
    )


def _report(output: Output, rows: list[Row]) -> None:
    if output.as_json:
        output.records(rows)
        return
    output.table("Where and when to run, on the recorded day 2023-11-03", COLUMNS, [cells(row) for row in rows])
    for row in rows:
        text = row.get("decision_summary") or row.get("agent_error") or "interrupted before it was answered"
        output.console.print(f"\n{row['workload_name']}\n  {text}", markup=False)
    output.console.print("\n`gridwise show ID` has the details; --json prints the rows.", markup=False)


def _is_answered(row: Row) -> bool:
    return row["status"] in {"queued", "failed"}


def _as_intended(row: Row) -> bool:
    expected = "failed" if "infeasible on purpose" in str(row["workload_name"]) else "queued"
    return row["status"] == expected
