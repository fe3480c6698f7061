"""Leases are kept alive from a thread of its own: a node that blocks the event loop must not cost the lease."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from structlog.typing import FilteringBoundLogger

from graph.worker.tasks import end
from persistence.errors import StoreError
from persistence.retry import Backoff, Outage, Retrier
from persistence.store.open import Store
from persistence.store.pollers import PollerIdentity
from persistence.store.queue import Lease

OpenStore: TypeAlias = Callable[[], AbstractAsyncContextManager[Store]]

BEATS_PER_LEASE = 3
"""A beat on a dead link takes as long again to be given up, and leaves a third of the lease for the next."""


class Heartbeat:
    """Extends every watched lease at a third of its length, over a connection of its own.

    `on_lost` is called in the loop that called `start`, once per lease that the server says is no longer ours. While
    the database does not answer, nothing is declared lost: only the server's clock decides that.

    `poller`: reported with every beat, so that `gridwise status` shows who is alive, with the `problems` that keep it
    from working, which are called for in the heartbeat's thread.
    """

    def __init__(
        self,
        open_store: OpenStore,
        *,
        lease_seconds: float,
        outage: Outage,
        log: FilteringBoundLogger,
        poller: PollerIdentity | None = None,
        problems: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._poller = poller
        self._problems = problems
        self._reported: Sequence[str] = ()
        """What was last stored of them; the own thread's alone."""
        self._open_store = open_store
        self._lease_seconds = lease_seconds
        self._interval_seconds = lease_seconds / BEATS_PER_LEASE
        self._outage = outage
        self._retry = Retrier(outage, backoff=Backoff(base_seconds=0.1, cap_seconds=self._interval_seconds))
        self._log = log
        self._lock = threading.Lock()
        self._leases: dict[int, Lease] = {}
        """By token. Written by `watch`, `forget` (event loop) and `_report` (own thread), all under the lock."""
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._ready = threading.Event()
        self._stop: Callable[[], object] | None = None
        """Set once by the own thread before `_ready`, called by `stop`."""
        self._on_lost: Callable[[Lease], None] | None = None
        self._owner_loop: asyncio.AbstractEventLoop | None = None
        """Both set by `start` before the thread runs, read by the thread."""
        self.last_beat_at = time.monotonic()
        """Written by the own thread, read by the health check."""

    def start(self, *, on_lost: Callable[[Lease], None]) -> None:
        self._on_lost = on_lost
        self._owner_loop = asyncio.get_running_loop()
        self._thread.start()
        self._ready.wait()

    async def stop(self) -> None:
        if self._stop is not None:
            self._stop()
            await asyncio.to_thread(self._thread.join)

    def watch(self, lease: Lease) -> None:
        with self._lock:
            self._leases[lease.token] = lease

    def forget(self, lease: Lease) -> None:
        with self._lock:
            self._leases.pop(lease.token, None)

    @property
    def is_alive(self) -> bool:
        """A beat went through within the last lease."""
        return self._thread.is_alive() and time.monotonic() - self.last_beat_at < self._lease_seconds

    @property
    def is_heard(self) -> bool:
        """The last beat went through."""
        return not self._outage.is_met_by("heartbeat")

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopping.set)
        self._ready.set()
        beating = asyncio.create_task(self._beat_on())
        await stopping.wait()
        await end([beating])

    async def _beat_on(self) -> None:
        while True:
            try:
                async with self._open_store() as store:
                    while True:
                        await self._retry("heartbeat", lambda: self._beat(store), timeout=self._interval_seconds)
                        self.last_beat_at = time.monotonic()
                        await asyncio.sleep(self._interval_seconds)
            except StoreError as error:  # for good, as long as nobody mends it
                self._outage.begin("heartbeat", error)
            except Exception as error:
                self._log.error("Heartbeat failed", exc_info=error)
            await asyncio.sleep(self._interval_seconds)

    async def _beat(self, store: Store) -> None:
        with self._lock:
            leases = list(self._leases.values())
        held = await store.queue.extend(leases, lease_seconds=self._lease_seconds)  # of none: no call
        if self._poller is not None:
            await store.pollers.report(self._poller)
            await self._report_problems(store, self._poller)
        elif not leases and self._outage.is_met_by("heartbeat"):  # nobody else would find out that it is over
            await store.operations.depth()
        for lease in leases:
            if lease.token not in held:
                self._report(lease)

    async def _report_problems(self, store: Store, poller: PollerIdentity) -> None:
        problems = self._problems()
        if problems != self._reported:
            await store.pollers.report_problems(poller, problems)
            self._reported = problems

    def _report(self, lease: Lease) -> None:
        with self._lock:
            is_watched = self._leases.pop(lease.token, None) is not None
        if is_watched:
            self._log.debug("Lease lost", workload=str(lease.workload_id), token=lease.token)
        if is_watched and self._owner_loop is not None and self._on_lost is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to cancel
                self._owner_loop.call_soon_threadsafe(self._on_lost, lease)
