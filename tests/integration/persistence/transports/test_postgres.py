"""The direct connection: restarts, absence, wrong rights, a small pool, and being woken up."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from structlog.testing import capture_logs

from persistence.connections.embedded import Server, embedded_postgres
from persistence.connections.pool import server_name
from persistence.errors import AccessDenied, MigrationNeeded, StoreError, Unreachable
from persistence.migrate import migrate, pending
from persistence.store.open import Store, open_postgres_store
from persistence.store.queue import Claim

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]


@pytest.fixture
async def server(server_folder: Path) -> AsyncIterator[Server]:
    """A server of the test's own, to be restarted."""
    async with embedded_postgres(server_folder, settings={"fsync": "off"}) as running:
        await migrate(running.url())
        yield running


async def test_a_restart_between_calls_is_not_noticed(server: Server) -> None:
    async with open_postgres_store(server.url(), max_connections=4) as store:
        await asyncio.gather(*(store.operations.depth() for _ in range(20)))
        await server.control("restart", "-w", "-m", "immediate")
        assert (await store.operations.depth())["pending"] == 0
        await store.operations.submit([{"workload_name": "w"}])
        assert len(await store.queue.claim(owner="a", limit=5, lease_seconds=60, max_attempts=5)) == 1


async def test_an_absent_server_is_reported_as_retryable_and_its_return_is_found(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("persistence.transports.postgres.WAIT_SECONDS", 0.5)
    async with open_postgres_store(server.url()) as store:
        await store.operations.depth()
        await server.control("stop", "-w", "-m", "immediate")
        with pytest.raises(StoreError) as caught:
            await store.operations.depth()
        assert caught.value.retryable
        options = f"-c unix_socket_directories='{server.socket}' -c listen_addresses=''"
        await server.control("start", "-w", "-s", "-l", str(server.data / "server.log"), "-o", options)
        async with asyncio.timeout(30):
            while isinstance(answer := await answered(store), StoreError):
                assert answer.retryable
        assert answer["pending"] == 0


async def answered(store: Store) -> Any:
    try:
        return await store.operations.depth()
    except StoreError as error:
        return error


async def test_a_closed_port_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("persistence.transports.postgres.WAIT_SECONDS", 0.2)
    async with open_postgres_store("postgresql://u:secret@127.0.0.1:1/db") as store:
        assert store.name == "127.0.0.1/db"
        with pytest.raises(Unreachable) as caught:
            await store.operations.depth()
    assert "secret" not in str(caught.value)


async def test_a_database_without_our_functions_asks_for_the_migration(empty_database_url: str) -> None:
    async with open_postgres_store(empty_database_url) as store:
        with pytest.raises(MigrationNeeded, match="Run: gridwise migrate"):
            await store.operations.depth()


async def test_a_role_without_rights_is_told_so(db: Any, database_url: str) -> None:
    role = f"visitor_{uuid4().hex}"
    await db.run(f"create role {role} login")
    try:
        async with open_postgres_store(database_url.replace("postgres@", f"{role}@")) as store:
            with pytest.raises(AccessDenied, match="permission denied for function queue_depth"):
                await store.operations.depth()
    finally:
        await db.run(f"drop role {role}")


async def test_an_unknown_role_cannot_even_migrate(database_url: str) -> None:
    with pytest.raises(AccessDenied, match="does not exist"):
        await pending(database_url.replace("postgres@", "nobody_of_that_name@"))


async def test_more_callers_than_connections_take_turns(database_url: str) -> None:
    async with open_postgres_store(database_url, max_connections=1) as store:
        found = await asyncio.gather(*(store.operations.depth() for _ in range(30)))
    assert len(found) == 30


async def woken(store: Store, act: Callable[[], Awaitable[Any]]) -> bool:
    """Whether `wait_for_work` returned well before its timeout because of what `act` did."""
    await store.queue.wait_for_work(timeout_seconds=0.01)  # listens from here on
    started = time.monotonic()
    await act()
    await store.queue.wait_for_work(timeout_seconds=2)
    return time.monotonic() - started < 1.9


async def test_an_insert_a_resubmission_and_a_release_wake_the_poller(db: Any, store: Store, claim: Claimer) -> None:
    assert await woken(store, db.insert)
    (claimed,) = await claim()
    assert await woken(store, lambda: store.queue.release([claimed.lease]))
    await claim()
    reset = "update compute_workloads set status = 'pending'"
    assert await woken(store, lambda: db.run(reset))
    await claim()
    repair = "update compute_workloads set status = 'queued', agent_status = 'pending'"
    assert await woken(store, lambda: db.run(repair))


async def test_other_changes_let_it_sleep(db: Any, store: Store) -> None:
    await db.insert()
    await store.queue.wait_for_work(timeout_seconds=0.2)
    assert not await woken(store, lambda: db.run("update compute_workloads set priority = 3, status = 'pending'"))


async def test_the_wake_up_call_survives_a_restart(server: Server) -> None:
    async with open_postgres_store(server.url()) as store:
        await store.queue.wait_for_work(timeout_seconds=0.01)
        await server.control("restart", "-w", "-m", "immediate")
        await store.queue.wait_for_work(timeout_seconds=0.1)

        async def insert() -> None:
            async with await psycopg.AsyncConnection.connect(server.url(), autocommit=True) as connection:
                await connection.execute("insert into compute_workloads (workload_name) values ('w')")

        assert await woken(store, insert)


async def test_the_cache_keeps_the_last_answer_and_when_it_came(store: Store) -> None:
    cache = store.source_cache
    assert await cache.get("neso") is None
    await cache.put("neso", {"data": [1, None, "x"]})
    found = await cache.get("neso")
    assert found
    assert found[0] == {"data": [1, None, "x"]}
    assert found[1].tzinfo is not None
    await cache.put("neso", [])
    again = await cache.get("neso")
    assert again
    assert again[0] == []
    assert again[1] > found[1]


async def test_one_process_fetches_while_the_others_wait_for_its_answer(database_url: str) -> None:
    fetches: list[int] = []

    async def poller(number: int) -> Any:
        async with open_postgres_store(database_url, max_connections=1) as store:
            cache = store.source_cache
            async with cache.lock("neso"):
                if found := await cache.get("neso"):
                    return found[0]
                fetches.append(number)
                await cache.put("neso", number)
                return number

    answers = await asyncio.gather(*(poller(number) for number in range(5)))
    assert len(fetches) == 1
    assert set(answers) == set(fetches)


async def test_a_holder_that_died_blocks_nobody_for_long(store: Store) -> None:
    died = {"p_key": "neso", "p_holder": str(uuid4()), "p_seconds": 0.1}
    assert await store.queue._rpc("source_cache_lock", died)
    async with asyncio.timeout(10), store.source_cache.lock("neso"):
        pass


async def test_without_the_database_a_source_is_simply_asked() -> None:
    async with open_postgres_store("postgresql://u@127.0.0.1:1/db") as store:
        cache = store.source_cache
        store.queue._rpc.transport._pool.timeout = 0.05  # type: ignore[attr-defined]  the shortest way to a database that is away
        with capture_logs() as logs:
            async with cache.lock("neso"):
                assert await cache.get("neso") is None
                await cache.put("neso", 1)
    assert [(entry["event"], entry["call"]) for entry in logs] == [
        ("Source cache unavailable", call) for call in ("lock", "read", "store", "unlock")
    ]


def test_the_name_of_a_server_holds_no_credentials() -> None:
    assert server_name("postgresql://user:secret@db.example.org:5432/prod?sslmode=require") == "db.example.org/prod"
    assert server_name("postgresql://postgres@/gridwise?host=%2Ftmp%2Fx") == "embedded/gridwise"
