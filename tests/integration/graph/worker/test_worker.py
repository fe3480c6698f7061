"""The poller process around the claim loop: its banner, its notifications, its metrics, its housekeeping."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest

from graph.web.server import serving
from graph.worker.producer import ProducerOptions
from graph.worker.worker import Worker, new_owner
from persistence.connections.pool import open_pool
from persistence.store.open import Store, open_postgres_store
from tests.graphs import chain, executor_config
from tests.integration.graph.rig import Gate, Graph, Log, submit

pytestmark = pytest.mark.anyio
LEASES = """
select count(*), count(*) filter (where until <= clock_timestamp()) from agent.queue where state = 'running'
"""


@asynccontextmanager
async def poller(
    url: str, log: Log, graph: Graph, *, metrics_port: int | None = None, **arguments: Any
) -> AsyncIterator[asyncio.Task[None]]:
    options = {"owner": new_owner(), **arguments.pop("options", {})}
    async with open_postgres_store(url) as store, open_pool(url, name="checkpoints", max_size=4) as pool:
        worker = Worker(
            store=store,
            open_store=lambda: open_postgres_store(url, max_connections=1),
            config=executor_config(store, pool, graph),
            options=ProducerOptions(**options),
            log=log,
            **arguments,
        )
        task = asyncio.create_task(worker.run())
        try:
            with serving(worker.metrics, worker.health, port=metrics_port, log=log):
                yield task
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=20)
            assert task.done(), "a cancelled poller ends"


async def metrics_address(log: Log) -> str:
    return f"http://127.0.0.1:{(await log.seen('Serving /metrics'))['port']}"


async def test_it_says_what_it_does_in_the_words_operators_search_for(database_url: str, log: Log) -> None:
    async with poller(database_url, log, chain(), options={"until_empty": True}) as task:
        await asyncio.wait_for(task, 15)
    assert log.events[:3] == [
        "Starting Workload Worker...",
        "Poll interval: 10 seconds",
        "Max workloads per cycle: 5",
    ]


async def test_an_insert_wakes_it_long_before_its_interval(database_url: str, log: Log, open_connection: Any) -> None:
    options = {"poll_interval_seconds": 3600}
    async with (
        poller(database_url, log, chain(), options=options, metrics_port=0),
        open_connection() as connection,
    ):
        await log.seen("Serving /metrics")
        await _listening(connection)
        await connection.execute("insert into compute_workloads (workload_name) values ('hello')")
        await log.seen("updated with agent recommendations")


async def test_a_flood_of_notifications_without_work_is_heeded_less_and_less(
    database_url: str, log: Log, open_connection: Any
) -> None:
    options = {"poll_interval_seconds": 3600}
    async with (
        poller(database_url, log, chain(), options=options, metrics_port=0),
        open_connection() as connection,
        httpx.AsyncClient() as client,
    ):
        address = await metrics_address(log)
        await _listening(connection)
        started, sent = time.monotonic(), 0
        while time.monotonic() - started < 2:
            await connection.execute("notify compute_workloads")
            sent += 1
        claims = re.search(
            r"^gridwise_claim_seconds_count (\S+)", (await client.get(f"{address}/metrics")).text, re.MULTILINE
        )
        assert sent > 100
        assert claims
        assert float(claims[1]) < 40
        await connection.execute("insert into compute_workloads (workload_name) values ('hello')")
        await log.seen("updated with agent recommendations")


async def _listening(connection: Any) -> None:
    query = "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen %'"
    async with asyncio.timeout(10):
        while (await (await connection.execute(query)).fetchone())[0] == 0:
            await asyncio.sleep(0.01)


async def test_metrics_and_health_are_served(database_url: str, log: Log, store: Store) -> None:
    await submit(store, 2)
    async with poller(database_url, log, chain(), metrics_port=0), httpx.AsyncClient() as client:
        address = await metrics_address(log)
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


async def test_a_poller_whose_places_are_all_taken_is_healthy_without_claiming(
    database_url: str, log: Log, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(store)
    gate = Gate()
    options = {"concurrency": 1, "poll_interval_seconds": 600}
    async with (
        poller(database_url, log, chain(gate=gate), options=options, metrics_port=0),
        httpx.AsyncClient(base_url=await metrics_address(log)) as client,
    ):
        await gate.reached.wait()
        monkeypatch.setattr("graph.worker.worker.monotonic", lambda: time.monotonic() + 3600)
        health = await client.get("/healthz")
        assert (health.status_code, health.json()["status"], health.json()["in_flight"]) == (200, "ok", 1)
        assert health.json()["last_claim_seconds_ago"] >= 3600

        gate.go_on.set()
        await log.seen("updated with agent recommendations")
        health = await client.get("/healthz")
        assert (health.status_code, health.json()["status"]) == (503, "degraded")


async def test_what_nobody_leases_is_adopted_and_old_threads_are_pruned(
    database_url: str, log: Log, open_connection: Any
) -> None:
    async with open_connection() as connection:
        await connection.execute(
            "insert into compute_workloads (workload_name, status, agent_started_at)"
            " values ('stuck', 'processing', now() - interval '1 day')"
        )
    async with poller(database_url, log, chain(), options={"poll_interval_seconds": 0.1}):
        await log.seen("Adopted workloads")
        await log.seen("updated with agent recommendations")
    log.entries.clear()
    async with poller(database_url, log, chain(), retention_seconds=0):
        await log.seen("Pruned the checkpoints")
    async with open_connection() as connection:
        found = await (await connection.execute("select count(*) from agent_checkpoints.checkpoints")).fetchone()
    assert found == (0,)


async def test_no_lease_lapses_while_two_hundred_runs_are_in_flight_and_one_takes_all_of_the_loop(
    database_url: str, log: Log, store: Store, open_connection: Any
) -> None:
    """Nothing else runs on the event loop for two leases; a heartbeat on it would come too late for all of them."""
    runs, lease_seconds = 200, 3
    await submit(store, runs)
    arrived = 0
    leases: list[Any] = []
    is_over = asyncio.Event()

    async def starving(state: object) -> dict[str, list[str]]:
        nonlocal arrived
        arrived += 1
        if arrived == runs:
            ends_at = time.perf_counter() + 2 * lease_seconds
            while time.perf_counter() < ends_at:
                pass
            with psycopg.connect(database_url) as connection:  # before the loop goes on, and can mend anything
                leases.append(connection.execute(LEASES).fetchone())
            is_over.set()
        await is_over.wait()
        return {"steps": ["starving"]}

    options = {"concurrency": runs, "lease_seconds": lease_seconds, "until_empty": True}
    async with poller(database_url, log, chain(starving=starving), options=options) as task:
        await asyncio.wait_for(task, 90)
    assert leases == [(runs, 0)]
    async with open_connection() as connection:
        cursor = await connection.execute("select outcome, count(*), max(attempt) from agent.runs group by outcome")
        assert await cursor.fetchall() == [("queued", runs, 1)]
