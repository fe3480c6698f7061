"""What every poller repeats for as long as it runs, beside its claims."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from structlog.typing import FilteringBoundLogger

from persistence.errors import StoreError


async def periodically(
    task: str,
    once: Callable[[], Awaitable[float]],
    *,
    interval_seconds: float,
    random: Random,
    log: FilteringBoundLogger,
) -> None:
    """Repeats `once` until cancelled, whatever it raises.

    `once` returns after how many seconds the next round is worth it, 0 for at once; a round that fails is repeated
    after `interval_seconds`. With jitter, so that pollers that started together do not stay together.
    """
    while True:
        seconds = interval_seconds
        try:
            seconds = await once()
        except StoreError as error:
            log.error("Background task failed", task=task, error=str(error))
        except Exception as error:
            log.error("Background task failed", task=task, exc_info=error)
        await asyncio.sleep(seconds * random.uniform(0.5, 1.5))
