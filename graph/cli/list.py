"""`gridwise list`: the workloads, newest first."""

import asyncio
import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from graph.cli.options import AsJson, Demo

if TYPE_CHECKING:
    from persistence.store.directory import Filter
    from persistence.workload import Row

STATES: Final = {"waiting": "pending", "running": "processing", "placed": "queued", "answered": "queued"}
"""Words for states, beside the columns' own."""
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds_of(span: str) -> float:
    """`30m`, `2h`, `7d` in seconds."""
    match = _SPAN.fullmatch(span.strip().lower())
    if match is None:
        msg = f"{span!r} is not a time span; write 30m, 2h or 7d"
        raise typer.BadParameter(msg)
    return float(match[1]) * _UNITS[match[2]]


def list_workloads(
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only these: pending, processing, queued (answered), failed, cancelled, …; may be repeated."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Only those with this in their name.")] = None,
    since: Annotated[str | None, typer.Option(help="Only those submitted in the last 30m, 2h, 7d.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000)] = 20,
    demo: Demo = False,
    as_json: AsJson = False,
) -> None:
    """List workloads, newest first."""
    from graph.cli.output import Output
    from graph.views.rows import LIST_COLUMNS, NARROW_COLUMNS, SHRINKABLE, WIDE, list_cells
    from persistence.store.directory import Filter

    output = Output(as_json=as_json)
    chosen = Filter(
        states=[STATES.get(one.lower(), one.lower()) for one in state] if state else None,
        part_of_name=name,
        since_seconds=None if since is None else seconds_of(since),
    )
    rows = asyncio.run(_read(chosen, limit + 1, demo=demo))
    output.records(rows[:limit])
    if as_json:
        return
    if not rows:
        output.say("No workloads. `gridwise submit` adds one, `gridwise demo` shows twelve.")
        return
    is_narrow = output.is_live and output.width < WIDE
    output.table(
        "",
        NARROW_COLUMNS if is_narrow else LIST_COLUMNS,
        [list_cells(row, is_narrow=is_narrow) for row in rows[:limit]],
        shrinkable=SHRINKABLE,
    )
    if len(rows) > limit:
        output.say(f"There are more; --limit {limit * 5} shows them.")


async def _read(chosen: "Filter", limit: int, *, demo: bool) -> "list[Row]":
    from graph.app.reference import chosen_store

    async with chosen_store(demo=demo) as store:
        return await store.directory.recent(chosen, limit=limit)
