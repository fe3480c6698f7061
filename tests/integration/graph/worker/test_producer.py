"""What the claim loop takes, and when: its places, over a real PostgreSQL and with a small graph."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from agents.model.errors import ModelError
from persistence.store.open import Store
from persistence.store.queue import Queue
from tests.graphs import chain, step
from tests.integration.graph.rig import Gate, Rig, submit

pytestmark = pytest.mark.anyio


async def test_the_queue_is_drained_and_every_row_answered(rig: Rig, store: Store) -> None:
    ids = await submit(store, 23)
    await rig.drain_queue(chain(first=step("first")), concurrency=4)
    rows = [await store.operations.read(one) for one in ids]
    assert {row["status"] for row in rows} == {"queued"}
    assert {row["recommended_region"] for row in rows} == {"North Scotland"}
    assert rig.log.events.count("Found 4 queued workload(s)") >= 1
    for one in ids:
        assert f"Processing workload {one}..." in rig.log.events
        assert f"Workload {one} updated with agent recommendations" in rig.log.events


async def test_log_lines_of_a_run_carry_whose_run_it_is(rig: Rig, store: Store) -> None:
    (one,) = await submit(store)
    await rig.drain_queue(chain())
    values = await rig.log.seen("Processing workload")
    assert values["workload"] == str(one)
    assert values["attempt"] == 1
    assert {"thread", "token"} <= values.keys()
    assert (values["name"], values["id"]) == ("workload 0", str(one)[:8])
    result = await rig.log.seen("updated with agent recommendations")
    assert (result["region"], result["cost_gbp"], result["g_per_kwh"]) == ("North Scotland", 1.2345, 12.34)
    assert str(result["start"]).endswith("Z")


async def test_every_step_of_a_run_has_a_line_for_who_looks_closely(rig: Rig, store: Store) -> None:
    (one,) = await submit(store)
    await rig.drain_queue(chain())
    mine = [event for event, values in rig.log.entries if values.get("workload") == str(one)]
    steps = [
        f"Processing workload {one}...", "Thread opened", "Nodes finished", "Run ended",
        f"Workload {one} updated with agent recommendations", "Attempt ended",
    ]  # fmt: skip
    assert list(dict.fromkeys(mine)) == steps
    assert [values["nodes"] for event, values in rig.log.entries if event == "Nodes finished"]


async def test_a_takeover_says_whose_lease_ran_out(rig: Rig, store: Store, open_connection: Any) -> None:
    (one,) = await submit(store)
    await store.queue.claim(owner="gone:1:abc", limit=1, lease_seconds=1, max_attempts=5)
    await rig.drain_queue(chain())
    values = await rig.log.seen("Resuming the workload of a lease that ran out")
    assert (values["workload"], values["former_owner"], values["attempt"]) == (str(one), "gone:1:abc", 2)
    assert 0 <= float(str(values["ended_seconds_ago"])) < 10


async def test_all_places_are_used_and_no_more(rig: Rig, store: Store) -> None:
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


async def test_a_place_that_becomes_free_is_taken_before_the_others_are_done(rig: Rig, store: Store) -> None:
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
    async with rig.running(chain(slow_once=slow_once), concurrency=2, until_empty=True, poll_interval_seconds=60):
        await rig.log.seen("updated with agent recommendations", times=9)
        gate.go_on.set()


async def test_a_place_that_becomes_free_during_a_claim_is_taken_at_once(
    rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody nudges a loop that is claiming: it has to see for itself that there is more room by then."""
    original, gate, has_ended = Queue.claim, Gate(), asyncio.Event()
    calls = turns = 0

    async def claim(self: Queue, **arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        claims = await original(self, **arguments)
        if calls == 2:  # for the place of the first run; the second run ends before the reply arrives
            gate.go_on.set()
            await asyncio.wait_for(has_ended.wait(), 15)
        return claims

    async def work(state: object) -> Mapping[str, Any]:
        nonlocal turns
        turns += 1
        if turns == 2:
            await gate(state)
            asyncio.get_running_loop().call_later(0.1, has_ended.set)
        elif turns > 2:
            await third_and_fourth.wait()
        return {"steps": ["work"]}

    third_and_fourth = asyncio.Barrier(2)
    monkeypatch.setattr(Queue, "claim", claim)
    await submit(store, 4)
    async with rig.running(chain(work=work), concurrency=2, poll_interval_seconds=3600) as loop:
        await rig.log.seen("updated with agent recommendations", times=4)
        loop.stop()


class LocksItsRow:
    """A node after which the outcome of its run waits on its way into the queue, for the end of a transaction."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.reached: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        workload_id = state["row"]["id"]
        await self._connection.execute("select from agent.queue where workload_id = %s for update", (workload_id,))
        self.reached.put_nowait(workload_id)
        return {"steps": ["locks_its_row"]}

    async def next(self) -> str:
        return await asyncio.wait_for(self.reached.get(), 15)


async def test_a_result_on_its_way_leaves_its_place_to_the_next_run(
    rig: Rig, store: Store, open_connection: Any
) -> None:
    await submit(store, 2)
    async with open_connection() as connection:
        lock = LocksItsRow(connection)
        async with rig.running(chain(lock=lock), concurrency=1, until_empty=True), connection.transaction():
            first, second = await lock.next(), await lock.next()
            assert [(await store.operations.read(one))["status"] for one in (first, second)] == ["processing"] * 2
    assert [(await store.operations.read(one))["status"] for one in (first, second)] == ["queued"] * 2


async def test_no_more_outcomes_than_places_are_on_their_way(rig: Rig, store: Store, open_connection: Any) -> None:
    """A database that takes no outcomes is asked for no more work."""
    ids = await submit(store, 6)
    async with open_connection() as connection:
        lock = LocksItsRow(connection)

        async def fail(state: object) -> Mapping[str, Any]:
            raise ModelError("The request was blocked.", kind="blocked")

        async with (
            rig.running(chain(lock=lock, fail=fail), concurrency=2, until_empty=True) as loop,
            connection.transaction(),
        ):
            for _ in range(4):
                await lock.next()
            for _ in range(2):  # the first may have begun before the last outcome set out
                loop.wake()
                await rig.rounds.over()
            assert loop.in_flight == 4
            assert lock.reached.empty()
            assert (await store.operations.depth())["pending"] == 2
    assert {(await store.operations.read(one))["status"] for one in ids} == {"failed"}
