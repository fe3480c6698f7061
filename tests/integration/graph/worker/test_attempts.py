"""What becomes of a workload whose run fails, or loses its lease: tried again, given up, or left to whoever has it."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from agents.model.errors import ModelError
from persistence.retry import Backoff
from persistence.store.open import Store
from tests.graphs import chain, step
from tests.integration.graph.rig import Gate, Rig, outcomes, submit

pytestmark = pytest.mark.anyio


async def test_a_transient_failure_becomes_a_later_attempt_on_the_same_thread(rig: Rig, store: Store) -> None:
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
    history = await store.operations.history(one)
    assert [entry["outcome"] for entry in history] == ["retry", "retry", "queued"]
    assert len({entry["thread_id"] for entry in history}) == 1
    assert calls == ["first"]
    assert rig.metrics.registry.get_sample_value("gridwise_retries_total") == 2


async def test_attempts_used_up_fail_the_workload_with_the_last_error(rig: Rig, store: Store) -> None:
    (one,) = await submit(store)

    async def fail(state: object) -> Mapping[str, Any]:
        raise ModelError("The model is overloaded.", kind="server_error", retryable=True)

    await rig.drain_queue(chain(fail=fail), max_attempts=2, backoff=Backoff(base_seconds=0.01, cap_seconds=0.01))
    row = await store.operations.read(one)
    assert row["status"] == "failed"
    assert "2 attempts" in row["agent_error"]
    assert "overloaded" in row["agent_error"]


async def test_a_permanent_failure_fails_at_once_and_nobody_else(rig: Rig, store: Store) -> None:
    ids = await submit(store, 3)

    async def picky(state: Mapping[str, Any]) -> Mapping[str, Any]:
        if state["row"]["workload_name"] == "workload 1":
            raise ModelError("The request was blocked; reword it.", kind="blocked")
        return {"steps": ["picky"]}

    await rig.drain_queue(chain(picky=picky))
    rows = [await store.operations.read(one) for one in ids]
    assert [row["status"] for row in rows] == ["queued", "failed", "queued"]
    assert rows[1]["agent_error"] == "The request was blocked; reword it."


async def test_a_retry_waits_as_long_as_the_service_asked_for(rig: Rig, store: Store, open_connection: Any) -> None:
    (one,) = await submit(store)

    async def limited(state: object) -> Mapping[str, Any]:
        raise ModelError("Too many requests.", kind="rate_limited", retryable=True, retry_after_seconds=40)

    async with rig.running(chain(limited=limited), backoff=Backoff(base_seconds=0.01)) as loop:
        values = await rig.log.seen("will be tried again")
        loop.stop()
    assert values["retry_in_seconds"] >= 40
    async with open_connection() as connection:
        (seconds,) = await (
            await connection.execute("select extract(epoch from until - clock_timestamp()) from agent.queue")
        ).fetchone()
    assert 35 < seconds <= 41
    assert await outcomes(store, one) == ["retry", "waiting"]


async def test_a_lost_lease_cancels_the_run(rig: Rig, store: Store, open_connection: Any) -> None:
    (one,) = await submit(store)
    gate = Gate()
    async with rig.running(chain(gate=gate), lease_seconds=3) as loop:
        await gate.reached.wait()
        async with open_connection() as connection:
            await connection.execute("update compute_workloads set status = 'cancelled' where id = %s", (one,))
        await rig.log.seen("Run stopped: the lease was lost")
        loop.stop()
    assert (await store.operations.read(one))["status"] == "cancelled"
    assert rig.metrics.registry.get_sample_value("gridwise_lease_losses_total") == 1


async def test_the_lease_outlives_a_node_that_blocks_the_event_loop(rig: Rig, store: Store) -> None:
    (one,) = await submit(store)

    async def block(state: object) -> Mapping[str, Any]:
        time.sleep(2.5)  # longer than two leases, and the loop cannot do anything meanwhile
        return {"steps": ["block"]}

    await rig.drain_queue(chain(block=block), lease_seconds=1)
    assert await outcomes(store, one) == ["queued"]
