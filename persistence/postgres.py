"""The store over psycopg: calls the project's SQL functions, wakes up on NOTIFY."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from psycopg_pool import PoolTimeout
from pydantic import JsonValue

from persistence.errors import Unreachable
from persistence.pool import CONNECT_SECONDS, Pool, open_pool, server_name, translate
from persistence.rpc import RpcStore

CHANNEL: Final = "compute_workloads"
"""Notified by sql/migrations/0012_notify.sql."""
JSON_PARAMETERS: Final = frozenset({"p_items", "p_rows", "p_details", "p_payload"})
"""Parameters of the functions in sql/migrations that are jsonb."""
WAIT_SECONDS: Final = 5.0
"""For a connection; then the call fails as unreachable and the caller decides how long to go on."""


@asynccontextmanager
async def open_postgres_store(url: str, *, max_connections: int = 8) -> AsyncIterator[RpcStore]:
    """A store over a pool of its own. Opens without waiting for the server; calls then raise a retryable error."""
    async with open_pool(url, name="store", max_size=max_connections, timeout_seconds=WAIT_SECONDS) as pool:
        transport = PostgresTransport(pool, url)
        try:
            yield RpcStore(transport)
        finally:
            await transport.aclose()


class PostgresTransport:
    """One `select public.function(…)` per call, each its own transaction."""

    def __init__(self, pool: Pool, url: str) -> None:
        self.name = server_name(url)
        self._pool = pool
        self._url = url
        self._listener: psycopg.AsyncConnection[Any] | None = None

    async def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        query = _query(function, tuple(arguments))
        values = {name: _adapted(name, value) for name, value in arguments.items()}
        try:
            async with self._pool.connection() as connection:
                row = await (await connection.execute(query, values)).fetchone()
        except PoolTimeout as error:
            msg = f"The database {self.name} does not answer, or all {self._pool.max_size} connections are busy."
            raise Unreachable(msg) from error
        except psycopg.Error as error:
            raise translate(error) from error
        return None if row is None else row["answer"]

    async def recover(self) -> None:
        """After a restart all pooled connections are dead: find out at once rather than one by one."""
        await self._pool.check()

    async def wait_for_work(self, *, timeout_seconds: float) -> None:
        """Behind a transaction pooler LISTEN hears nothing; then this is the timeout."""
        started = asyncio.get_running_loop().time()
        try:
            listener = await self._listening()
            async for _ in listener.notifies(timeout=timeout_seconds, stop_after=1):
                pass
        except psycopg.Error:
            await self._stop_listening()
            await asyncio.sleep(max(0.0, timeout_seconds - (asyncio.get_running_loop().time() - started)))

    async def _listening(self) -> psycopg.AsyncConnection[Any]:
        if self._listener is None or self._listener.closed:
            self._listener = await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="gridwise listener"
            )
            await self._listener.execute(sql.SQL("listen {}").format(sql.Identifier(CHANNEL)))
        return self._listener

    async def _stop_listening(self) -> None:
        if self._listener is not None:
            listener, self._listener = self._listener, None
            await listener.close()

    async def aclose(self) -> None:
        await self._stop_listening()


@cache
def _query(function: str, parameters: tuple[str, ...]) -> bytes:
    named = (sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in parameters)
    return (
        sql.SQL("select public.{}({}) as answer").format(sql.Identifier(function), sql.SQL(", ").join(named)).as_bytes()
    )


def _adapted(name: str, value: JsonValue) -> object:
    """Other lists become array literals, whose element type the function's signature decides."""
    if name in JSON_PARAMETERS:
        return None if value is None else Jsonb(value)
    return "{" + ",".join(str(one) for one in value) + "}" if isinstance(value, list) else value
