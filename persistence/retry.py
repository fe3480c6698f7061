"""Waiting for what may come back: one backoff, one loop that repeats a call, one record of who waits."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, runtime_checkable

from persistence.errors import RowBusy, StoreError

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

T = TypeVar("T")

UNREACHABLE: Final = "database_unreachable"
CALL_SECONDS: Final = 15.0
"""For one call of a worker to the queue."""


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


@runtime_checkable
class Fault(Protocol):
    """What our errors say of themselves, whichever package they are of."""

    retryable: bool
    """Whether the same call may succeed later."""
    cause: str | None
    """What is wrong with the system, by name; None where the fault is the workload's or the call's own."""
    is_certain: bool
    """With a cause: one such failure is enough to know that others would fail alike."""


def is_retryable(error: Exception) -> bool:
    """What an error says of itself; False of one that says nothing."""
    return isinstance(error, Fault) and error.retryable


def may_pass(error: StoreError) -> bool:
    """Of a database that worked before: also what somebody has to repair, such as a missing function."""
    return error.retryable or error.cause is not None


class Outage:
    """Shared by all parts of one process that talk to the database; safe to use from several threads."""

    def __init__(self, log: "FilteringBoundLogger") -> None:
        self._log = log
        self._lock = threading.Lock()
        self._failing: dict[str, Exception] = {}
        """By part, its last error. Written under the lock by `begin` and `end`, from any thread."""
        self._since = 0.0
        """When the first of them failed, monotonic; written with it."""

    @property
    def is_on(self) -> bool:
        return bool(self._failing)

    def is_met_by(self, part: str) -> bool:
        """Whether the last call of `part` failed."""
        return part in self._failing

    @property
    def reasons(self) -> list[str]:
        """What is wrong and how to mend it, each once."""
        with self._lock:
            return list(dict.fromkeys(str(error) for error in self._failing.values()))

    def begin(self, part: str, error: StoreError) -> None:
        """`part` could not reach the database, or the database would not serve it."""
        with self._lock:
            known = {_cause(one) for one in self._failing.values()}
            if not known:
                self._since = time.monotonic()
            self._failing[part] = error
        if _cause(error) not in known:
            self._log.warning(
                "Database unreachable, retrying until it is back"
                if _cause(error) == UNREACHABLE
                else "Database out of order, retrying until it is mended",
                part=part,
                cause=_cause(error),
                error=str(error),
            )

    def end(self, part: str) -> None:
        """`part` reached the database."""
        with self._lock:
            if part not in self._failing:
                return
            del self._failing[part]
            is_over = not self._failing
            seconds = time.monotonic() - self._since
        if is_over:
            self._log.info("Database reachable again", after_seconds=round(seconds, 1))


def _cause(error: Exception) -> str:
    return getattr(error, "cause", None) or UNREACHABLE


@dataclass(frozen=True, kw_only=True, slots=True)
class Until:
    """When repeating ends: after so many calls, or so long after the first failure; never where neither is given."""

    attempts: int | None = None
    seconds: float | None = None

    def is_over(self, failures: int, seconds: float) -> bool:
        return (self.attempts is not None and failures >= self.attempts) or (
            self.seconds is not None and seconds > self.seconds
        )


FOREVER: Final = Until()


class Retrier:
    """Repeats a call to the database that failed for a reason which may pass.

    The calls are fenced or idempotent, so that one too many does no harm. One without an answer within `timeout`
    seconds counts as failed: a cut connection may never say so.
    """

    def __init__(
        self, outage: Outage | None = None, random: Random | None = None, *, backoff: Backoff | None = None
    ) -> None:
        self._outage = outage
        self._random = random or Random()  # noqa: S311  spreads retries, guards nothing
        self._backoff = backoff or Backoff(base_seconds=0.1, cap_seconds=5)
        self._has_answered = False
        """Whether any call ever succeeded: only then is a fault of the database itself waited for, since one that
        never served this version is refused at the start."""

    async def __call__(
        self,
        part: str,
        call: Callable[[], Awaitable[T]],
        *,
        timeout: float | None = None,
        until: Until = FOREVER,
        retry_on: Callable[[StoreError], bool] | None = None,
    ) -> T:
        """`part` names the caller in the log. Raises the last `StoreError` where repeating cannot help or is over.

        Repeated is what may pass by itself, without an end also what somebody may mend; or what `retry_on` says.
        """
        loop = asyncio.get_running_loop()
        failures, first_failure_at = 0, 0.0
        while True:
            try:
                async with asyncio.timeout(timeout) as limit:
                    result = await call()
            except StoreError as error:
                failure = error
            except TimeoutError as error:
                if not limit.expired():
                    raise
                failure = StoreError(f"The database did not answer within {timeout:g} s.", retryable=True)
                failure.__cause__ = error
            else:
                self._has_answered = True
                self._report(part, None)
                return result
            self._report(part, failure)
            failures += 1
            first_failure_at = first_failure_at or loop.time()
            may_repeat = (retry_on or self._default(until))(failure)
            if not may_repeat or until.is_over(failures, loop.time() - first_failure_at):
                raise failure
            await asyncio.sleep(self._backoff.delay_seconds(failures, self._random))

    def _default(self, until: Until) -> Callable[[StoreError], bool]:
        return may_pass if until is FOREVER and self._has_answered else is_retryable

    def _report(self, part: str, failure: StoreError | None) -> None:
        if self._outage is None:
            return
        if failure is None or not may_pass(failure) or isinstance(failure, RowBusy):  # the database did answer
            self._outage.end(part)
        else:
            self._outage.begin(part, failure)
