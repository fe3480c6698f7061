"""Connections to PostgreSQL, set up the one way that also works behind a transaction pooler."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from persistence.errors import AccessDenied, MigrationNeeded, StoreError

# "Any" is psycopg's own row type for dict_row
Pool = AsyncConnectionPool[psycopg.AsyncConnection[dict[str, Any]]]

CONNECT_SECONDS: Final = 10
_LONGEST_INTEGER: Final = 400
"""Digits; Python refuses to parse 4,300 and more, and a user may have put that into `metadata`."""
_SHOWN_BYTES: Final = 120
_MISSING: Final = ("42883", "42P01", "42703", "3F000")
_DENIED: Final = ("28000", "28P01", "42501")
_REFUSED_LOGIN: Final = re.compile(
    r"authentication failed|no password supplied|(role|database) \S+ does not exist|no pg_hba.conf entry"
)
_TRANSIENT: Final = ("08", "40", "53", "55P03", "57", "25006")


@asynccontextmanager
async def open_pool(
    url: str, *, name: str, max_size: int, min_size: int = 1, check: bool = False, timeout_seconds: float = 30
) -> AsyncIterator[Pool]:
    """Autocommit connections without server-side prepared statements, rows as dicts.

    `check` tests each connection when it is handed out (a round trip): for callers that cannot repeat a statement.
    The pool opens even when the server is away, so that a poller survives being started first.
    """
    pool: Pool = AsyncConnectionPool(
        url,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            "prepare_threshold": None,
            "connect_timeout": CONNECT_SECONDS,
            "application_name": f"gridwise {name}",
        },
        min_size=min_size,
        max_size=max_size,
        timeout=timeout_seconds,
        configure=_configure,
        check=AsyncConnectionPool.check_connection if check else None,
        reconnect_timeout=5,
        name=name,
        open=False,
    )
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close(timeout=5)


def server_name(url: str) -> str:
    """`host/database`, without credentials."""
    parts = conninfo_to_dict(url)
    host = str(parts.get("host") or "localhost")
    return f"{'embedded' if host.startswith('/') else host}/{parts.get('dbname') or ''}"


def translate(error: psycopg.Error) -> StoreError:
    """psycopg's error in words for its reader, and whether to try again."""
    state = error.sqlstate
    reason = (error.diag.message_primary or str(error)).strip() or type(error).__name__
    if state is None:
        if _REFUSED_LOGIN.search(reason):  # while connecting, libpq passes on no SQLSTATE
            return AccessDenied(f"The database refused the login: {reason}. Check DATABASE_URL.")
        return StoreError(
            f"The database cannot be reached: {reason}", retryable=isinstance(error, psycopg.OperationalError)
        )
    if state in _MISSING:
        return MigrationNeeded(f"The database lacks something of this version ({reason}). Run: gridwise migrate")
    if state in _DENIED:
        return AccessDenied(f"The database role may not do this: {reason}. Check the user in DATABASE_URL.")
    return StoreError(f"The database refused: {reason} (SQLSTATE {state})", retryable=is_transient(state))


def is_transient(state: str) -> bool:
    """Whether an SQLSTATE may not come back: connection, serialisation, resources, locks, shutdown, timeout."""
    return state.startswith(_TRANSIENT)


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    set_json_loads(parse_json, connection)


def parse_json(text: str | bytes) -> Any:  # noqa: ANN401 - the signature psycopg asks for
    """JSON whose integers may be longer than Python accepts; those become infinite floats.

    Raises `StoreError`, never to be tried again, for what PostgreSQL accepts and Python's parser does not.
    """
    try:
        return json.loads(text, parse_int=_bounded_integer)
    except (RecursionError, ValueError) as error:
        raise unreadable(text, error) from error


def dump_json(value: Any) -> bytes:  # noqa: ANN401 - what parse_json returned
    """The inverse of `parse_json`, infinite floats included; raises as it does."""
    try:
        return json.dumps(value).encode()
    except RecursionError as error:
        raise unreadable(b"", error) from error


def unreadable(text: str | bytes, error: Exception) -> StoreError:
    """For an answer that cannot be parsed: its beginning, which in a row's JSON is the row's id, tells which it is."""
    beginning = (
        bytes(text[:_SHOWN_BYTES]).decode(errors="replace") if not isinstance(text, str) else text[:_SHOWN_BYTES]
    )
    why = "is nested too deeply to be read" if isinstance(error, RecursionError) else f"is no valid JSON ({error})"
    shown = f" The answer begins: {beginning}" if beginning else ""
    return StoreError(
        f"An answer of the database {why}. Look in SQL for a JSON value (a row's or a site's metadata) that is nested"
        f" hundreds of levels deep, and make it flat.{shown}"
    )


def _bounded_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)
