"""Claim as many workloads as there is room for, run them, write back what came of them; stop without leaving a mess."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any

from structlog.typing import FilteringBoundLogger

from graph.worker.attempt import Attempt, Means
from graph.worker.breaker import Breaker
from graph.worker.completer import BatchCompleter
from graph.worker.executor import ExecutorConfig
from graph.worker.handover import Server
from graph.worker.heartbeat import Heartbeat
from graph.worker.metrics import Metrics
from graph.worker.tasks import end
from persistence.errors import StoreError
from persistence.retry import CALL_SECONDS, Backoff, Outage, Retrier
from persistence.store.open import Store
from persistence.store.operations import Depth
from persistence.store.queue import Claim, Lease
from tools.errors import SystemFault

_LAST_CALL_SECONDS = 1.0
"""How long a call under way may take once the poller is stopping."""
_DUE_SPREAD_SECONDS = 0.3
"""Idle pollers come at most this much after a lease is due, and not all at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProducerOptions:
    """How one poller works. Defaults are the contract's."""

    owner: str
    """Who this is, in leases and history: host, process, and something random."""
    concurrency: int = 5
    poll_interval_seconds: float = 10
    lease_seconds: int = 60
    max_attempts: int = 5
    drain_grace_seconds: float = 20
    """How long a shutdown waits for runs to reach the end of their step."""
    until_empty: bool = False
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(kw_only=True, slots=True)
class _InFlight:
    attempt: Attempt
    task: asyncio.Task[None]


