"""Brings a database to this version: numbered files, functions and LangGraph's checkpoint tables, under one lock."""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

import sql
from persistence.connections.pool import CONNECT_SECONDS, translate
from persistence.connections.pooler import is_transaction_pooled, session_needed
from persistence.errors import MigrationFailed, StoreError

if TYPE_CHECKING:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

Scope: TypeAlias = Literal["all", "checkpoints", "queue"]
"""`queue`: without LangGraph's tables, which no command but the poller's needs, and without importing LangGraph."""
Connection: TypeAlias = psycopg.AsyncConnection[dict[str, Any]]

CHECKPOINT_SCHEMA: Final = "agent_checkpoints"
"""LangGraph's tables live here, outside `public`, which PostgREST exposes."""
CHECKPOINT_STEP: Final = "langgraph_checkpoints"
_FOR_CHECKPOINTS: Final = ("0006_checkpoint_fence", "0013_checkpoint_writes", "functions/checkpoints")
"""What a database for checkpoints alone needs."""
_KNOWS_OBJECTS: Final = "select to_regprocedure('agent.our_objects()') is not null as value"
_NOTE_OBJECTS: Final = """
insert into agent.migrations as m (name, checksum) values ('objects', array_to_string(agent.our_objects(), E'\\n'))
on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp()
where m.checksum is distinct from excluded.checksum
"""
_INDEXES: Final = "_indexes"
_LOCK_KEY: Final = 0x67726964  # "grid"
_LOCK_POLL_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 300
"""How long to wait for another migration, or for a lock on a busy table, before giving up."""
_BUSY: Final = (errors.LockNotAvailable, errors.DeadlockDetected)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What happened to one file. `state`: applied now, or current already."""

    name: str
    state: Literal["applied", "current"]
    seconds: float = 0.0


async def migrate(
    url: str,
    *,
    scope: Scope = "all",
    extras: Sequence[str] = (),
    report: Callable[[Step], None] = lambda _step: None,
) -> list[Step]:
    """Apply what is missing or was changed; a numbered file is one transaction, and every file may be run again.

    The functions are one transaction together, after the numbered files, as soon as one of their files was changed or a
    numbered file was applied (the early ones bring functions of their time). Where something is gone that an earlier
    call had made (a function, a column, a view that went with it), everything is applied again.

    `extras`: names of files in sql/optional, applied each time.

    Raises `MigrationFailed` with the file's name, `SessionNeeded` where the address is a transaction pooler's, or
    another `StoreError`.
    """
    steps: list[Step] = []

    def done(step: Step) -> None:
        steps.append(step)
        report(step)

    if await is_transaction_pooled(url):
        raise session_needed(url)
    try:
        async with await _connect(url) as connection:
            await _take_lock(connection)
            numbered = _of(scope, sql.migrations())
            await _forget(connection, await _lost(connection))
            if not _are_current(numbered, await _recorded(connection)):
                await _forget_functions(connection)
            groups = [*([script] for script in numbered), _of(scope, sql.functions())]
            for group in groups:
                for step in await _apply(connection, group, await _recorded(connection)):
                    done(step)
            for name in extras:
                for step in await _apply(connection, [sql.optional(name)], {}):
                    done(step)
            if scope != "queue":
                done(await _checkpoint_tables(connection))
            await _note_objects(connection)
    except psycopg.Error as error:
        raise translate(error) from error
    return steps


async def pending(url: str, *, scope: Scope = "all") -> list[str]:
    """Names of the steps that `migrate` would apply. Empty: the database is current. Changes nothing."""
    try:
        async with await _connect(url) as connection:
            recorded = await _recorded(connection)
            names = [script.name for script in _scripts(scope) if not _is_current(script, recorded)]
            if scope != "queue" and await _checkpoint_version(connection) != _newest_checkpoint():
                names.append(CHECKPOINT_STEP)
            return names + [f"{name} (is gone)" for name in await _lost(connection)]
    except psycopg.Error as error:
        raise translate(error) from error


def printed(*, scope: Scope = "all") -> str:
    """All SQL, to paste into an editor whole or file by file."""
    parts = [f"-- ---- {script.name}.sql ----\n{script.text}" for script in _scripts(scope)]
    return "\n".join([*parts, f"-- ---- {CHECKPOINT_STEP} ----\n{_checkpoint_sql()}"])


def _scripts(scope: Scope) -> list[sql.Script]:
    return _of(scope, [*sql.migrations(), *sql.functions()])


def _of(scope: Scope, scripts: Sequence[sql.Script]) -> list[sql.Script]:
    return [script for script in scripts if scope != "checkpoints" or script.name in _FOR_CHECKPOINTS]


async def _connect(url: str) -> Connection:
    return await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        row_factory=dict_row,
        prepare_threshold=None,
        connect_timeout=CONNECT_SECONDS,
        application_name="gridwise migrate",
    )


async def _take_lock(connection: Connection) -> None:
    """By polling: a statement that waits for the lock would hold up CREATE INDEX CONCURRENTLY where it is held."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await _value(connection, "select pg_try_advisory_lock(%s) as value", (_LOCK_KEY,)):
        if time.monotonic() > deadline:
            msg = f"Another migration of this database has been running for {PATIENCE_SECONDS} s; try again later."
            raise StoreError(msg, retryable=True)
        await asyncio.sleep(_LOCK_POLL_SECONDS)


