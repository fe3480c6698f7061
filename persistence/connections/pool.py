"""Connections to PostgreSQL, set up the one way that also works behind a transaction pooler."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from persistence.errors import AccessDenied, MigrationNeeded, StoreError, Unreachable

T = TypeVar("T")

CONNECT_SECONDS: Final = 10
KEEPALIVE: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""For libpq, in seconds, and milliseconds for the last: a peer that vanished is found out within half a minute even by
a connection that only listens. Without effect on a Unix socket."""
_AGAIN_SECONDS: Final = 0.3
_CLOSE_SECONDS: Final = 2
_LONGEST_INTEGER: Final = 400
"""Digits; Python refuses to parse 4,300 and more, and a user may have put that into `metadata`."""
_SHOWN_BYTES: Final = 120
_MISSING: Final = ("42883", "42P01", "42703", "3F000")
_DENIED: Final = ("28000", "28P01", "42501")
_REFUSED_LOGIN: Final = re.compile(
    r"authentication failed|no password supplied|(role|database) \S+ does not exist|no pg_hba.conf entry"
)
_NO_ROOM: Final = re.compile(r"too many (clients|connections)|remaining connection slots")
_TRANSIENT: Final = ("08", "40", "53", "55P03", "57", "58", "25006")
_UNREACHABLE: Final = ("08", "57P")
_OUT_OF_ORDER: Final = {
    "53100": ("database_full", "The database's disk is full: {reason}. Free space or enlarge it; work then goes on."),
    "53200": ("database_resources", "The database is out of memory: {reason}. Work goes on when it has some."),
    "53300": (
        "database_resources",
        "The database has no connection left: {reason}. Lower MAX_WORKLOADS_PER_CYCLE, or raise max_connections.",
    ),
    "58030": ("database_full", "The database cannot read or write its disk: {reason}. Check the server's disk."),
    "25006": (
        "database_read_only",
        "The database is read-only: {reason}. Point DATABASE_URL at the primary, or end the read-only mode.",
    ),
}
"""SQLSTATEs of a server that answers and cannot work: the cause, and what to do."""


class NoConnection(PoolTimeout):
    """None was to be had in time. `fault`: why, as far as the driver says."""

    def __init__(self, refusal: psycopg.Error | None, size: int) -> None:
        self.fault: StoreError = Unreachable(f"The database does not answer, or all {size} connections are busy.")
        if refusal is not None:
            found = translate(refusal)
            self.fault = Unreachable(str(found)) if found.cause == Unreachable.cause else found
        super().__init__(str(self.fault))


class Pool(AsyncConnectionPool[psycopg.AsyncConnection[dict[str, Any]]]):
    """A pool whose callers get an answer, an error or their cancellation in time, whatever became of the network."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the parent's
        pool = self

        class Remembered(psycopg.AsyncConnection[Any]):
            @classmethod
            async def connect(cls, *given: Any, **options: Any) -> Self:  # noqa: ANN401 - the parent's
                try:
                    connection = await super().connect(*given, **options)
                except psycopg.Error as error:
                    pool._refusal = error
                    raise
                pool._refusal = None
                return connection

        super().__init__(*args, connection_class=Remembered, **kwargs)
        self._refusal: psycopg.Error | None = None
        """What the server, or the way to it, said to the last attempt to connect."""
        self._renewed_at = 0.0
        self._endings: set[asyncio.Task[None]] = set()

    async def within(self, seconds: float, call: Coroutine[Any, Any, T]) -> T:
        """The result of `call`, which takes its connections from this pool. `TimeoutError` after `seconds`.

        The call runs as a task of its own: psycopg and its pool hold a cancellation up for ten seconds, or swallow it,
        where a link is half-open, and our caller must not wait for that. After a failure of the link no connection
        opened earlier is handed out again, since those that idle may have died with it and would not say so.
        """
        started = asyncio.get_running_loop().time()
        task = asyncio.create_task(call)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():
                self._let_go(task)
            elif not task.cancelled():
                task.exception()  # seen, even if we are cancelled
        if not done:
            await self._renew(started)
            raise TimeoutError
        try:
            return task.result()
        except psycopg.OperationalError as error:
            if _is_of_the_link(error):
                await self._renew(started)
            raise

    async def getconn(self, timeout: float | None = None) -> psycopg.AsyncConnection[dict[str, Any]]:
        """Raises `NoConnection`."""
        try:
            return await super().getconn(timeout)
        except PoolTimeout as error:
            raise NoConnection(self._refusal, self.max_size) from error

    async def close(self, timeout: float = _CLOSE_SECONDS) -> None:
        if self._endings:
            await asyncio.wait(self._endings, timeout=timeout)
        await super().close(timeout)

    async def _renew(self, failed_since: float) -> None:
        """Once for all calls that failed together: what a later call uses has been opened since."""
        if failed_since > self._renewed_at and not self.closed:
            self._renewed_at = asyncio.get_running_loop().time()
            await self.drain()

    def _let_go(self, task: asyncio.Task[Any]) -> None:
        ending = asyncio.create_task(_end(task))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


async def _end(task: asyncio.Task[Any]) -> None:
    """The first cancellation makes psycopg ask the server to stop, the second makes it close the connection."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_SECONDS)
    if not task.cancelled():
        task.exception()  # seen: nobody else asks


