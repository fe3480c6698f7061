"""The worker: everything a poller needs beside its producer, from the first banner line to the last signal."""

import asyncio
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from importlib.metadata import version
from secrets import token_hex
from time import monotonic

from pydantic import JsonValue
from structlog.typing import FilteringBoundLogger

from graph.worker import maintenance, projector
from graph.worker.breaker import Breaker
from graph.worker.executor import ExecutorConfig
from graph.worker.handover import Server
from graph.worker.heartbeat import Heartbeat, OpenStore
from graph.worker.maintenance import Maintenance
from graph.worker.metrics import Metrics
from graph.worker.periodic import periodically
from graph.worker.producer import Producer, ProducerOptions
from graph.worker.projector import Projector
from graph.worker.tasks import background, signals
from persistence.errors import StoreError
from persistence.retry import Backoff, Outage, Retrier
from persistence.store.open import Store
from persistence.store.pollers import PollerIdentity

_HEEDED_IN_VAIN = 3
_MOST_IN_VAIN = 9
_FIRST_PAUSE_SECONDS = 0.01
_SOON_SECONDS = 1.0
"""Notifications without work behind them: the first few cost nothing but a claim each, then pauses grow to 0.64 s."""


def new_owner() -> str:
    """host:process:random; unique even where a container's process id is always 1."""
    return f"{socket.gethostname()}:{os.getpid()}:{token_hex(3)}"


class Worker:
    """One poller. Call `run` once; SIGTERM, SIGINT or `stop` end it (then it drains), and with `options.until_empty`
    the end of the queue does.

    `open_store` opens another store for the heartbeat, in a thread and an event loop of its own.
    """

    def __init__(
        self,
        *,
        store: Store,
        open_store: OpenStore,
        config: ExecutorConfig,
        options: ProducerOptions,
        log: FilteringBoundLogger,
        retention_seconds: float = 7 * 86400,
        history_seconds: float = 90 * 86400,
        metrics: Metrics | None = None,
        server: Server | None = None,
    ) -> None:
        self.metrics = metrics or Metrics()
        self._store = store
        self._options = options
        self._log = log
        self._random = config.random
        self._outage = Outage(log)
        self._retry = Retrier(self._outage, config.random)
        self._identity = PollerIdentity(
            owner=options.owner,
            version=version("gridwise"),
            lease_seconds=options.lease_seconds,
            concurrency=options.concurrency,
        )
        self._breaker = Breaker(log, config.random)
        self._heartbeat = Heartbeat(
            open_store,
            lease_seconds=options.lease_seconds,
            outage=self._outage,
            log=log,
            poller=self._identity,
            problems=lambda: [*self._outage.reasons, *(circuit.error for circuit in self._breaker.open)],
        )
        self._producer = Producer(
            store=store,
            config=config,
            heartbeat=self._heartbeat,
            retry=self._retry,
            breaker=self._breaker,
            outage=self._outage,
            metrics=self.metrics,
            options=options,
            random=config.random,
            log=log,
            server=server,
        )
        self.metrics.poller.labels(options.owner).set(1)
        self.metrics.before_render.append(
            lambda: self.metrics.observe_breakers(circuit.cause for circuit in self._breaker.open)
        )
        self._maintenance = Maintenance(
            store=store,
            checkpoints=config.checkpoints,
            metrics=self.metrics,
            retry=self._retry,
            log=log,
            retention_seconds=retention_seconds,
            history_seconds=history_seconds,
        )
        self._projector = Projector(queue=store.queue, retry=self._retry, log=log)

        self.is_interrupted = False
        """Somebody pressed Ctrl-C; written by `stop`, read by the command."""

    async def run(self) -> None:
        """Raises `StoreError` where the database refuses us for good; one that is away is waited for."""
        self._announce()
        async with AsyncExitStack() as stack:
            self._heartbeat.start(on_lost=self._producer.lose)
            stack.push_async_callback(self._heartbeat.stop)
            for task, once, seconds in (
                ("maintenance", self._maintenance.once, maintenance.INTERVAL_SECONDS),
                ("projection", self._projector.once, projector.INTERVAL_SECONDS),
            ):
                work = periodically(task, once, interval_seconds=seconds, random=self._random, log=self._log)
                await stack.enter_async_context(background(work))
            await stack.enter_async_context(background(self._listen()))
            stack.enter_context(signals(self.stop))
            await self._producer.run()
        with suppress(StoreError):  # then its heartbeat's age says so
            await self._store.pollers.leave(self._identity)
        self._log.info("Workload Worker stopped")

    def stop(self, signal_number: int | None = None) -> None:
        """First call: claim nothing more, let each run finish its step. Second: let go of everything now."""
        self.is_interrupted = signal_number == signal.SIGINT
        self._producer.stop()

    def health(self) -> tuple[bool, Mapping[str, JsonValue]]:
        """Healthy while work can be done: the last claim is not older than a few intervals unless the capacity is used
        up, the heartbeat goes through, and no circuit is open. `problems` say what is wrong and how to mend it. Safe to
        call from any thread."""
        producer, heartbeat, options = self._producer, self._heartbeat, self._options
        age = monotonic() - producer.last_claim_at
        is_claiming = not producer.demand or age < 3 * options.poll_interval_seconds + options.lease_seconds
        circuits = self._breaker.report()
        is_healthy = is_claiming and heartbeat.is_alive and not self._outage.is_on and not circuits
        return is_healthy, {
            "status": "ok" if is_healthy else "degraded",
            "owner": options.owner,
            "in_flight": producer.in_flight,
            "last_claim_seconds_ago": round(age, 1),
            "heartbeat": heartbeat.is_alive,
            "database": not self._outage.is_on,
            "stopping": producer.is_stopping,
            "problems": [*self._outage.reasons, *(str(circuit["error"]) for circuit in circuits)],
            "breakers": list(circuits),
        }

    def _announce(self) -> None:
        self._log.info("Starting Workload Worker...", owner=self._options.owner)
        self._log.info(f"Poll interval: {self._options.poll_interval_seconds:g} seconds")
        self._log.info(f"Max workloads per cycle: {self._options.concurrency}")
        self._log.info(f"Store: {self._store.name}")

    async def _listen(self) -> None:
        """NOTIFY wakes an idle poller within milliseconds, where the store can hear it. Anybody may notify: one that is
        woken in vain, over and over, heeds it less and less."""
        interval = self._options.poll_interval_seconds
        in_vain = 0
        retry = Retrier(backoff=Backoff(base_seconds=interval, cap_seconds=interval))
        while True:
            started = monotonic()
            try:
                await retry("notifications", lambda: self._store.queue.wait_for_work(timeout_seconds=interval))
            except Exception as error:
                self._log.error("Waiting for notifications failed", exc_info=error)
                await asyncio.sleep(interval)
            self._producer.wake()
            is_in_vain = self._producer.found_nothing and monotonic() - started < _SOON_SECONDS
            in_vain = min(in_vain + 1, _MOST_IN_VAIN) if is_in_vain else 0
            if in_vain > _HEEDED_IN_VAIN:
                await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2.0 ** (in_vain - _HEEDED_IN_VAIN))
