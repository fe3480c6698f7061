"""Which store a command looks into, and which workload a person means."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

from graph.app.database import last_demo, open_store
from graph.app.settings import Settings, load_settings
from graph.views.text import one_line
from persistence.ids import short_id
from persistence.store.directory import FOUND_AT_MOST, Filter
from persistence.store.open import Store
from tools.errors import GridwiseError


class NotFound(GridwiseError):  # noqa: N818  says what happened
    """No workload, or more than one, goes by that name."""


@asynccontextmanager
async def chosen_settings(*, demo: bool = False) -> AsyncIterator[Settings]:
    """The configured database, or the last demo's."""
    settings = load_settings()
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(last_demo(settings)) if demo else settings


@asynccontextmanager
async def chosen_store(*, demo: bool = False) -> AsyncIterator[Store]:
    async with chosen_settings(demo=demo) as settings, open_store(settings) as store:
        yield store


async def resolve(store: Store, reference: str) -> UUID:
    """The one workload that a person means.

    Raises:
        NotFound: there is none, or the words fit several.
    """
    try:
        return UUID(reference)
    except ValueError:
        found = await store.directory.find(reference)
    if len(found) == 1:
        return UUID(str(found[0]["id"]))
    if not found:
        msg = f"There is no workload with the id or name {one_line(reference)}. {await _similar(store, reference)}"
        raise NotFound(msg)
    listed = "; ".join(
        f"{short_id(row['id'])} {one_line(row['workload_name'])} ({row['status']})"
        for row in found[: FOUND_AT_MOST - 1]
    )
    more = ", and more" if len(found) == FOUND_AT_MOST else ""
    msg = f"{one_line(reference)} may be any of these, newest first: {listed}{more}. Give more digits of the id."
    raise NotFound(msg)


async def _similar(store: Store, reference: str) -> str:
    rows = await store.directory.recent(Filter(part_of_name=reference), limit=3)
    names = "; ".join(f"{short_id(row['id'])} {one_line(row['workload_name'])}" for row in rows)
    return f"Did you mean: {names}?" if names else "See `gridwise list`."


async def resolve_all(store: Store, references: Sequence[str]) -> list[UUID]:
    """In their order, each once."""
    return list(dict.fromkeys([await resolve(store, reference) for reference in references]))