class Producer:
    """Call `run`; end it with `stop` (drains) and, for the impatient, `stop` again (at once).

    Correctness never hangs on this class: whatever it does late or twice is refused by the fences in the database.
    """

    def __init__(
        self,
        *,
        store: Store,
        config: ExecutorConfig,
        heartbeat: Heartbeat,
        retry: Retrier,
        breaker: Breaker,
        outage: Outage,
        metrics: Metrics,
        options: ProducerOptions,
        random: Random,
        log: FilteringBoundLogger,
        server: Server | None = None,
    ) -> None:
        self._store = store
        self._heartbeat = heartbeat
        self._retry = retry
        self._breaker = breaker
        self._metrics = metrics
        self._options = options
        self._random = random
        self._log = log
        self._means = Means(
            config=config,
            operations=store.operations,
            completer=BatchCompleter(
                store.queue, retry, max_attempts=options.max_attempts, backoff=options.backoff, random=random
            ),
            breaker=breaker,
            outage=outage,
            metrics=metrics,
            server=server,
        )
        self._runs: dict[int, _InFlight] = {}
        """By token: everything leased, from the claim to the written outcome. `_begin` adds, `_end` removes."""
        self._to_release: list[Lease] = []
        """Leases of runs that were drained, and those that arrived too late; `_drain` gives them back."""
        self._wake_up = asyncio.Event()
        """Set by whoever has a reason to claim, cleared by `_wait`."""
        self._stopping = asyncio.Event()
        """Set by the first `stop`, read everywhere."""
        self._aborting = asyncio.Event()
        """Set by the second `stop`, read by the drain."""
        self._must_look = True
        """Something may wait since the last claim; set by `wake`, `_wait` and runs that end, cleared by `_claim`."""
        self._depth: Depth | None = None
        """Of the queue, when the last claim came back empty; None while it gave something."""
        self.last_claim_at = monotonic()
        """Read by the health check."""

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def in_flight(self) -> int:
        """Leases held: runs, and results being written."""
        return len(self._runs)

    @property
    def found_nothing(self) -> bool:
        """The last claim came back empty."""
        return self._depth is not None

    @property
    def demand(self) -> int:
        """How many more runs there is room for. A run whose result is being written frees its slot; at most as many
        results as runs are written at a time, so that a database that takes no results is asked for no more work."""
        concurrency = self._options.concurrency
        running = sum(not run.attempt.is_completing for run in self._runs.values())
        return max(0, min(concurrency - running, 2 * concurrency - len(self._runs)))

    @property
    def _admitted(self) -> int:
        """Nothing while no beat goes through: a claim would take over leases that their holders could not extend."""
        return self._breaker.admits(self.demand, in_flight=len(self._runs)) if self._heartbeat.is_heard else 0

    def wake(self) -> None:
        """Something may be in the queue."""
        self._must_look = True
        self._wake_up.set()

    def stop(self) -> None:
        """First call: claim nothing more, let each run end its step. Second: let go of everything now."""
        if self._stopping.is_set():
            self._aborting.set()
        self._stopping.set()
        self._wake_up.set()

    def lose(self, lease: Lease) -> None:
        """The heartbeat found that this lease is no longer ours. A run that is being written down is left to the fence,
        since it may have been its own write that ended the lease."""
        run = self._runs.get(lease.token)
        if run is not None and not run.attempt.is_completing:
            run.attempt.is_lost = True
            run.task.cancel()

    async def run(self) -> None:
        """Until stopped, or with `until_empty` until nothing waits and nobody works.

        Raises `StoreError` where the database refuses us from the start (not migrated, no access), and with
        `until_empty` `SystemFault` where an operator has to mend something first.
        """
        try:
            while not self._stopping.is_set():
                await self._unless_stopping(self._claim())
                if self._options.until_empty and self._is_all_done():
                    break
                if self._options.until_empty and (circuit := self._breaker.given_up):
                    msg = f"{circuit.error} Workloads that wait stay in the queue."
                    raise SystemFault(msg)
                await self._wait()
        finally:
            await self._drain()

    async def _claim(self) -> None:
        demand = self._admitted
        if not demand or not self._must_look:
            return
        self._must_look = False
        started = monotonic()
        claims = await self._retry("claim", lambda: self._claim_once(demand), timeout=CALL_SECONDS)
        self.last_claim_at = monotonic()
        self._log.debug("Claimed", wanted=demand, found=len(claims))
        self._metrics.claim_latency.observe(self.last_claim_at - started)
        self._must_look = self._must_look or len(claims) == demand
        if self._stopping.is_set():
            self._to_release += [claim.lease for claim in claims]
            return
        if not claims:
            depth = await self._retry("depth", self._store.operations.depth, timeout=CALL_SECONDS)
            self._metrics.observe_depth(depth)
            self._depth = depth
            return
        self._depth = None
        self._log.info(f"Found {len(claims)} queued workload(s)")
        for claim in claims:
            self._begin(claim)
        if self._must_look and self._admitted:  # runs have ended while this claim was under way
            self._wake_up.set()

    async def _claim_once(self, limit: int) -> list[Claim]:
        options = self._options
        return await self._store.queue.claim(
            owner=options.owner,
            limit=limit,
            lease_seconds=options.lease_seconds,
            max_attempts=options.max_attempts,
        )

    async def _unless_stopping(self, work: Coroutine[Any, Any, None]) -> None:
        """A claim under way when the poller is stopped may still return leases: they are waited for and released."""
        task = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._stopping.set()
            await self._last_call(task)
            raise
        finally:
            stopping.cancel()
        await self._last_call(task)
        if not task.cancelled():
            task.result()

    async def _last_call(self, task: asyncio.Task[None]) -> None:
        if not task.done():
            await asyncio.wait({task}, timeout=_LAST_CALL_SECONDS)
        if not task.done():
            await end([task])

    def _is_all_done(self) -> bool:
        if self._runs or self._must_look or self._depth is None:
            return False
        depth = self._depth
        to_show = depth["unshown"] - depth["parked"]
        return not (depth["pending"] or depth["in_flight"] or depth["waiting_for_retry"] or to_show)

    async def _wait(self) -> None:
        """For a notification, demand while there is more to do, the next lease that runs out or falls due, or
        the interval: whichever comes first."""
        try:
            async with asyncio.timeout(self._idle_seconds()):  # wait_for may swallow a cancellation (Python 3.11)
                await self._wake_up.wait()
        except TimeoutError:
            self._must_look = True
        self._wake_up.clear()

    def _idle_seconds(self) -> float:
        seconds = self._options.poll_interval_seconds * self._random.uniform(0.8, 1.2)
        if self._breaker.open:
            seconds = min(seconds, self._breaker.seconds_to_probe + 0.05)
        if not self._heartbeat.is_heard:
            seconds = min(seconds, _DUE_SPREAD_SECONDS)
        if self._options.until_empty:
            seconds = min(seconds, 1.0)
        due = self._depth["next_due_seconds"] if self._depth is not None else None
        if due is not None:
            seconds = min(seconds, max(due, 0) + self._random.uniform(0.05, _DUE_SPREAD_SECONDS))
        return seconds

    def _begin(self, claim: Claim) -> None:
        lease = claim.lease
        self._heartbeat.watch(lease)
        submitted_at = claim.row.get("submitted_at")
        if lease.attempt == 1 and isinstance(submitted_at, str):
            self._metrics.observe_wait(submitted_at, self._means.config.clock())
        attempt = Attempt(claim, self._means, self._log, freed=self._freed)
        task = asyncio.create_task(self._work(attempt), name=f"workload {lease.workload_id}")
        self._runs[lease.token] = _InFlight(attempt=attempt, task=task)
        self._metrics.in_flight.set(len(self._runs))

    async def _work(self, attempt: Attempt) -> None:
        try:
            if await attempt.run() == "drained":
                self._to_release.append(attempt.lease)
        finally:
            self._end(attempt.lease)

    def _freed(self) -> None:
        """A run has ended, and there may be room for the next while its result is being written."""
        if self._must_look:
            self._wake_up.set()

    def _end(self, lease: Lease) -> None:
        self._heartbeat.forget(lease)
        del self._runs[lease.token]
        self._metrics.in_flight.set(len(self._runs))
        if self._options.until_empty and not self._runs:
            self._must_look = True  # the last look at the queue was before this run ended
        self._freed()

    async def _drain(self) -> None:
        for run in self._runs.values():
            run.attempt.control.request_drain()
            if self._means.server is not None and not run.attempt.is_completing:
                run.task.cancel()  # it goes on at the server, and the next holder of the lease joins it
        if tasks := [run.task for run in self._runs.values()]:
            self._log.info("Stopping: waiting for runs to finish their step; signal again to stop now", runs=len(tasks))
            await self._wait_for(tasks)
            await end(tasks)
        if self._to_release:
            await self._release()

    async def _wait_for(self, tasks: list[asyncio.Task[None]]) -> None:
        aborting: asyncio.Task[Any] = asyncio.create_task(self._aborting.wait())
        pending: set[asyncio.Task[Any]] = set(tasks)
        deadline = monotonic() + self._options.drain_grace_seconds
        while pending and not self._aborting.is_set() and monotonic() < deadline:
            _, pending = await asyncio.wait(
                pending | {aborting}, timeout=deadline - monotonic(), return_when=asyncio.FIRST_COMPLETED
            )
            pending -= {aborting}
        aborting.cancel()

    async def _release(self) -> None:
        seconds = _LAST_CALL_SECONDS if self._aborting.is_set() else self._options.drain_grace_seconds
        try:
            async with asyncio.timeout(seconds):
                released = await self._retry("release", lambda: self._store.queue.release(self._to_release))
        except (StoreError, TimeoutError) as error:
            self._log.warning("Leases not released, they will run out", leases=len(self._to_release), error=str(error))
        else:
            self._log.info("Released workloads; another poller will continue them", count=released)
