"""LangGraph's stock saver on our connections: a schema of its own, no lock, only listed types."""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from types import TracebackType
from typing import Any, Final, Self, cast

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import DictRow, dict_row

from persistence.checkpoints.contents import CHANNEL, NAMESPACE, ContentSerializer
from persistence.connections.pool import NoConnection, Pool, translate
from persistence.errors import LeaseLost, Unreachable

SCHEMA: Final = "agent_checkpoints"
_CONTENTS = """
select version, type, blob from checkpoint_blobs
where checkpoint_ns = %(space)s and channel = %(channel)s and (%(thread)s::text is null or thread_id = %(thread)s)
"""
_TABLES = re.compile(r"\b(checkpoint_migrations|checkpoint_blobs|checkpoint_writes|checkpoints)\b")


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    try:
        yield
    except psycopg.errors.ObjectInUse as error:
        msg = f"Another poller has taken over this run: {error.diag.message_primary}."
        raise LeaseLost(msg) from error
    except NoConnection as error:
        raise error.fault from error
    except TimeoutError as error:
        msg = "The checkpoint database does not answer in time."
        raise Unreachable(msg) from error
    except psycopg.Error as error:
        raise translate(error) from error


@cache
def _qualified(statement: str) -> bytes:
    return _TABLES.sub(rf"{SCHEMA}.\1", statement).encode()


class _Cursor(psycopg.AsyncCursor[DictRow]):
    """Names the schema in the statements of the stock saver; a pooler leaves no room for a search path."""

    async def execute(self, query: Any, *args: Any, **options: Any) -> Self:  # noqa: ANN401  psycopg's overloads
        return await super().execute(_qualified(query), *args, **options)

    async def executemany(self, query: Any, *args: Any, **options: Any) -> None:  # noqa: ANN401  as above
        await super().executemany(_qualified(query), *args, **options)


class _NoLock:
    """The stock saver's lock lets one coroutine at a time use the whole pool (langgraph #7259)."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class PooledSaver(AsyncPostgresSaver):
    """The stock saver over a shared pool: schema of its own, no lock, and only listed types are ever deserialised.

    `stored_types` are the classes of the state that are not plain data. Without `LANGGRAPH_STRICT_MSGPACK` in the
    environment LangGraph does not collect them from the state's schema by itself.
    """

    def __init__(self, pool: Pool, *, stored_types: Iterable[type] = ()) -> None:
        self.contents = ContentSerializer(stored_types)
        super().__init__(pool, serde=self.contents)
        self.lock = cast("Any", _NoLock())
        self._pool = pool

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        await self._learn(config["configurable"]["thread_id"])
        return await super().aget_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        limit: int | None = None,
        **search: Any,  # noqa: ANN401  passed on
    ) -> AsyncIterator[CheckpointTuple]:
        await self._learn(None if config is None else config["configurable"].get("thread_id"))
        async for found in super().alist(config, limit=limit, **search):
            yield found

    async def _learn(self, thread_id: str | None) -> None:
        """Fetch the contents that the checkpoints of a thread refer to; of all threads without one."""
        async with self._cursor() as cursor:
            await cursor.execute(_CONTENTS, {"space": NAMESPACE, "channel": CHANNEL, "thread": thread_id}, binary=True)
            self.contents.learn((row["version"], row["type"], row["blob"]) for row in await cursor.fetchall())

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[psycopg.AsyncCursor[DictRow]]:
        async with translated(), self._pool.connection() as connection:
            batch: AbstractAsyncContextManager[Any] = connection.pipeline() if pipeline else _NoLock()
            async with batch, _Cursor(connection, row_factory=dict_row) as cursor:
                cursor.format = psycopg.pq.Format.BINARY
                yield cursor
