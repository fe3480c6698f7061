"""Whole threads: what was done in them, and their end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow

from persistence.checkpoints.pooled import translated
from persistence.connections.pool import Pool

MANY_THREADS_SECONDS: Final = 30.0
"""For one call about hundreds of threads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Nodes that ran side by side, and the attempt (by its token) that stored what they gave."""

    thread_id: UUID
    nodes: tuple[str, ...]
    """Names, behind those of the subgraphs that they are in: `compute/model`."""
    token: int | None
    finished_at: datetime


async def thread_steps(pool: Pool, thread_ids: Sequence[UUID]) -> list[Step]:
    """What was done in these threads, in order; nothing of threads that were pruned."""

    async def read() -> list[Step]:
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "select * from agent_checkpoints.thread_steps(%s)", ([str(thread) for thread in thread_ids],)
            )
            return [_step(row) for row in await cursor.fetchall()]

    async with translated():
        return await pool.within(MANY_THREADS_SECONDS, read())


def _step(row: DictRow) -> Step:
    place = f"{row['place']}/" if row["place"] else ""
    return Step(
        thread_id=UUID(row["thread_id"]),
        nodes=tuple(f"{place}{node}" for node in row["nodes"] or ()),
        token=row["token"],
        finished_at=row["finished_at"],
    )


async def delete_threads(pool: Pool, thread_ids: Sequence[UUID]) -> None:
    """Delete all checkpoints of finished threads."""

    async def delete() -> None:
        async with pool.connection() as connection:
            await connection.execute("select agent_checkpoints.delete_threads(%s)", ([str(i) for i in thread_ids],))

    async with translated():
        await pool.within(MANY_THREADS_SECONDS, delete())
