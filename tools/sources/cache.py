"""The last good answer of each source: one fetch per half-hour serves every run and, in Postgres, every poller."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol

from pydantic import JsonValue


class ResponseCache(Protocol):
    """Never raises; a cache that cannot be reached behaves as an empty one. The store's is in Postgres."""

    async def get(self, key: str) -> tuple[JsonValue, datetime] | None:
        """The payload and when it was stored."""
        ...

    async def put(self, key: str, payload: JsonValue) -> None: ...

    def lock(self, key: str) -> AbstractAsyncContextManager[None]:
        """Single flight: look again with `get` inside, another may have fetched meanwhile."""
        ...


class MemoryCache:
    """For one process: `doctor`, notebooks, tests."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._stored: dict[str, tuple[JsonValue, datetime]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, key: str) -> tuple[JsonValue, datetime] | None:
        return self._stored.get(key)

    async def put(self, key: str, payload: JsonValue) -> None:
        self._stored[key] = (payload, self._clock())

    def lock(self, key: str) -> AbstractAsyncContextManager[None]:
        return self._locks[key]
