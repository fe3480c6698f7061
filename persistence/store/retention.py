"""What has to be looked after now and then: rows that nobody leased, checkpoints and history that are old."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from pydantic import JsonValue

from persistence.store.answers import texts, uuids
from persistence.transports.rpc import Rpc


class Retention:
    """Raises `persistence.errors.StoreError` only. Several processes may do the same at the same time."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def adopt_orphans(self, *, grace_seconds: float = 600) -> int:
        """Rows in `processing` without a lease become due, once they have been at it for `grace_seconds`."""
        return cast("int", await self._rpc("adopt_orphans", {"p_grace_seconds": grace_seconds}))

    async def prunable_threads(self, *, retention_seconds: float, limit: int = 100) -> list[UUID]:
        """Threads that ended that long ago and that no lease will resume."""
        arguments: dict[str, JsonValue] = {"p_retention_seconds": retention_seconds, "p_limit": limit}
        return uuids(await self._rpc("prunable_threads", arguments))

    async def mark_pruned(self, thread_ids: Sequence[UUID], *, retention_seconds: float) -> None:
        """Their checkpoints are gone; a later `requeue` starts on a new thread."""
        if thread_ids:
            await self._rpc(
                "mark_threads_pruned", {"p_threads": texts(thread_ids), "p_retention_seconds": retention_seconds}
            )

    async def trim_history(self, *, retention_seconds: float, limit: int = 1000) -> int:
        """Forgets attempts that ended that long ago (a day at least) and that nobody needs any more; how many.

        Needed: attempts whose checkpoints are not pruned, and all attempts of a workload that holds a lease.
        """
        arguments: dict[str, JsonValue] = {"p_retention_seconds": retention_seconds, "p_limit": limit}
        return cast("int", await self._rpc("trim_history", arguments))
