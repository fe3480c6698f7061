"""One attempt at a claimed workload: run it, judge the outcome, write it down."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Final

from langgraph.runtime import RunControl
from structlog.typing import FilteringBoundLogger

from graph.worker.breaker import Breaker
from graph.worker.completer import BatchCompleter, Ending
from graph.worker.executor import Executor, ExecutorConfig
from graph.worker.handover import HandedOver, Server
from graph.worker.metrics import Metrics, TokenUsage
from graph.worker.outcome import Failed, Recommended, Report, Retry, Suspended
from persistence.errors import StoreError
from persistence.ids import short_id
from persistence.retry import Outage
from persistence.store.operations import Operations
from persistence.store.queue import Claim

_HISTORY_SECONDS: Final = 1.0
"""For what is asked for the log alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What all attempts of one poller share."""

    config: ExecutorConfig
    operations: Operations
    completer: BatchCompleter
    breaker: Breaker
    outage: Outage
    metrics: Metrics
    server: Server | None = None
    """Where runs are handed to; None: they run in this process."""


class Attempt:
    """Call `run` once, in a task; cancelling that task ends the attempt, lost or drained as `is_lost` says."""

    def __init__(self, claim: Claim, means: Means, log: FilteringBoundLogger, *, freed: Callable[[], None]) -> None:
        """`freed` is called when the run is over and only its result is left to be written."""
        self.lease = claim.lease
        self.control = RunControl()
        """The producer asks it to drain; the graph obeys between two steps."""
        self.is_lost = False
        """Set by the producer when the heartbeat has lost the lease, read when the task is cancelled."""
        self.is_completing = False
        """Set when the run is over and its result is being written; read by the producer."""
        self._claim = claim
        self._means = means
        self._freed = freed
        self._log = log.bind(
            workload=str(self.lease.workload_id),
            name=str(claim.row.get("workload_name") or ""),
            id=short_id(self.lease.workload_id),
            thread=str(self.lease.thread_id),
            attempt=self.lease.attempt,
            token=self.lease.token,
        )

    async def run(self) -> Ending:
        usage = TokenUsage(self._means.metrics)
        started = monotonic()
        report: Report | None = None
        ending: Ending = "unwritten"
        try:
            if self.lease.attempt > 1:
                await self._announce_takeover()
            self._log.info(f"Processing workload {self.lease.workload_id}...")
            report = self._judged(await self._report(usage))
            self._log.debug("Run ended", outcome=type(report.outcome).__name__, begun=report.begun)
            self.is_completing = True
            self._freed()
            ending = await self._means.completer.complete(report, self._log)
            self._count(report, ending)
        except asyncio.CancelledError:
            ending = "lost" if self.is_lost else "drained"
            self._log.warning("Run stopped: the lease was lost" if self.is_lost else "Run stopped by shutdown")
        finally:
            seconds = monotonic() - started
            self._means.metrics.observe_run(ending, seconds, report.begun if report else None, usage.usage_metadata)
            self._log.debug("Attempt ended", ending=ending, seconds=round(seconds, 3))
        return ending

    async def _report(self, usage: TokenUsage) -> Report:
        means = self._means
        if means.server is not None:
            return await HandedOver(self._claim, means.config, means.server).run()
        return await Executor(self._claim, means.config, self.control, [usage], means.outage, self._log).run()

    async def _announce_takeover(self) -> None:
        """Whose run is continued, and why it did not end it. For the log alone: nothing waits for a slow answer."""
        try:
            async with asyncio.timeout(_HISTORY_SECONDS):
                attempts = await self._means.operations.history(self.lease.workload_id)
        except (StoreError, TimeoutError):
            attempts = []
        before = next((one for one in reversed(attempts) if one["token"] < self.lease.token and one["ended_at"]), None)
        if before is None or before["outcome"] not in ("lost", "retry"):
            return
        ago = self._means.config.clock() - datetime.fromisoformat(str(before["ended_at"]))
        self._log.info(
            "Resuming the workload of a lease that ran out"
            if before["outcome"] == "lost"
            else "Resuming the workload of an attempt that failed",
            former_owner=before["owner"],
            ended_seconds_ago=round(max(ago.total_seconds(), 0.0), 1),
            held_seconds=round(before["seconds"], 1),
            error=before["error"],
        )

    def _judged(self, report: Report) -> Report:
        """The report, its outcome replaced where the system is at fault."""
        breaker = self._means.breaker
        if isinstance(report.outcome, Recommended):
            breaker.succeed()
        elif report.fault is not None and breaker.blames_system(report.fault, report.lease.workload_id):
            return replace(report, outcome=Suspended(cause=report.fault.cause or ""))
        return report

    def _count(self, report: Report, ending: Ending) -> None:
        outcome, metrics = report.outcome, self._means.metrics
        if isinstance(outcome, Recommended) and ending == "queued":
            metrics.observe_decision(outcome.recommendation.metadata.get("provenance"))
        elif isinstance(outcome, Failed | Retry):
            metrics.failures.labels(outcome.kind).inc()
        elif isinstance(outcome, Suspended):
            metrics.failures.labels(outcome.cause).inc()
