"""Over psycopg: calls the project's SQL functions, wakes up on NOTIFY."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from pydantic import JsonValue

from persistence.connections.pool import (
    CONNECT_SECONDS,
    NoConnection,
    Pool,
    link_options,
    open_pool,
    server_name,
    translate,
)
from persistence.errors import StoreError

CHANNEL: Final = "compute_workloads"
"""Notified by sql/migrations/0012_notify.sql."""
JSON_PARAMETERS: Final = frozenset({"p_items", "p_rows", "p_details", "p_payload"})
"""Parameters of the functions in sql/migrations that are jsonb."""
WAIT_SECONDS: Final = 5.0
"""For a connection; then the call fails as unreachable and the caller decides how long to go on."""
CALL_SECONDS: Final = 10.0
"""For the whole of one call, above what Supabase lets a statement take (8 s). A call is sent at most
`persistence.transports.rpc.SENDS` times, so that no method of a store takes longer than about half a minute."""
LISTEN_SECONDS: Final = 5.0


@asynccontextmanager
async def open_postgres(url: str, *, max_connections: int = 8) -> AsyncIterator["PostgresTransport"]:
    """Over a pool of its own. Opens without waiting for the server; calls then raise a retryable error."""
    async with open_pool(url, name="store", max_size=max_connections, timeout_seconds=WAIT_SECONDS) as pool:
        transport = PostgresTransport(pool, url)
        try:
            yield transport
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
            row = await self._pool.within(CALL_SECONDS, self._row(query, values))
        except NoConnection as error:
            raise error.fault from error
        except TimeoutError as error:
            msg = f"The database {self.name} did not answer {function} within {CALL_SECONDS:g} s."
            raise StoreError(msg, retryable=True, cause="database_unreachable") from error
        except psycopg.Error as error:
            raise translate(error) from error
        return None if row is None else row["answer"]

    async def _row(self, query: bytes, values: Mapping[str, object]) -> dict[str, Any] | None:
        async with self._pool.connection() as connection:
            return await (await connection.execute(query, values)).fetchone()

    async def wait_for_work(self, *, timeout_seconds: float) -> None:
        """Behind a transaction pooler LISTEN hears nothing; then this is the timeout."""
        started = asyncio.get_running_loop().time()
        try:
            listener = await self._hearing()
            async for _ in listener.notifies(timeout=timeout_seconds, stop_after=1):
                pass
        except (psycopg.Error, TimeoutError):
            await self._stop_listening()
            await asyncio.sleep(max(0.0, timeout_seconds - (asyncio.get_running_loop().time() - started)))

    async def _hearing(self) -> psycopg.AsyncConnection[Any]:
        """A listener that has just answered: waiting on one that was cut off would never end."""
        listener, self._listener = self._listener, None
        try:
            if listener is not None:
                self._listener = await self._pool.within(LISTEN_SECONDS, _answering(listener))
        except (psycopg.Error, TimeoutError):
            pass  # it has been closed, or is being
        if self._listener is None:
            self._listener = await self._pool.within(CONNECT_SECONDS + LISTEN_SECONDS, _listening(self._url))
        return self._listener

    async def _stop_listening(self) -> None:
        if self._listener is not None:
            listener, self._listener = self._listener, None
            await listener.close()

    async def aclose(self) -> None:
        await self._stop_listening()


async def _listening(url: str) -> psycopg.AsyncConnection[Any]:
    options: dict[str, Any] = {"application_name": "gridwise listener", **link_options(url)}
    listener = await psycopg.AsyncConnection.connect(url, autocommit=True, **options)
    return await _answering(listener, sql.SQL("listen {}").format(sql.Identifier(CHANNEL)).as_bytes())


async def _answering(connection: psycopg.AsyncConnection[Any], to: bytes = b"") -> psycopg.AsyncConnection[Any]:
    """The connection, once it has answered; closed where it does not."""
    try:
        await connection.execute(to)
    except BaseException:
        await connection.close()
        raise
    return connection


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
