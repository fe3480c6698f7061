"""`gridwise status`: the queue at a glance."""

import asyncio
from typing import Annotated

import typer
from rich.live import Live

from graph.app.database import open_store
from graph.app.settings import load_settings
from graph.cli.options import AsJson
from graph.cli.output import Output
from graph.views.queue import status_lines


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking until interrupted.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between looks.", min=0.2)] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Counts by state, the oldest pending workload, what is in flight, failures, throughput of the last hour."""
    asyncio.run(_status(Output(as_json=as_json), watch=watch, every=every))


async def _status(output: Output, *, watch: bool, every: float) -> None:
    async with open_store(load_settings()) as store:
        if not watch:
            found = await store.operations.status()
            output.records([found], lines=status_lines(found))
            return
        if not output.is_live:
            while True:
                found = await store.operations.status()
                output.records([found], lines=[*status_lines(found), ""])
                await asyncio.sleep(every)
        with Live(console=output.console, auto_refresh=False) as live:
            while True:
                live.update("\n".join(status_lines(await store.operations.status())), refresh=True)
                await asyncio.sleep(every)