async def _apply(
    connection: Connection, scripts: Sequence[sql.Script], recorded: Mapping[str, str | None]
) -> list[Step]:
    """All of these in one transaction, unless all are current."""
    if _are_current(scripts, recorded):
        return [Step(name=script.name, state="current") for script in scripts]
    started = time.monotonic()
    while True:
        try:
            await _run(connection, scripts)
            break
        except _BUSY as error:
            if time.monotonic() - started > PATIENCE_SECONDS:
                msg = f"{scripts[0].name}: a table stayed locked for {PATIENCE_SECONDS} s; end long transactions."
                raise MigrationFailed(msg, retryable=True) from error
            await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311 - spreads retries, guards nothing
    seconds = (time.monotonic() - started) / len(scripts)
    return [Step(name=script.name, state="applied", seconds=seconds) for script in scripts]


async def _run(connection: Connection, scripts: Sequence[sql.Script]) -> None:
    async with _transaction(connection, scripts[0]):
        for script in scripts:
            try:
                if script.name.endswith(_INDEXES):
                    await _build_indexes(connection, script)
                else:
                    await connection.execute(script.text.encode())
            except (*_BUSY, psycopg.OperationalError):
                raise
            except psycopg.Error as error:
                msg = f"{script.name} failed: {error}"
                raise MigrationFailed(msg) from error
    if await _value(connection, "select to_regclass('agent.migrations') is not null as value"):
        for script in scripts:
            await connection.execute(
                "update agent.migrations set checksum = %s, applied_at = clock_timestamp() where name = %s",
                (script.checksum, script.name),
            )


@asynccontextmanager
async def _transaction(connection: Connection, script: sql.Script) -> AsyncIterator[None]:
    """None for indexes: CREATE INDEX CONCURRENTLY does not run in one."""
    if script.name.endswith(_INDEXES):
        yield
        return
    async with connection.transaction():
        yield


async def _build_indexes(connection: Connection, script: sql.Script) -> None:
    """One by one and CONCURRENTLY, which the pasted file cannot: writers are not held up however large the table is."""
    text = re.sub(r"--[^\n]*", "", script.text)
    for statement in filter(None, (part.strip() for part in text.split(";"))):
        if match := re.match(r"create index if not exists (\w+)", statement):
            await _drop_if_invalid(connection, match.group(1))
            statement = statement.replace("create index", "create index concurrently", 1)
        await connection.execute(statement.encode())


async def _drop_if_invalid(connection: Connection, index: str) -> None:
    """What an interrupted CREATE INDEX CONCURRENTLY leaves would count as existing."""
    query = "select count(*) > 0 as value from pg_index where indexrelid = to_regclass(%s) and not indisvalid"
    if await _value(connection, query, (f"public.{index}",)):
        await connection.execute(f"drop index concurrently public.{index}".encode())


