"""Results that are ready at the same time are written in one transaction."""

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

from graph.persist import Persistent
from persistence.errors import StoreError
from persistence.store import Lease, Store
from persistence.workload import Recommendation

Item: TypeAlias = tuple[Lease, Recommendation]

MAX_GROUP = 100
"""Bounds the size of one statement; a result with its metadata is some tens of kilobytes."""


class Completions:
    """While one group is on its way to the database, those that finish form the next: no timer, no added latency."""

    def __init__(self, store: Store, persist: Persistent) -> None:
        self._store = store
        self._persist = persist
        self._waiting: list[tuple[Item, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def complete(self, lease: Lease, recommendation: Recommendation) -> bool:
        """As `Store.complete`, and only ever fails for this item."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(((lease, recommendation), future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_groups())
        return await future

    async def _write_groups(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
                await self._write([entry for entry in group if not entry[1].done()])
        finally:
            self._writer = None

    async def _write(self, group: Sequence[tuple[Item, asyncio.Future[bool]]]) -> None:
        items = [item for item, _ in group]
        try:
            written = await self._persist("complete", lambda: self._store.complete_all(items))
        except StoreError as error:
            if len(group) > 1:  # one of them is refused: find out which
                for entry in group:
                    await self._write([entry])
                return
            _resolve(group[0][1], error)
            return
        for (lease, _), future in group:
            _resolve(future, lease.token in written)


def _resolve(future: asyncio.Future[bool], result: bool | Exception) -> None:
    if future.done():  # the run was stopped meanwhile
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