def _is_of_the_link(error: psycopg.OperationalError) -> bool:
    return not isinstance(error, PoolTimeout) and (error.sqlstate is None or error.sqlstate.startswith(("08", "57P")))


def link_options(url: str) -> dict[str, int]:
    """What every connection is opened with; an address that says otherwise has its way."""
    said = conninfo_to_dict(url)
    return {
        name: value for name, value in {"connect_timeout": CONNECT_SECONDS, **KEEPALIVE}.items() if name not in said
    }


@asynccontextmanager
async def open_pool(
    url: str, *, name: str, max_size: int, min_size: int = 1, check: bool = False, timeout_seconds: float = 30
) -> AsyncIterator[Pool]:
    """Autocommit connections without server-side prepared statements, rows as dicts.

    `check` tests each connection when it is handed out (a round trip): for callers that cannot repeat a statement.
    The pool opens even when the server is away, so that a poller survives being started first.
    """
    pool = Pool(
        url,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            "prepare_threshold": None,
            "application_name": f"gridwise {name}",
            **link_options(url),
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
        await pool.close()


def server_name(url: str) -> str:
    """`host/database`, without credentials."""
    parts = conninfo_to_dict(url)
    host = str(parts.get("host") or "localhost")
    return f"{'embedded' if host.startswith('/') else host}/{parts.get('dbname') or ''}"


_SSL_MODES: Final = {
    "disable": (False, "nothing is encrypted"),
    "allow": (False, "encrypted only if the server insists"),
    "prefer": (False, "encrypted if the server offers it, unencrypted otherwise"),
    "require": (True, "encrypted; the server's certificate is not checked"),
    "verify-ca": (True, "encrypted; the server's certificate is checked, not its name"),
    "verify-full": (True, "encrypted; the server's certificate and name are checked"),
}


def encryption(url: str) -> tuple[bool, str]:
    """Whether the way to the server is certainly encrypted or stays on this machine, and in words."""
    parts = conninfo_to_dict(url)
    host = str(parts.get("host") or "localhost")
    if host.startswith("/") or host in ("localhost", "127.0.0.1", "::1"):
        return True, "on this machine"
    mode = str(parts.get("sslmode") or "prefer")
    is_safe, words = _SSL_MODES.get(mode, (False, "an unknown mode"))
    return is_safe, f"sslmode={mode}: {words}"


def translate(error: psycopg.Error) -> StoreError:
    """psycopg's error in words for its reader, and whether to try again."""
    state = error.sqlstate
    reason = (error.diag.message_primary or str(error)).strip() or type(error).__name__
    if state is None:
        if _REFUSED_LOGIN.search(reason):  # while connecting, libpq passes on no SQLSTATE
            return AccessDenied(f"The database refused the login: {reason}. Check DATABASE_URL.")
        if _NO_ROOM.search(reason):
            return refused("53300", reason)
        is_away = isinstance(error, psycopg.OperationalError)
        cause = "database_unreachable" if is_away else None
        return StoreError(f"The database cannot be reached: {reason}", retryable=is_away, cause=cause)
    if state in _MISSING:
        return MigrationNeeded(f"The database lacks something of this version ({reason}). Run: gridwise migrate")
    if state in _DENIED:
        return AccessDenied(f"The database role may not do this: {reason}. Check the user in DATABASE_URL.")
    return refused(state, reason)


def refused(state: str, reason: str) -> StoreError:
    """An SQLSTATE in words: whether to try again, and whether it is the database's fault and not the call's."""
    if state in _OUT_OF_ORDER:
        cause, text = _OUT_OF_ORDER[state]
        return StoreError(text.format(reason=reason), retryable=True, cause=cause)
    away = "database_unreachable" if state.startswith(_UNREACHABLE) else None
    return StoreError(f"The database refused: {reason} (SQLSTATE {state})", retryable=is_transient(state), cause=away)


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
        raise unreadable(error, text) from error


def dump_json(value: Any) -> bytes:  # noqa: ANN401 - what parse_json returned
    """The inverse of `parse_json`, infinite floats included; raises as it does."""
    try:
        return json.dumps(value).encode()
    except RecursionError as error:
        raise unreadable(error) from error


def unreadable(error: Exception, text: str | bytes = "") -> StoreError:
    """For an answer that cannot be parsed: its beginning, which in a row's JSON is the row's id, tells which it is."""
    beginning = (
        bytes(text[:_SHOWN_BYTES]).decode(errors="replace") if not isinstance(text, str) else text[:_SHOWN_BYTES]
    )
    why = "is nested too deeply to be read" if isinstance(error, RecursionError) else f"is not valid JSON ({error})"
    shown = f" The answer begins: {beginning}" if beginning else ""
    return StoreError(
        f"An answer of the database {why}. Look in SQL for a JSON value (a row's or a site's metadata) that is nested"
        f" hundreds of levels deep, and make it flat.{shown}"
    )


def _bounded_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)
