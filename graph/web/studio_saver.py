"""Checkpoints for LangGraph's development server: those of the pollers to look at, its own to write."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import LiteralString

from persistence.checkpoints.pooled import PooledSaver
from persistence.checkpoints.watched import WatchedSaver
from persistence.errors import StoreError


class ThreadOfPoller(StoreError):  # noqa: N818  says what happened
    """Somebody wants to change a thread that a poller has opened."""

    def __init__(self, thread_id: object) -> None:
        super().__init__(
            f"Thread {thread_id} belongs to a poller and cannot be changed here: a retry would resume from what you "
            "write. Copy it (in Studio: Clone; by the API: POST /threads/ID/copy) and change the copy."
        )


class StudioSaver(WatchedSaver, PooledSaver):
    """Reads every thread, writes to its own. Has what the server needs for `multitask_strategy` rollback."""

    @asynccontextmanager
    async def writing(self, thread_id: str) -> AsyncIterator[None]:
        await self.refuse_pollers(thread_id)
        yield

    async def adelete_thread(self, thread_id: str) -> None:
        async with self.writing(thread_id):
            await super().adelete_thread(thread_id)

    async def adelete_for_runs(self, run_ids: Iterable[str]) -> None:
        """Forget what these runs of the server stored."""
        await self._value("select agent_checkpoints.delete_runs(%s) as value", [str(one) for one in run_ids])

    async def refuse_pollers(self, thread_id: object) -> None:
        """Raises `ThreadOfPoller`."""
        if await self._value("select agent_checkpoints.is_a_pollers(%s) as value", str(thread_id)):
            raise ThreadOfPoller(thread_id)

    async def _value(self, query: LiteralString, argument: object) -> object:
        async with self._pool.connection() as connection:
            row = await (await connection.execute(query, (argument,))).fetchone()
            return row and row["value"]
