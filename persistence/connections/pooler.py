"""Whether an address leads to one session, or through a transaction pooler to another one with each statement."""

import asyncio
import contextlib
from typing import Any, Final
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from persistence.connections.pool import CONNECT_SECONDS, translate
from persistence.errors import SessionNeeded

PATIENCE_SECONDS: Final = 5
"""How long a notification may take, which takes milliseconds; as long as a transaction pooler makes us wait."""
_CHANNEL: Final = "gridwise_session"
"""One for all: a transaction pooler's connection that once listened goes on for as long as it lives."""


async def is_transaction_pooled(url: str) -> bool:
    """Whether the server session changes between statements, so that LISTEN, session locks and settings have no effect.

    Asked of the behaviour and not of the pooler: pgbouncer and Supavisor have no statement that tells, and a quiet pool
    hands the same session out again and again. False where that cannot be found out. Raises `StoreError`.
    """
    try:
        async with await _connect(url) as connection:
            return not await _is_direct(connection) and not await _hears(connection, url)
    except psycopg.Error as error:
        raise translate(error) from error


def session_needed(url: str) -> SessionNeeded:
    """Says what the address is, why that does not do, and which one would."""
    parts = conninfo_to_dict(url)
    where = f"{parts.get('host') or 'localhost'}, port {parts.get('port') or 5432},"
    return SessionNeeded(
        f"{where} is a transaction pooler: each statement may reach another session, and a migration needs one "
        "session for its lock. Run this command with the database's direct address or a session pooler's "
        "in DATABASE_URL (on Supabase: the same host with port 5432). Pollers may keep using the present one."
    )


async def _connect(url: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(
        url, autocommit=True, prepare_threshold=None, connect_timeout=CONNECT_SECONDS, application_name="gridwise"
    )


async def _is_direct(connection: psycopg.AsyncConnection[Any]) -> bool:
    """A pooler of whatever kind names a process number of its own at login, by which a cancel request finds it."""
    row = await (await connection.execute("select pg_backend_pid()")).fetchone()
    return row is not None and row[0] == connection.info.backend_pid


async def _hears(connection: psycopg.AsyncConnection[Any], url: str) -> bool:
    """Whether what another connection says reaches this idle one: only if the session that listens is still its own."""
    listen, unlisten = (sql.SQL(f"{verb} {{}}").format(sql.Identifier(_CHANNEL)) for verb in ("listen", "unlisten"))
    word = str(uuid4())
    await connection.execute(listen)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), await _connect(url) as other:
            await other.execute("select pg_notify(%s, %s)", (_CHANNEL, word))
    except (psycopg.OperationalError, TimeoutError):
        return True  # a session pooler whose places are all taken
    async for notification in connection.notifies(timeout=PATIENCE_SECONDS):
        if notification.payload == word:
            return True
    with contextlib.suppress(psycopg.Error):
        await connection.execute(unlisten)
    return False
