"""The poller in this process, over a real PostgreSQL, with a small graph."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any

import httpx
import pytest
from langgraph.graph import StateGraph

from agents.errors import ModelError
from graph.claim_loop import ClaimLoop, PollerOptions
from graph.heartbeat import Heartbeat
from graph.metrics import Metrics
from graph.outage import Outage
from graph.persist import Persistent
from graph.poller import new_owner, run_poller
from graph.retry import Backoff
from graph.run import RunServices
from persistence.pool import open_pool
from persistence.postgres import open_postgres_store
from persistence.rpc import RpcStore
from tests.graphs import STORED_TYPES, chain, input_for, now, step

pytestmark = pytest.mark.anyio

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


@pytest.fixture
async def log() -> Log:
    return Log()


class Rig:
    """Everything a claim loop needs, around one graph."""

    def __init__(self, url: str, log: Log) -> None:
        self.url = url
        self.log = log
        self.metrics = Metrics()

    @asynccontextmanager
    async def loop(self, graph: Graph, **options: Any) -> AsyncIterator[ClaimLoop]:
        settings = {"owner": new_owner(), "lease_seconds": 30, "poll_interval_seconds": 0.2, **options}
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(open_postgres_store(self.url))
            pool = await stack.enter_async_context(open_pool(self.url, name="checkpoints", max_size=4))
            outage = Outage(self.log)
            loops: list[ClaimLoop] = []
            heartbeat = Heartbeat(
                lambda: open_postgres_store(self.url, max_connections=1),
                lease_seconds=settings["lease_seconds"],
                on_lost=lambda lease: loops[0].lose(lease),
                outage=outage,
                log=self.log,
            )
            heartbeat.start()
            stack.push_async_callback(heartbeat.stop)
            loops.append(
                ClaimLoop(
                    store=store,
                    services=services(store, pool, graph),
                    heartbeat=heartbeat,
                    persist=Persistent(outage, Random(1)),
                    metrics=self.metrics,
                    options=PollerOptions(**settings),
                    random=Random(1),
                    log=self.log,
                )
            )
            yield loops[0]

    async def drain_queue(self, graph: Graph, **options: Any) -> None:
        async with self.loop(graph, until_empty=True, **options) as loop:
            async with asyncio.timeout(30):
                await loop.run()


def services(store: RpcStore, pool: Any, graph: Graph) -> RunServices:
    return RunServices(
        build=lambda saver: graph.compile(checkpointer=saver),
        input_for=input_for,
        checkpoints=pool,
        new_thread=store.new_thread,
        clock=now,
        random=Random(1),
        stored_types=STORED_TYPES,
    )


@pytest.fixture
def rig(database_url: str, log: Log) -> Rig:
    return Rig(database_url, log)


async def submit(store: RpcStore, count: int = 1) -> list[Any]:
    return await store.submit([{"workload_name": f"workload {number}"} for number in range(count)])


class Gate:
    """A node that says when it was reached and stays until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, state: object) -> Mapping[str, Any]:
        self.reached.set()
        await self.go_on.wait()
        return {"steps": ["gate"]}


async def test_the_queue_is_drained_and_every_row_answered(rig: Rig, store: RpcStore) -> None:
    ids = await submit(store, 23)
    await rig.drain_queue(chain(first=step("first")), concurrency=4)
    rows = [await store.read(one) for one in ids]
    assert {row["status"] for row in rows} == {"queued"}
    assert {row["recommended_region"] for row in rows} == {"North Scotland"}
    assert rig.log.events.count("Found 4 queued workload(s)") >= 1
    for one in ids:
        assert f"Processing workload {one}..." in rig.log.events
        assert f"Workload {one} updated with agent recommendations" in rig.log.events


async def test_log_lines_of_a_run_carry_whose_run_it_is(rig: Rig, store: RpcStore) -> None:
    (one,) = await submit(store)
    await rig.drain_queue(chain())
    values = await rig.log.seen("Processing workload")
    assert values["workload"] == str(one)
    assert values["attempt"] == 1
    assert {"thread", "token"} <= values.keys()


