"""The poller process: everything it needs besides the claim loop, from the first banner line to the last signal."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack
from secrets import token_hex
from time import monotonic

from pydantic import JsonValue

from graph.worker.executor import RunServices
from graph.worker.heartbeat import Heartbeat, OpenStore
from graph.worker.maintenance import Housekeeping
from graph.worker.metrics import Health, Metrics
from graph.worker.producer import ClaimLoop, PollerOptions
from graph.worker.tasks import _background, _signals
from persistence.errors import StoreError
from persistence.retry import Log, Outage, Persistent
from persistence.store.queue import Lease, Store


def new_owner() -> str:
    """host:process:random; unique even where a container's process id is always 1."""
    return f"{socket.gethostname()}:{os.getpid()}:{token_hex(3)}"


async def run_poller(
    *,
    store: Store,
    open_store: OpenStore,
    services: RunServices,
    options: PollerOptions,
    log: Log,
    serve: Callable[[Metrics, Health], AbstractContextManager[object]] | None = None,
    retention_seconds: float = 7 * 86400,
    history_seconds: float = 90 * 86400,
    metrics: Metrics | None = None,
) -> None:
    """Work until SIGTERM or SIGINT (then drain), or with `options.until_empty` until the queue is empty.

    `open_store` opens another store for the heartbeat, in a thread and an event loop of its own.

    Raises:
        StoreError: the database refuses us for good. One that is away is waited for.
        OSError: the metrics port is taken.
    """
    metrics = metrics or Metrics()
    outage = Outage(log)
    persist = Persistent(outage, services.random)
    heartbeat = Heartbeat(
        open_store, lease_seconds=options.lease_seconds, on_lost=lambda lease: lose(lease), outage=outage, log=log
    )
    loop = ClaimLoop(
        store=store,
        services=services,
        heartbeat=heartbeat,
        persist=persist,
        metrics=metrics,
        options=options,
        random=services.random,
        log=log,
    )

    def lose(lease: Lease) -> None:
        loop.lose(lease)

    housekeeping = Housekeeping(
        store=store,
        checkpoints=services.checkpoints,
        metrics=metrics,
        outage=outage,
        random=services.random,
        log=log,
        retention_seconds=retention_seconds,
        history_seconds=history_seconds,
    )
    _announce(store, options, log)
    async with AsyncExitStack() as stack:
        if serve is not None:
            stack.enter_context(serve(metrics, _health(loop, heartbeat, outage, options)))
        heartbeat.start()
        stack.push_async_callback(heartbeat.stop)
        await stack.enter_async_context(_background(housekeeping.run()))
        await stack.enter_async_context(_background(_wake(loop, store, options.poll_interval_seconds, log)))
        stack.enter_context(_signals(loop.stop))
        await loop.run()
    log.info("Workload Worker stopped")


def _announce(store: Store, options: PollerOptions, log: Log) -> None:
    log.info("Starting Workload Worker...", owner=options.owner)
    log.info(f"Poll interval: {options.poll_interval_seconds:g} seconds")
    log.info(f"Max workloads per cycle: {options.concurrency}")
    log.info(f"Store: {store.name}")


async def _wake(loop: ClaimLoop, store: Store, interval_seconds: float, log: Log) -> None:
    """NOTIFY wakes an idle poller within milliseconds, where the store can hear it."""
    while True:
        try:
            await store.wait_for_work(timeout_seconds=interval_seconds)
        except StoreError:
            await asyncio.sleep(interval_seconds)
        except Exception as error:
            log.error("Waiting for notifications failed", exc_info=error)
            await asyncio.sleep(interval_seconds)
        loop.wake()


def _health(loop: ClaimLoop, heartbeat: Heartbeat, outage: Outage, options: PollerOptions) -> Health:
    """Healthy while the database answers: the last claim is not older than a few intervals unless all places are taken,
    and the heartbeat goes through."""

    def health() -> tuple[bool, Mapping[str, JsonValue]]:
        age = monotonic() - loop.last_claim_at
        is_claiming = not loop.free or age < 3 * options.poll_interval_seconds + options.lease_seconds
        is_healthy = is_claiming and heartbeat.is_alive and not outage.is_on
        return is_healthy, {
            "status": "ok" if is_healthy else "degraded",
            "owner": options.owner,
            "in_flight": loop.in_flight,
            "last_claim_seconds_ago": round(age, 1),
            "heartbeat": heartbeat.is_alive,
            "database": not outage.is_on,
            "stopping": loop.is_stopping,
        }

    return health