def _are_current(scripts: Sequence[sql.Script], recorded: Mapping[str, str | None]) -> bool:
    return all(recorded.get(script.name) == script.checksum for script in scripts)


async def _forget_functions(connection: Connection) -> None:
    """Numbered files bring functions of their time: whatever happens to this process, ours are applied after them."""
    if await _recorded(connection):
        await connection.execute("update agent.migrations set checksum = '' where name like 'functions/%'")


async def _note_objects(connection: Connection) -> None:
    if await _value(connection, _KNOWS_OBJECTS):
        await connection.execute(_NOTE_OBJECTS)


async def _lost(connection: Connection) -> list[str]:
    """What an earlier call had made and somebody has taken away since."""
    noted = (await _recorded(connection)).get("objects")
    if noted is None:
        return []
    if not await _value(connection, _KNOWS_OBJECTS):
        return ["agent.our_objects()"]
    there = await _value(connection, "select agent.our_objects() as value")
    return sorted(set(noted.split("\n")).difference(there))


async def _forget(connection: Connection, lost: Sequence[str]) -> None:
    """What is there is as if never applied, where something is lost."""
    if lost:
        await connection.execute("update agent.migrations set checksum = '' where name <> 'objects'")
    if any(name.startswith(CHECKPOINT_SCHEMA) for name in lost) and await _checkpoint_version(connection) >= 0:
        await connection.execute("delete from agent_checkpoints.checkpoint_migrations")


async def _recorded(connection: Connection) -> dict[str, str | None]:
    if not await _value(connection, "select to_regclass('agent.migrations') is not null as value"):
        return {}
    rows = await connection.execute("select name, checksum from agent.migrations")
    return {row["name"]: row["checksum"] for row in await rows.fetchall()}


def _is_current(script: sql.Script, recorded: Mapping[str, str | None]) -> bool:
    """A numbered file without a checksum was pasted by hand; whether its text was ours cannot be known."""
    return script.name in recorded and recorded[script.name] in (None, script.checksum)


async def _checkpoint_tables(connection: Connection) -> Step:
    if await _checkpoint_version(connection) == _newest_checkpoint():
        return Step(name=CHECKPOINT_STEP, state="current")
    started = time.monotonic()
    await connection.execute(f"set search_path = {CHECKPOINT_SCHEMA}".encode())
    try:
        await _stock_saver()(connection).setup()
    finally:
        await connection.execute("reset search_path")
    return Step(name=CHECKPOINT_STEP, state="applied", seconds=time.monotonic() - started)


async def _checkpoint_version(connection: Connection) -> int:
    table = f"{CHECKPOINT_SCHEMA}.checkpoint_migrations"
    if not await _value(connection, "select to_regclass(%s) is not null as value", (table,)):
        return -1
    query = f"select coalesce(max(v), -1) as value from {table}"  # noqa: S608  a constant
    return int(await _value(connection, query))


def _newest_checkpoint() -> int:
    return len(_stock_saver().MIGRATIONS) - 1


def _stock_saver() -> "type[AsyncPostgresSaver]":
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    return AsyncPostgresSaver


def _checkpoint_sql() -> str:
    plain = [statement.strip().rstrip(";").replace(" CONCURRENTLY", "") for statement in _stock_saver().MIGRATIONS]
    versions = ", ".join(f"({version})" for version in range(len(plain)))
    record = f"insert into checkpoint_migrations (v) values {versions} on conflict do nothing"  # noqa: S608  numbers
    return ";\n".join([f"set search_path = {CHECKPOINT_SCHEMA}", *plain, record, "reset search_path"]) + ";\n"


async def _value(connection: Connection, query: str, arguments: tuple[object, ...] = ()) -> Any:  # noqa: ANN401
    row = await (await connection.execute(query.encode(), arguments)).fetchone()
    return None if row is None else row["value"]
