"""A deployment with 100,000 rows is migrated while its frontend goes on inserting and somebody runs a long report."""

import asyncio
import time
from typing import Any

import psycopg
import pytest

from persistence.migrate import migrate, pending
from persistence.store.open import open_postgres_store

from .deployments import deployment

pytestmark = pytest.mark.anyio

OLD_ROWS = 100_000
LONGEST_WAIT_SECONDS = 1.0
MANY = f"""
insert into compute_workloads (asset_id, workload_name, status, metadata)
select a.id, 'old ' || g, (array['queued', 'completed', 'failed', 'cancelled'])[1 + g % 4],
    jsonb_build_object('user_request', jsonb_build_object('n', g))
from compute_assets as a, generate_series(1, {OLD_ROWS}) as g
"""
FINGERPRINT = """
select count(*), md5(string_agg(md5(w.id::text || w.workload_name || w.status || w.metadata::text), '' order by w.id))
from compute_workloads as w where w.workload_name like 'old %'
"""


async def run(url: str, query: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(query.encode())
        return await cursor.fetchall() if cursor.description else []


class Frontend:
    """Inserts row after row, as fast as it is let, and notes how long the slowest took."""

    def __init__(self, url: str, name: str) -> None:
        self.url, self.name = url, name
        self.inserted = 0
        self.longest = 0.0
        self.enough = asyncio.Event()

    async def insert(self) -> None:
        statement = (
            "insert into compute_workloads (asset_id, workload_name, status) "
            f"select id, '{self.name}', 'pending' from compute_assets limit 1"
        )
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            while not self.enough.is_set():
                started = time.monotonic()
                await connection.execute(statement.encode())
                self.longest = max(self.longest, time.monotonic() - started)
                self.inserted += 1


async def report(url: str, begun: asyncio.Event, finish: asyncio.Event) -> None:
    """Keeps the tables open in a transaction, as a report does; our strong locks have to wait for it."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("select count(*) from compute_workloads")
        await connection.execute("select count(*) from uk_regions")
        begun.set()
        await finish.wait()


async def test_nothing_is_lost_and_nobody_waits_for_long(empty_database_url: str) -> None:
    url = empty_database_url
    await run(url, deployment("inputs"))
    await run(url, MANY)
    before = await run(url, FINGERPRINT)
    frontends = [Frontend(url, f"frontend {number}") for number in range(3)]
    begun, finish = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for frontend in frontends:
            tasks.create_task(frontend.insert())
        tasks.create_task(report(url, begun, finish))
        await begun.wait()
        migration = tasks.create_task(migrate(url))
        await asyncio.wait([migration], timeout=2.5)
        assert not migration.done()  # it waits for the report, again and again, and lets others pass in between
        finish.set()
        await migration
        for frontend in frontends:
            frontend.enough.set()

    assert await pending(url) == []
    assert await run(url, FINGERPRINT) == before
    for frontend in frontends:
        assert frontend.inserted > 10
        assert frontend.longest < LONGEST_WAIT_SECONDS
        assert await run(url, f"select count(*) from compute_workloads where workload_name = '{frontend.name}'") == [
            (frontend.inserted,)
        ]
    total = sum(frontend.inserted for frontend in frontends)
    async with open_postgres_store(url) as store:
        assert (await store.operations.depth())["pending"] == total
        claims = await store.queue.claim(owner="a", limit=10, lease_seconds=60, max_attempts=5)
        assert {str(one.row["workload_name"])[:8] for one in claims} == {"frontend"}
    started = time.monotonic()
    assert {step.state for step in await migrate(url)} == {"current"}
    assert time.monotonic() - started < LONGEST_WAIT_SECONDS
