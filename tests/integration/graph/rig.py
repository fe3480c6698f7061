"""A claim loop in this process around a small graph: what its tests set up, wait for and look at."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any
from uuid import UUID

from langgraph.graph import StateGraph

from graph.worker.breaker import Breaker
from graph.worker.heartbeat import Heartbeat
from graph.worker.metrics import Metrics
from graph.worker.producer import Producer, ProducerOptions
from graph.worker.tasks import end
from graph.worker.worker import new_owner
from persistence.connections.pool import open_pool
from persistence.retry import Outage, Retrier
from persistence.store.open import Store, open_postgres_store
from tests.graphs import executor_config

Graph = StateGraph[Any, Any, Any, Any]


class Log:
    """Collects events; also the waiting point of tests: `await log.seen("Processing")`."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, dict[str, object]]] = []
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def bind(self, **values: object) -> "_Bound":
        return _Bound(self, values)

    def add(self, event: str, **values: object) -> None:
        self.entries.append((event, values))
        self._loop.call_soon_threadsafe(self._arrived.set)

    debug = info = warning = error = add

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.entries]

    async def seen(self, part: str, times: int = 1) -> dict[str, object]:
        async with asyncio.timeout(15):
            while len(found := [values for event, values in self.entries if part in event]) < times:
                self._arrived.clear()
                await self._arrived.wait()
        return found[times - 1]


class _Bound(Log):
    def __init__(self, parent: Log, values: dict[str, object]) -> None:
        self._parent, self._values = parent, values

    def bind(self, **values: object) -> "_Bound":
        return _Bound(self._parent, {**self._values, **values})

    def add(self, event: str, **values: object) -> None:
        self._parent.add(event, **{**self._values, **values})

    debug = info = warning = error = add


class Rounds(Random):
    """A claim loop draws how long it may idle once it has claimed all it wants to: so its rounds can be counted."""

    def __init__(self) -> None:
        super().__init__(1)
        self._over = asyncio.Event()

    def uniform(self, a: float, b: float) -> float:
        self._over.set()
        return super().uniform(a, b)

    async def over(self) -> None:
        """The end of a round that is under way or comes next."""
        self._over.clear()
        await asyncio.wait_for(self._over.wait(), 15)


class Gate:
    """A node that says when it was reached and stays until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, state: object) -> Mapping[str, Any]:
        self.reached.set()
        await self.go_on.wait()
        return {"steps": ["gate"]}


class Rig:
    """Everything a claim loop needs, around one graph."""

    def __init__(self, url: str, log: Log) -> None:
        self.url = url
        self.log = log
        self.metrics = Metrics()
        self.rounds = Rounds()

    @asynccontextmanager
    async def loop(self, graph: Graph, **options: Any) -> AsyncIterator[Producer]:
        """A loop that has yet to be run; `options` are of `ProducerOptions`."""
        settings = {"owner": new_owner(), "lease_seconds": 30, "poll_interval_seconds": 0.2, **options}
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(open_postgres_store(self.url))
            pool = await stack.enter_async_context(open_pool(self.url, name="checkpoints", max_size=4))
            outage = Outage(self.log)
            heartbeat = Heartbeat(
                lambda: open_postgres_store(self.url, max_connections=1),
                lease_seconds=settings["lease_seconds"],
                outage=outage,
                log=self.log,
            )
            producer = Producer(
                store=store,
                config=executor_config(store, pool, graph),
                heartbeat=heartbeat,
                retry=Retrier(outage, Random(1)),
                breaker=Breaker(self.log, Random(1)),
                outage=outage,
                metrics=self.metrics,
                options=ProducerOptions(**settings),
                random=self.rounds,
                log=self.log,
            )
            heartbeat.start(on_lost=producer.lose)
            stack.push_async_callback(heartbeat.stop)
            yield producer

    @asynccontextmanager
    async def running(self, graph: Graph, **options: Any) -> AsyncIterator[Producer]:
        """A loop at work. Left once it has ended: the body stops it, or it was to run until the queue is empty."""
        async with self.loop(graph, **options) as loop:
            run = asyncio.create_task(loop.run())
            try:
                yield loop
                await asyncio.wait_for(run, 30)
            finally:
                await end([run])

    async def drain_queue(self, graph: Graph, **options: Any) -> None:
        async with self.running(graph, until_empty=True, **options):
            pass


async def submit(store: Store, count: int = 1) -> list[UUID]:
    return await store.operations.submit([{"workload_name": f"workload {number}"} for number in range(count)])


async def outcomes(store: Store, workload_id: UUID) -> list[Any]:
    return [entry["outcome"] for entry in await store.operations.history(workload_id)]
