"""The last good answer of an outside source, shared by all pollers, so that one of them asks and not each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, cast
from uuid import uuid4

from pydantic import JsonValue

from persistence.errors import StoreError
from persistence.log import default_log
from persistence.transports.rpc import Rpc

_POLL_SECONDS: Final = 0.2


class SourceCache:
    """Never raises: without the database a source is asked directly, as if nothing had been stored."""

    def __init__(self, rpc: Rpc, *, lock_seconds: float = 30) -> None:
        self._rpc = rpc
        self._lock_seconds = lock_seconds

    async def get(self, key: str) -> tuple[JsonValue, datetime] | None:
        """The payload and when it was stored (aware, server's clock); None when there is none."""
        try:
            found = cast("dict[str, JsonValue] | None", await self._rpc("source_cache_get", {"p_key": key}))
        except StoreError as error:
            _warn("read", key, error)
            return None
        return None if found is None else (found["payload"], datetime.fromisoformat(str(found["fetched_at"])))

    async def put(self, key: str, payload: JsonValue) -> None:
        try:
            await self._rpc("source_cache_put", {"p_key": key, "p_payload": payload})
        except StoreError as error:
            _warn("store", key, error)

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Single flight over all processes. Look again with `get` inside: another may have fetched while you waited.

        A holder that died blocks nobody longer than `lock_seconds`.
        """
        holder = str(uuid4())
        try:
            await self._acquire(key, holder)
        except StoreError as error:
            _warn("lock", key, error)
        try:
            yield
        finally:
            try:
                await self._rpc("source_cache_unlock", {"p_key": key, "p_holder": holder})
            except StoreError as error:
                _warn("unlock", key, error)

    async def _acquire(self, key: str, holder: str) -> None:
        arguments: dict[str, JsonValue] = {"p_key": key, "p_holder": holder, "p_seconds": self._lock_seconds}
        while not await self._rpc("source_cache_lock", arguments):  # noqa: ASYNC110  another process may hold it
            await asyncio.sleep(_POLL_SECONDS)


def _warn(call: str, key: str, error: StoreError) -> None:
    default_log().warning("Source cache unavailable", call=call, key=key, error=str(error))