async def test_all_places_are_used_and_no_more(rig: Rig, store: RpcStore) -> None:
    running, most = 0, 0
    all_places = asyncio.Barrier(3)

    async def count(state: object) -> Mapping[str, Any]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await all_places.wait()
        running -= 1
        return {"steps": ["count"]}

    await submit(store, 18)
    await rig.drain_queue(chain(count=count), concurrency=3)
    assert most == 3


async def test_a_place_that_becomes_free_is_taken_before_the_others_are_done(rig: Rig, store: RpcStore) -> None:
    """Not a fixed batch per cycle: one slow workload must not hold up the queue behind it."""
    gate = Gate()
    first = True

    async def slow_once(state: object) -> Mapping[str, Any]:
        nonlocal first
        if first:
            first = False
            await gate(state)
        return {"steps": ["slow_once"]}

    await submit(store, 10)
    async with rig.loop(chain(slow_once=slow_once), concurrency=2, until_empty=True, poll_interval_seconds=60) as loop:
        run = asyncio.create_task(loop.run())
        await rig.log.seen("updated with agent recommendations", times=9)
        gate.go_on.set()
        await asyncio.wait_for(run, 15)


async def test_a_drain_gives_the_workload_back_with_its_attempt(rig: Rig, store: RpcStore) -> None:
    (one,) = await submit(store)
    gate, calls = Gate(), list[str]()
    async with rig.loop(chain(gate=gate, after=step("after", calls))) as loop:
        run = asyncio.create_task(loop.run())
        await gate.reached.wait()
        loop.stop()
        await rig.log.seen("Stopping")
        gate.go_on.set()
        await asyncio.wait_for(run, 15)
    assert calls == []
    assert (await store.read(one))["status"] == "processing"
    assert [entry["outcome"] for entry in await store.history(one)] == ["released", "waiting"]
    (claim,) = await store.claim(owner="next", limit=1, lease_seconds=60, max_attempts=5)
    assert claim.lease.attempt == 1


async def test_a_second_signal_lets_go_at_once(rig: Rig, store: RpcStore) -> None:
    (one,) = await submit(store)
    gate = Gate()
    async with rig.loop(chain(gate=gate), drain_grace_seconds=600) as loop:
        run = asyncio.create_task(loop.run())
        await gate.reached.wait()
        loop.stop()
        await rig.log.seen("Stopping")
        loop.stop()
        await asyncio.wait_for(run, 10)
    assert [entry["outcome"] for entry in await store.history(one)] == ["released", "waiting"]


