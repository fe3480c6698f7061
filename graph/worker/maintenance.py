"""What has to be done now and then, by whichever poller is there."""

import asyncio
from dataclasses import dataclass
from random import Random

from graph.worker.metrics import Metrics
from persistence.checkpoint import delete_threads
from persistence.connections.pool import Pool
from persistence.errors import StoreError
from persistence.retry import Log, Outage
from persistence.store.queue import Store

PRUNE_BATCH = 500
TRIM_BATCH = 1000
TRIM_BATCHES = 20
"""In one pass; what is left waits for the next, so that trimming a long history holds nothing else up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Housekeeping:
    """Adopts orphans, measures the queue, prunes the checkpoints of runs that ended `retention_seconds` ago, and trims
    attempts that ended `history_seconds` ago from the history, never before their checkpoints went.

    Several pollers may do the same at the same time: each step is idempotent.
    """

    store: Store
    checkpoints: Pool
    metrics: Metrics
    outage: Outage
    random: Random
    log: Log
    retention_seconds: float
    history_seconds: float
    interval_seconds: float = 30

    async def run(self) -> None:
        """Ends by cancellation."""
        while True:
            try:
                await self.once()
            except (StoreError, TimeoutError) as error:
                if getattr(error, "retryable", True):
                    self.outage.begin("housekeeping", error)
                else:
                    self.log.error("Housekeeping failed", error=str(error))
            except Exception as error:
                self.log.error("Housekeeping failed", exc_info=error)
            else:
                self.outage.end("housekeeping")
            await asyncio.sleep(self.interval_seconds * self.random.uniform(0.5, 1.5))

    async def once(self) -> None:
        async with asyncio.timeout(60):
            self.metrics.observe_depth(await self.store.depth())
            if adopted := await self.store.adopt_orphans():
                self.log.warning(f"Adopted {adopted} workload(s) in processing that nobody had leased")
            await self._prune()
            await self._trim()

    async def _prune(self) -> None:
        pruned = 0
        while threads := await self.store.prunable_threads(retention_seconds=self.retention_seconds, limit=PRUNE_BATCH):
            await delete_threads(self.checkpoints, threads)
            await self.store.mark_pruned(threads, retention_seconds=self.retention_seconds)
            pruned += len(threads)
        if pruned:
            self.log.info(f"Pruned the checkpoints of {pruned} finished run(s)")

    async def _trim(self) -> None:
        retention_seconds = max(self.history_seconds, self.retention_seconds)
        trimmed = 0
        for _ in range(TRIM_BATCHES):
            count = await self.store.trim_history(retention_seconds=retention_seconds, limit=TRIM_BATCH)
            trimmed += count
            if count < TRIM_BATCH:
                break
        if trimmed:
            self.log.info(f"Trimmed {trimmed} attempt(s) from the history")
