"""When a failed workload is tried again."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeVar

from persistence.errors import RowBusy, StoreError


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: those who failed together do not return together."""

    base_seconds: float = 2.0
    cap_seconds: float = 300.0

    def delay_seconds(self, attempt: int, random: Random, *, at_least_seconds: float | None = None) -> float:
        """Wait after the `attempt`-th failure (from 1).

        `at_least_seconds` is what the service asked for (`RetryInfo`, `Retry-After`): the jitter then comes on top,
        since to return before it is to fail again.
        """
        ceiling = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt - 1, 30))
        return random.uniform(0, ceiling) + (at_least_seconds or 0)


class Log(Protocol):
    """The part of structlog's bound logger that is used here."""

    def bind(self, **values: object) -> "Log": ...
    def debug(self, event: str, **values: object) -> object: ...
    def info(self, event: str, **values: object) -> object: ...
    def warning(self, event: str, **values: object) -> object: ...
    def error(self, event: str, **values: object) -> object: ...


class Outage:
    """Shared by all parts of one process that talk to the database; safe to use from several threads."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._failing: set[str] = set()
        self._since = 0.0

    @property
    def is_on(self) -> bool:
        return bool(self._failing)

    def begin(self, part: str, error: Exception) -> None:
        """`part` could not reach the database."""
        with self._lock:
            is_first = not self._failing
            self._failing.add(part)
            if is_first:
                self._since = time.monotonic()
        if is_first:
            reason = str(error) or "no answer in time"
            self._log.warning("Database unreachable, retrying until it is back", part=part, error=reason)

    def end(self, part: str) -> None:
        """`part` reached the database."""
        if not self._failing:
            return
        with self._lock:
            self._failing.discard(part)
            is_over = not self._failing
            seconds = time.monotonic() - self._since
        if is_over:
            self._log.info("Database reachable again", after_seconds=round(seconds, 1))


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
