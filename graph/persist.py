"""A call to the store, repeated until the database answers."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from graph.outage import Outage
from graph.retry import Backoff
from persistence.errors import RowBusy, StoreError

T = TypeVar("T")


class Persistent:
    """Repeats what is retryable, for as long as it takes: the calls are fenced, so that one too many does no harm.

    A call without an answer within `timeout_seconds` counts as failed: a cut connection may never say so.
    """

    def __init__(self, outage: Outage, random: Random, *, timeout_seconds: float = 15) -> None:
        self._outage = outage
        self._random = random
        self._timeout_seconds = timeout_seconds
        self._backoff = Backoff(base_seconds=0.1, cap_seconds=5)

    async def __call__(self, part: str, call: Callable[[], Awaitable[T]]) -> T:
        """`part` names the caller in the log. Raises `StoreError` where repeating cannot help."""
        failures = 0
        while True:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    result = await call()
            except StoreError as error:
                if not error.retryable:
                    self._outage.end(part)  # the database did answer
                    raise
                if isinstance(error, RowBusy):
                    self._outage.end(part)
                else:
                    self._outage.begin(part, error)
            except TimeoutError:
                self._outage.begin(part, StoreError(f"no answer within {self._timeout_seconds:.0f} s"))
            else:
                self._outage.end(part)
                return result
            failures += 1
            await asyncio.sleep(self._backoff.delay_seconds(failures, self._random))
