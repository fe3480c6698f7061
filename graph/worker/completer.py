"""Writing down what came of a run."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Final, Literal, TypeAlias

from structlog.typing import FilteringBoundLogger

from graph.worker.outcome import Drained, Failed, Lost, Recommended, Report, Retry, Suspended
from persistence.errors import LeaseLost, StoreError
from persistence.retry import CALL_SECONDS, Backoff, Retrier, is_retryable
from persistence.store.queue import Lease, Queue
from persistence.workload import Recommendation

Ending: TypeAlias = Literal["queued", "failed", "retry", "lost", "dropped", "drained", "suspended", "unwritten"]
Item: TypeAlias = tuple[Lease, Recommendation]
Answer: TypeAlias = Literal["written", "dropped", "busy"]
Entry: TypeAlias = tuple[Item, asyncio.Future[Answer]]

MAX_GROUP = 100
"""Bounds the size of one statement; a result with its metadata is some tens of kilobytes."""
BUSY: Final = Backoff(base_seconds=0.1, cap_seconds=2)
"""Until a result is sent again whose row somebody has locked: an edit takes a moment, or hours."""


class BatchCompleter:
    """One fenced call per outcome. Results go in groups: while one is on its way to the database, those that finish
    form the next, without a timer and without added latency.
    """

    def __init__(self, queue: Queue, retry: Retrier, *, max_attempts: int, backoff: Backoff, random: Random) -> None:
        self._queue = queue
        self._retry = retry
        self._max_attempts = max_attempts
        self._backoff = backoff
        self._random = random
        self._waiting: list[Entry] = []
        """Results for the next group; `write` adds, the writer takes."""
        self._writer: asyncio.Task[None] | None = None
        """Runs while there are groups to write."""

    async def complete(self, report: Report, log: FilteringBoundLogger) -> Ending:
        lease = report.lease
        try:
            match report.outcome:
                case Recommended() as outcome:
                    return await self._recommend(lease, outcome, log)
                case Failed() as outcome:
                    return await self._fail(lease, outcome, log)
                case Retry() as outcome:
                    return await self._try_again(lease, outcome, log)
                case Drained():
                    return "drained"
                case Suspended():
                    return await self._give_back(lease, log)
                case Lost():
                    log.warning("Lease lost: another poller has taken over this workload")
                    return "lost"
        except StoreError as error:
            log.error("The outcome could not be written; the lease will run out", error=str(error))
            return "unwritten"
        except Exception as error:
            log.error("The outcome could not be written; the lease will run out", exc_info=error)
            return "unwritten"

    async def _recommend(self, lease: Lease, outcome: Recommended, log: FilteringBoundLogger) -> Ending:
        try:
            is_written = await self.write(lease, outcome.recommendation)
        except LeaseLost:
            is_written = False
        except StoreError as error:
            return await self._fail(lease, Failed(error=f"The recommendation could not be written: {error}"), log)
        if not is_written:
            log.warning("Result dropped: the lease was lost, or the workload is no longer in processing")
            return "dropped"
        log.info(f"Workload {lease.workload_id} updated with agent recommendations", **_decision(outcome))
        return "queued"

    async def _fail(self, lease: Lease, outcome: Failed, log: FilteringBoundLogger) -> Ending:
        written = await self._retry(
            "fail",
            lambda: self._queue.fail(
                lease,
                outcome.error,
                retry_in_seconds=None,
                max_attempts=self._max_attempts,
                details=outcome.details,
            ),
            timeout=CALL_SECONDS,
        )
        log.warning("Workload failed", error=outcome.error, written=written)
        return written

    async def _give_back(self, lease: Lease, log: FilteringBoundLogger) -> Ending:
        await self._retry("release", lambda: self._queue.release([lease]), timeout=CALL_SECONDS)
        log.info("Workload put back: the system is at fault, not the workload")
        return "suspended"

    async def _try_again(self, lease: Lease, outcome: Retry, log: FilteringBoundLogger) -> Ending:
        delay = self._backoff.delay_seconds(lease.attempt, self._random, at_least_seconds=outcome.after_seconds)
        written = await self._retry(
            "fail",
            lambda: self._queue.fail(lease, outcome.error, retry_in_seconds=delay, max_attempts=self._max_attempts),
            timeout=CALL_SECONDS,
        )
        log.warning(
            "Workload will be tried again" if written == "retry" else "Workload failed",
            error=outcome.error,
            retry_in_seconds=round(delay, 1),
            written=written,
            exc_info=outcome.cause,
        )
        return written

    async def write(self, lease: Lease, recommendation: Recommendation) -> bool:
        """As `Queue.complete`, and only ever fails for this item. While its row is locked it waits by itself and goes
        with a later group."""
        failures = 0
        while True:
            try:
                if (answer := await self._answer((lease, recommendation))) != "busy":
                    return answer == "written"
            except StoreError as error:  # of the database, not of this result, which is kept until that is repaired
                if error.cause is None:
                    raise
            failures += 1
            await asyncio.sleep(BUSY.delay_seconds(failures, self._random))

    async def _answer(self, item: Item) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_groups())
        return await future

    async def _write_groups(self) -> None:
        group: list[Entry] = []
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
                await self._write([entry for entry in group if not entry[1].done()])
        finally:
            self._writer = None
            left, self._waiting = [*group, *self._waiting], []
            for _, future in left:  # none, unless this task was cancelled: nobody else would ever answer them
                future.cancel()

    async def _write(self, group: Sequence[Entry]) -> None:
        items = [item for item, _ in group]
        try:
            done = await self._retry(
                "complete", lambda: self._queue.complete_all(items), timeout=CALL_SECONDS, retry_on=is_retryable
            )
        except Exception as error:
            if len(group) > 1:  # one of them is refused: find out which
                for entry in group:
                    await self._write([entry])
                return
            _resolve(group[0][1], error)
            return
        for (lease, _), future in group:
            is_written, is_busy = lease.token in done.written, lease.token in done.busy
            _resolve(future, "written" if is_written else "busy" if is_busy else "dropped")


def _resolve(future: asyncio.Future[Answer], result: Answer | Exception) -> None:
    if future.done():  # the run was stopped meanwhile
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _decision(outcome: Recommended) -> dict[str, object]:
    """Where, when and at what, for the log."""
    first = outcome.recommendation.options[0]
    provenance = outcome.recommendation.metadata.get("provenance")
    saved = provenance.get("savings") if isinstance(provenance, dict) else None
    saved = saved if isinstance(saved, dict) else {}
    fields: dict[str, object] = {
        "region": first.region,
        "start": f"{first.start:%Y-%m-%dT%H:%MZ}",
        "g_per_kwh": None if first.carbon_intensity is None else float(first.carbon_intensity),
        "cost_gbp": None if first.cost_gbp is None else float(first.cost_gbp),
        "saves_g": saved.get("carbon_g"),
        "saves_gbp": saved.get("cost_gbp"),
    }
    return {name: value for name, value in fields.items() if value is not None}