async def test_a_cancellation_during_a_claim_gives_its_leases_back(
    rig: Rig, store: RpcStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = await submit(store)
    claimed, original = asyncio.Event(), RpcStore.claim

    async def slow_reply(self: RpcStore, **arguments: Any) -> Any:
        claims = await original(self, **arguments)
        claimed.set()
        await asyncio.sleep(0.05)  # the reply is under way while the cancellation arrives
        return claims

    monkeypatch.setattr(RpcStore, "claim", slow_reply)
    async with rig.loop(chain(gate=Gate())) as loop:
        run = asyncio.create_task(loop.run())
        await claimed.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    assert [entry["outcome"] for entry in await store.history(one)] == ["released", "waiting"]


async def test_what_does_not_end_its_step_in_time_is_released(rig: Rig, store: RpcStore) -> None:
    (one,) = await submit(store)
    gate = Gate()
    async with rig.loop(chain(gate=gate), drain_grace_seconds=0.1) as loop:
        run = asyncio.create_task(loop.run())
        await gate.reached.wait()
        loop.stop()
        await asyncio.wait_for(run, 10)
    assert [entry["outcome"] for entry in await store.history(one)] == ["released", "waiting"]


async def test_a_lost_lease_cancels_the_run(rig: Rig, store: RpcStore, open_connection: Any) -> None:
    (one,) = await submit(store)
    gate = Gate()
    async with rig.loop(chain(gate=gate), lease_seconds=3) as loop:
        run = asyncio.create_task(loop.run())
        await gate.reached.wait()
        async with open_connection() as connection:
            await connection.execute("update compute_workloads set status = 'cancelled' where id = %s", (one,))
        await rig.log.seen("Run stopped: the lease was lost")
        loop.stop()
        await asyncio.wait_for(run, 10)
    assert (await store.read(one))["status"] == "cancelled"
    assert rig.metrics.registry.get_sample_value("gridwise_lease_losses_total") == 1


async def test_the_lease_outlives_a_node_that_blocks_the_event_loop(rig: Rig, store: RpcStore) -> None:
    (one,) = await submit(store)

    async def block(state: object) -> Mapping[str, Any]:
        time.sleep(2.5)  # longer than two leases, and the loop cannot do anything meanwhile
        return {"steps": ["block"]}

    await rig.drain_queue(chain(block=block), lease_seconds=1)
    assert [entry["outcome"] for entry in await store.history(one)] == ["queued"]


async def test_a_transient_failure_becomes_a_later_attempt_on_the_same_thread(rig: Rig, store: RpcStore) -> None:
    (one,) = await submit(store)
    calls: list[str] = []
    failures = iter([True, True])

    async def flaky(state: object) -> Mapping[str, Any]:
        if next(failures, False):
            raise ModelError("The model is overloaded.", kind="server_error", retryable=True)
        return {"steps": ["flaky"]}

    await rig.drain_queue(
        chain(first=step("first", calls), flaky=flaky), backoff=Backoff(base_seconds=0.01, cap_seconds=0.02)
    )
    history = await store.history(one)
    assert [entry["outcome"] for entry in history] == ["retry", "retry", "queued"]
    assert len({entry["thread_id"] for entry in history}) == 1
    assert calls == ["first"]
    assert rig.metrics.registry.get_sample_value("gridwise_retries_total") == 2


async def test_attempts_used_up_fail_the_workload_with_the_last_error(rig: Rig, store: RpcStore) -> None:
    (one,) = await submit(store)

    async def fail(state: object) -> Mapping[str, Any]:
        raise ModelError("The model is overloaded.", kind="server_error", retryable=True)

    await rig.drain_queue(chain(fail=fail), max_attempts=2, backoff=Backoff(base_seconds=0.01, cap_seconds=0.01))
    row = await store.read(one)
    assert row["status"] == "failed"
    assert "2 attempts" in row["agent_error"]
    assert "overloaded" in row["agent_error"]


async def test_a_permanent_failure_fails_at_once_and_nobody_else(rig: Rig, store: RpcStore) -> None:
    ids = await submit(store, 3)

    async def picky(state: Mapping[str, Any]) -> Mapping[str, Any]:
        if state["row"]["workload_name"] == "workload 1":
            raise ModelError("The key is wrong; set GEMINI_API_KEY.", kind="unauthenticated")
        return {"steps": ["picky"]}

    await rig.drain_queue(chain(picky=picky))
    rows = [await store.read(one) for one in ids]
    assert [row["status"] for row in rows] == ["queued", "failed", "queued"]
    assert rows[1]["agent_error"] == "The key is wrong; set GEMINI_API_KEY."


async def test_a_retry_waits_as_long_as_the_service_asked_for(rig: Rig, store: RpcStore, open_connection: Any) -> None:
    (one,) = await submit(store)

    async def limited(state: object) -> Mapping[str, Any]:
        raise ModelError("Too many requests.", kind="rate_limited", retryable=True, retry_after_seconds=40)

    async with rig.loop(chain(limited=limited), backoff=Backoff(base_seconds=0.01)) as loop:
        run = asyncio.create_task(loop.run())
        values = await rig.log.seen("will be tried again")
        loop.stop()
        await asyncio.wait_for(run, 10)
    assert values["retry_in_seconds"] >= 40
    async with open_connection() as connection:
        (seconds,) = await (
            await connection.execute("select extract(epoch from until - clock_timestamp()) from agent.leases")
        ).fetchone()
    assert 35 < seconds <= 41
    assert [entry["outcome"] for entry in await store.history(one)] == ["retry", "waiting"]


class TestTheProcessAround:
    @asynccontextmanager
    async def poller(self, url: str, log: Log, graph: Graph, **arguments: Any) -> AsyncIterator[asyncio.Task[None]]:
        options = {"owner": new_owner(), **arguments.pop("options", {})}
        async with open_postgres_store(url) as store, open_pool(url, name="checkpoints", max_size=4) as pool:
            task = asyncio.create_task(
                run_poller(
                    store=store,
                    open_store=lambda: open_postgres_store(url, max_connections=1),
                    services=services(store, pool, graph),
                    options=PollerOptions(**options),
                    log=log,
                    **arguments,
                )
            )
            try:
                yield task
            finally:
                task.cancel()
                await asyncio.wait({task}, timeout=20)
                assert task.done(), "a cancelled poller ends"

    async def test_it_says_what_it_does_in_the_words_operators_search_for(self, database_url: str, log: Log) -> None:
        async with self.poller(database_url, log, chain(), options={"until_empty": True}) as task:
            await asyncio.wait_for(task, 15)
        assert log.events[:3] == [
            "Starting Workload Worker...",
            "Poll interval: 10 seconds",
            "Max workloads per cycle: 5",
        ]

    async def test_an_insert_wakes_it_long_before_its_interval(
        self, database_url: str, log: Log, open_connection: Any
    ) -> None:
        options = {"poll_interval_seconds": 3600}
        async with (
            self.poller(database_url, log, chain(), options=options, metrics_port=0),
            open_connection() as connection,
        ):
            await log.seen("Metrics on port")
            await self.listening(connection)
            await connection.execute("insert into compute_workloads (workload_name) values ('hello')")
            await log.seen("updated with agent recommendations")

    async def listening(self, connection: Any) -> None:
        query = "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen %'"
        async with asyncio.timeout(10):
            while (await (await connection.execute(query)).fetchone())[0] == 0:
                await asyncio.sleep(0.01)

    async def test_metrics_and_health_are_served(self, database_url: str, log: Log, store: RpcStore) -> None:
        await submit(store, 2)
        async with self.poller(database_url, log, chain(), metrics_port=0), httpx.AsyncClient() as client:
            port = (await self.port_line(log)).split()[3].rstrip(":")
            address = f"http://127.0.0.1:{port}"
            await log.seen("updated with agent recommendations", times=2)
            health = await client.get(f"{address}/healthz")
            assert health.status_code == 200
            assert health.json()["status"] == "ok"
            text = (await client.get(f"{address}/metrics")).text
            assert (await client.get(f"{address}/else")).status_code == 404
        assert 'gridwise_run_seconds_count{outcome="queued"} 2.0' in text
        assert 'gridwise_runs_begun_total{how="started"} 2.0' in text
        assert 'gridwise_queue_depth{state="pending"}' in text
        assert "gridwise_claim_seconds_count" in text
        assert "gridwise_queue_wait_seconds_count 2.0" in text

    async def port_line(self, log: Log) -> str:
        await log.seen("Metrics on port")
        return next(event for event in log.events if event.startswith("Metrics on port"))

    async def test_what_nobody_leases_is_adopted_and_old_threads_are_pruned(
        self, database_url: str, log: Log, open_connection: Any
    ) -> None:
        async with open_connection() as connection:
            await connection.execute(
                "insert into compute_workloads (workload_name, status, agent_started_at)"
                " values ('stuck', 'processing', now() - interval '1 day')"
            )
        async with self.poller(database_url, log, chain(), options={"poll_interval_seconds": 0.1}):
            await log.seen("Adopted 1 workload(s)")
            await log.seen("updated with agent recommendations")
        log.entries.clear()
        async with self.poller(database_url, log, chain(), retention_seconds=0):
            await log.seen("Pruned the checkpoints of 1 finished run(s)")
        async with open_connection() as connection:
            found = await (await connection.execute("select count(*) from agent_checkpoints.checkpoints")).fetchone()
        assert found == (0,)
