"""Shows in the shared table what it would not take at once: rows that somebody had locked, or that refuse."""

from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger

from persistence.retry import CALL_SECONDS, Retrier
from persistence.store.queue import Queue

BATCH: Final = 20
INTERVAL_SECONDS: Final = 2.0
SHORTEST_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Projector:
    """One row's trouble is its own: claims and results wait for none of this. Several pollers may do the same."""

    queue: Queue
    retry: Retrier
    log: FilteringBoundLogger

    async def once(self) -> float:
        """One round; how many seconds until the next is worth it."""
        done = await self.retry("projection", lambda: self.queue.project(limit=BATCH), timeout=CALL_SECONDS)
        if done.parked:
            self.log.warning("Rows refuse their state or answer; `gridwise status` shows why", count=done.parked)
        if done.next_seconds is None:
            return INTERVAL_SECONDS
        return min(max(done.next_seconds, SHORTEST_SECONDS), INTERVAL_SECONDS)
