"""Connections that are cut off without a word, behind a real TCP proxy: nobody waits for them for long."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from persistence.checkpoints.fenced import FencedSaver
from persistence.checkpoints.threads import delete_threads, thread_steps
from persistence.connections.pool import KEEPALIVE, Pool, link_options, open_pool
from persistence.store.open import Store, open_postgres_store
from tests.chaos.proxy import Proxy
from tests.conftest import Cluster

pytestmark = pytest.mark.anyio

SIZE = 4
"""Connections; given up one after the other they would take that many times as long."""


@pytest.fixture
async def proxy(cluster: Cluster) -> AsyncIterator[Proxy]:
    between = Proxy(cluster.server.socket)
    await between.start()
    try:
        yield between
    finally:
        await between.stop()


@pytest.fixture
def proxied_url(proxy: Proxy, database_url: str) -> str:
    return proxy.url(str(conninfo_to_dict(database_url)["dbname"]))


@pytest.fixture
async def far_store(proxied_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr("persistence.transports.postgres.CALL_SECONDS", 0.5)
    monkeypatch.setattr("persistence.transports.postgres.LISTEN_SECONDS", 0.5)
    async with open_postgres_store(proxied_url, max_connections=SIZE) as opened:
        yield opened


@pytest.fixture
async def far_pool(proxied_url: str) -> AsyncIterator[Pool]:
    async with open_pool(proxied_url, name="checkpoints", max_size=SIZE, min_size=SIZE) as opened:
        await opened.wait()
        yield opened


async def all_of(pool: Pool) -> int:
    """How many of the pool's connections answer, each taken while the others are held."""
    held = [await pool.getconn(timeout=5) for _ in range(SIZE)]
    for connection in held:
        await connection.execute("select 1")
        await pool.putconn(connection)
    return len(held)


async def test_a_call_of_the_store_is_sent_again_on_a_connection_that_lives(far_store: Store, proxy: Proxy) -> None:
    await asyncio.gather(*(far_store.operations.depth() for _ in range(20)))
    assert proxy.freeze() >= 2
    async with asyncio.timeout(5):
        assert (await far_store.operations.depth())["pending"] == 0
    assert proxy.swallowed.is_set()


async def test_all_calls_that_were_under_way_are(far_store: Store, proxy: Proxy) -> None:
    await asyncio.gather(*(far_store.operations.depth() for _ in range(20)))
    proxy.freeze()
    async with asyncio.timeout(5):
        found = await asyncio.gather(*(far_store.operations.depth() for _ in range(10)))
    assert len(found) == 10


async def test_a_checkpoint_is_written_on_a_connection_that_lives(far_pool: Pool, proxy: Proxy) -> None:
    saver = FencedSaver(far_pool, thread_id=uuid4(), token=1, call_seconds=0.5)
    assert await saver.open() == "new"
    assert proxy.freeze() == SIZE
    async with asyncio.timeout(5):
        assert await saver.open() == "new"
    assert proxy.swallowed.is_set()
    async with asyncio.timeout(5):
        assert await all_of(far_pool) == SIZE


async def test_reading_and_deleting_threads_is_given_up_in_time(
    far_pool: Pool, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("persistence.checkpoints.threads.MANY_THREADS_SECONDS", 0.3)
    for call in (thread_steps, delete_threads):
        proxy.freeze()
        async with asyncio.timeout(3):
            with pytest.raises(Exception, match="does not answer in time") as caught:
                await call(far_pool, [uuid4()])
            await call(far_pool, [uuid4()])
        assert caught.value.retryable  # type: ignore[attr-defined]


async def test_a_cancelled_caller_does_not_wait_for_a_dead_connection(far_pool: Pool, proxy: Proxy) -> None:
    saver = FencedSaver(far_pool, thread_id=uuid4(), token=1)
    await saver.open()
    proxy.freeze()
    task = asyncio.create_task(saver.open())
    await asyncio.wait_for(proxy.swallowed.wait(), 5)
    started = time.monotonic()
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
    assert time.monotonic() - started < 0.2


async def test_a_statement_that_is_given_up_is_stopped(far_pool: Pool, open_connection: Any) -> None:
    async def sleep() -> None:
        async with far_pool.connection() as connection:
            pids.append(connection.info.backend_pid)
            await connection.execute("select pg_sleep(60)")

    pids: list[int] = []
    with pytest.raises(TimeoutError):
        await far_pool.within(0.2, sleep())
    async with asyncio.timeout(5), open_connection() as other:
        while await running(other, pids[0]):
            pass


async def running(connection: psycopg.AsyncConnection[Any], pid: int) -> bool:
    query = "select count(*) from pg_stat_activity where pid = %s and state = 'active'"
    row = await (await connection.execute(query, (pid,))).fetchone()
    return bool(row and row[0])


async def test_the_wake_up_call_listens_again(far_store: Store, proxy: Proxy, store: Store) -> None:
    await far_store.queue.wait_for_work(timeout_seconds=0.01)
    proxy.freeze()
    await far_store.queue.wait_for_work(timeout_seconds=0.01)  # finds out, and listens anew
    started = time.monotonic()
    await store.operations.submit([{"workload_name": "w"}])
    await far_store.queue.wait_for_work(timeout_seconds=10)
    assert time.monotonic() - started < 5


def test_keepalives_are_ours_unless_the_address_says_otherwise() -> None:
    assert link_options("postgresql://db.example.org/prod").items() >= KEEPALIVE.items()
    assert "keepalives_idle" not in link_options("postgresql://db.example.org/prod?keepalives_idle=60")


async def test_they_reach_the_connections(proxied_url: str, far_pool: Pool) -> None:
    async with far_pool.connection() as connection:
        assert (
            connection.info.get_parameters().items() >= {name: str(value) for name, value in KEEPALIVE.items()}.items()
        )
