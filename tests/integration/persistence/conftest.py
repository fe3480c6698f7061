"""What the persistence tests share: plain SQL beside the store, a recommendation, and short ways to claim."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from persistence.store.open import Store
from persistence.store.queue import Claim


class Database:
    """A second party: the frontend or the operator, who knows tables and not our functions."""

    def __init__(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        self.connection = connection

    async def run(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        cursor = await self.connection.execute(query, arguments or None)
        return await cursor.fetchall() if cursor.description else []

    async def one(self, query: str, *arguments: object) -> Any:
        (row,) = await self.run(query, *arguments)
        return next(iter(row.values())) if len(row) == 1 else row

    async def insert(self, **columns: object) -> UUID:
        columns.setdefault("workload_name", "test")
        names = ", ".join(columns)
        places = ", ".join(["%s"] * len(columns))
        return await self.one(
            f"insert into compute_workloads ({names}) values ({places}) returning id", *columns.values()
        )

    async def row(self, workload_id: UUID) -> dict[str, Any]:
        return await self.one("select * from compute_workloads where id = %s", workload_id)

    async def run_out(self, *workload_ids: UUID) -> None:
        """The lease's time passes, by the only clock that counts."""
        await self.run(
            "update agent.queue set until = clock_timestamp() - interval '1 ms' where workload_id = any(%s)",
            list(workload_ids),
        )

    async def outcomes(self, workload_id: UUID) -> list[str]:
        rows = await self.run("select outcome from agent.runs where workload_id = %s order by token", workload_id)
        return [row["outcome"] for row in rows]


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        yield Database(connection)


@pytest.fixture
def claim(store: Store) -> Callable[..., Awaitable[list[Claim]]]:
    async def claimed(limit: int = 10, *, owner: str = "poller", max_attempts: int = 5) -> list[Claim]:
        return await store.queue.claim(owner=owner, limit=limit, lease_seconds=60, max_attempts=max_attempts)

    return claimed
