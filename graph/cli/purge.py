"""`gridwise purge`: delete finished workloads."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from graph.app.reference import chosen_store, resolve_all
from graph.cli.list import STATES, seconds_of
from graph.cli.options import AsJson
from graph.cli.output import Output
from persistence.store.open import Store


def purge(
    workloads: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Only these: ids, first digits of ids, or names.")
    ] = None,
    older_than: Annotated[str | None, typer.Option(help="Only those submitted longer ago: 2h, 7d, 4w.")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Only these: queued (answered), failed, cancelled; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing, say how many it would be.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete finished workloads: answered, failed or cancelled. What waits or is worked on stays."""
    output = Output(as_json=as_json)
    count = asyncio.run(_purge(output, workloads, older_than, state, dry_run=dry_run, yes=yes))
    verb = "would be deleted" if dry_run else "deleted"
    output.records([{"deleted": 0 if dry_run else count, "matched": count}], lines=[f"{count} workload(s) {verb}"])


async def _purge(
    output: Output,
    references: list[str] | None,
    older_than: str | None,
    states: list[str] | None,
    *,
    dry_run: bool,
    yes: bool,
) -> int:
    async with chosen_store() as store:
        ids = await _ids(store, references)
        age = None if older_than is None else seconds_of(older_than)
        chosen = [STATES.get(one.lower(), one.lower()) for one in states] if states else None
        directory = store.directory
        count = await directory.purge(workload_ids=ids, states=chosen, older_than_seconds=age, dry_run=True)
        if dry_run or not count:
            return count
        if not yes and not typer.confirm(f"Delete {count} workload(s) from {store.name}?", err=True):
            output.say("Nothing was deleted.")
            return 0
        return await directory.purge(workload_ids=ids, states=chosen, older_than_seconds=age)


async def _ids(store: Store, references: list[str] | None) -> list[UUID] | None:
    return await resolve_all(store, references) if references else None
