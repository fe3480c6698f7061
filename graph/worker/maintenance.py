"""What has to be done now and then, by whichever poller is there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from structlog.typing import FilteringBoundLogger

from graph.worker.metrics import Metrics
from persistence.checkpoints.threads import delete_threads
from persistence.connections.pool import Pool
from persistence.retry import Retrier
from persistence.store.open import Store

T = TypeVar("T")

INTERVAL_SECONDS = 30.0
PRUNE_BATCH = 500
PRUNE_BATCHES = 20
TRIM_BATCH = 1000
TRIM_BATCHES = 20
"""In one pass; what is left waits for the next, so that neither holds anything else up."""
STEP_SECONDS = 60.0
"""For one call; deleting hundreds of threads takes longer than the queue's calls."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Maintenance:
    """Rescues rows in processing that nobody has leased, measures the queue, prunes the checkpoints of runs that ended
    `retention_seconds` ago, and trims attempts that ended `history_seconds` ago from the history, never before their
    checkpoints went.

    Several pollers may do the same at the same time: each step is idempotent.
    """

    store: Store
    checkpoints: Pool
    metrics: Metrics
    retry: Retrier
    log: FilteringBoundLogger
    retention_seconds: float
    history_seconds: float

    async def once(self) -> float:
        """One pass; how many seconds until the next."""
        self.metrics.observe_depth(await self._step(self.store.operations.depth))
        if rescued := await self._step(self.store.retention.adopt_orphans):
            self.log.warning("Adopted workloads that the queue did not know of", count=rescued)
        await self._prune()
        await self._trim()
        return INTERVAL_SECONDS

    async def _prune(self) -> None:
        pruned = 0
        for _ in range(PRUNE_BATCHES):
            count = await self._step(self._prune_batch)
            pruned += count
            if count < PRUNE_BATCH:
                break
        if pruned:
            self.log.info("Pruned the checkpoints of finished runs", count=pruned)

    async def _prune_batch(self) -> int:
        retention, seconds = self.store.retention, self.retention_seconds
        threads = await retention.prunable_threads(retention_seconds=seconds, limit=PRUNE_BATCH)
        if threads:
            await delete_threads(self.checkpoints, threads)
            await retention.mark_pruned(threads, retention_seconds=seconds)
        return len(threads)

    async def _trim(self) -> None:
        retention_seconds = max(self.history_seconds, self.retention_seconds)
        trimmed = 0
        for _ in range(TRIM_BATCHES):
            count = await self._step(
                lambda: self.store.retention.trim_history(retention_seconds=retention_seconds, limit=TRIM_BATCH)
            )
            trimmed += count
            if count < TRIM_BATCH:
                break
        if trimmed:
            self.log.info("Trimmed attempts from the history", count=trimmed)

    async def _step(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self.retry("maintenance", call, timeout=STEP_SECONDS)
