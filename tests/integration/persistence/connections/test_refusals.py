"""What a pool says when no connection is to be had: what the server or the way to it said, not that nobody answers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from persistence.connections.embedded import Server, embedded_postgres
from persistence.connections.pool import open_pool
from persistence.errors import AccessDenied, StoreError, Unreachable
from persistence.migrate import migrate
from persistence.retry import may_pass
from persistence.store.open import Store, open_postgres_store
from persistence.transports import postgres
from tests.conftest import FAST

pytestmark = pytest.mark.anyio

END_OTHERS = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'poller'"


@pytest.fixture
async def server(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """Where the role `poller` needs a password and has three connections."""
    monkeypatch.setattr(postgres, "WAIT_SECONDS", 1.0)
    async with embedded_postgres(server_folder, settings=FAST) as server:
        await migrate(server.url())
        await execute(server, "create role poller login superuser password 'first'")
        (server.data / "pg_hba.conf").write_text("local all poller scram-sha-256\nlocal all all trust\n")
        await server.control("reload")
        yield server


async def execute(server: Server, *statements: str) -> None:
    async with await psycopg.AsyncConnection.connect(server.url(), autocommit=True) as connection:
        for statement in statements:
            await connection.execute(statement.encode())


async def refusal(store: Store) -> StoreError:
    with pytest.raises(StoreError) as refused:
        await store.operations.depth()
    assert may_pass(refused.value), "a worker waits for it to be mended"
    return refused.value


async def answers(store: Store) -> bool:
    try:
        await store.operations.depth()
    except StoreError:
        return False
    return True


async def test_a_rotated_password_is_said_and_work_resumes_with_the_old_one_back(server: Server) -> None:
    async with open_postgres_store(server.url().replace("postgres@", "poller:first@", 1)) as store:
        await store.operations.depth()
        await execute(server, "alter role poller password 'second'", END_OTHERS)
        error = await refusal(store)
        while "terminating" in str(error):  # the connections that were open say goodbye first
            error = await refusal(store)
        assert isinstance(error, AccessDenied)
        assert "password authentication failed" in str(error)
        assert "Check DATABASE_URL" in str(error)
        assert "first" not in str(error)
        await execute(server, "alter role poller password 'first'")
        async with asyncio.timeout(60):
            while not await answers(store):  # the pool tries less and less often; each call waits a second for it
                pass


async def test_a_server_without_a_free_connection_is_said(server: Server) -> None:
    url = server.url().replace("postgres@", "plain@", 1)
    await execute(server, "create role plain login connection limit 0")
    async with open_postgres_store(url) as store:
        error = await refusal(store)
    assert "too many connections" in str(error)
    assert error.cause == "database_resources"
    assert "raise max_connections" in str(error)


async def test_a_name_that_nobody_knows_is_said() -> None:
    async with open_pool("postgresql://nobody@no-such-host.invalid/x", name="t", max_size=1, timeout_seconds=1) as pool:
        with pytest.raises(psycopg.OperationalError) as refused:
            async with pool.connection():
                pass
    error = getattr(refused.value, "fault", None)
    assert isinstance(error, Unreachable)
    assert "no-such-host.invalid" in str(error)
