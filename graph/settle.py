"""Writing down what came of a run."""

from random import Random
from typing import Literal, TypeAlias

from graph.completions import Completions
from graph.outage import Log
from graph.outcome import Drained, Failed, Lost, Recommended, Report, Retry
from graph.persist import Persistent
from graph.retry import Backoff
from persistence.errors import LeaseLost, StoreError
from persistence.store import Lease, Store

Settled: TypeAlias = Literal["queued", "failed", "retry", "lost", "dropped", "drained", "unwritten"]


class Settler:
    """One fenced call per outcome; results go in groups."""

    def __init__(
        self, store: Store, persist: Persistent, *, max_attempts: int, backoff: Backoff, random: Random
    ) -> None:
        self._store = store
        self._persist = persist
        self._completions = Completions(store, persist, random)
        self._max_attempts = max_attempts
        self._backoff = backoff
        self._random = random

    async def settle(self, report: Report, log: Log) -> Settled:
        lease = report.lease
        try:
            match report.outcome:
                case Recommended() as outcome:
                    return await self._complete(lease, outcome, log)
                case Failed() as outcome:
                    return await self._fail(lease, outcome, log)
                case Retry() as outcome:
                    return await self._retry(lease, outcome, log)
                case Drained():
                    return "drained"
                case Lost():
                    log.warning("Lease lost: somebody else goes on with this workload")
                    return "lost"
        except StoreError as error:
            log.error("The outcome could not be written; the lease will run out", error=str(error))
            return "unwritten"
        except Exception as error:
            log.error("The outcome could not be written; the lease will run out", exc_info=error)
            return "unwritten"

    async def _complete(self, lease: Lease, outcome: Recommended, log: Log) -> Settled:
        try:
            is_written = await self._completions.complete(lease, outcome.recommendation)
        except LeaseLost:
            is_written = False
        except StoreError as error:
            return await self._fail(lease, Failed(error=f"The recommendation could not be written: {error}"), log)
        if not is_written:
            log.warning("Result dropped: the lease was lost, or the workload is no longer in processing")
            return "dropped"
        log.info(f"Workload {lease.workload_id} updated with agent recommendations")
        return "queued"

    async def _fail(self, lease: Lease, outcome: Failed, log: Log) -> Settled:
        written = await self._persist(
            "fail",
            lambda: self._store.fail(
                lease,
                outcome.error,
                retry_in_seconds=None,
                max_attempts=self._max_attempts,
                details=outcome.details,
            ),
        )
        log.warning(f"Workload {lease.workload_id} failed", error=outcome.error, written=written)
        return written

    async def _retry(self, lease: Lease, outcome: Retry, log: Log) -> Settled:
        delay = self._backoff.delay_seconds(lease.attempt, self._random, at_least_seconds=outcome.after_seconds)
        written = await self._persist(
            "fail",
            lambda: self._store.fail(lease, outcome.error, retry_in_seconds=delay, max_attempts=self._max_attempts),
        )
        log.warning(
            f"Workload {lease.workload_id} will be tried again"
            if written == "retry"
            else f"Workload {lease.workload_id} failed",
            error=outcome.error,
            retry_in_seconds=round(delay, 1),
            written=written,
            exc_info=outcome.cause,
        )
        return written
