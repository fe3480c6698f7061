"""`gridwise status`: the system as it is now."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph.cli.options import AsJson

if TYPE_CHECKING:
    from graph.cli.output import Output
    from persistence.store.open import Store


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until interrupted.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between refreshes.", min=0.2)] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Show the system as it is now: counts by state, who has waited longest, which pollers are alive, what is in
    flight. `gridwise list` shows the workloads."""
    from graph.cli.output import Output

    asyncio.run(_status(Output(as_json=as_json), watch=watch, every=every))


async def _status(output: "Output", *, watch: bool, every: float) -> None:
    from graph.app.database import open_store
    from graph.app.settings import load_settings
    from graph.views.text import clean

    async with open_store(load_settings()) as store:
        if not watch:
            record, lines = await _look(store)
            output.records([record], lines=lines)
            return
        if not output.is_live:
            while True:
                record, lines = await _look(store)
                output.records([record], lines=[*lines, ""])
                await asyncio.sleep(every)
        from rich.live import Live

        with Live(console=output.console, auto_refresh=False) as live:
            while True:
                live.update(clean("\n".join((await _look(store))[1])), refresh=True)
                await asyncio.sleep(every)


async def _look(store: "Store") -> tuple[Mapping[str, Any], list[str]]:
    """The record and the lines of this moment."""
    from graph.views.queue import status_lines

    found, pollers = await store.operations.status(), await store.pollers.seen()
    return {**found, "pollers": pollers}, status_lines(found, pollers)
