"""After a prune that ended half way, or somebody's hand in the checkpoints: a run starts again or goes on from what is
whole; it never gives an answer that is not its own. tests/integration/graph/worker/test_earlier_moment.py has the
whole database set back."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from langgraph.runtime import RunControl

from graph.worker.executor import ExecutorConfig
from graph.worker.outcome import Lost, Recommended, Report
from persistence.connections.pool import Pool
from persistence.store.open import Store
from persistence.store.queue import Claim
from tests.graphs import State, chain, executor_config, recommendation, run_workload
from tests.integration.graph.rig import submit

pytestmark = pytest.mark.anyio

DAMAGE = {
    "a blob changed": "update agent_checkpoints.checkpoint_blobs set blob = set_byte(blob, length(blob) / 2, 7)",
    "a large value changed": (
        "update agent_checkpoints.checkpoint_blobs set blob = set_byte(blob, length(blob) - 3, 7) where channel = '='"
    ),
    "blobs gone": "delete from agent_checkpoints.checkpoint_blobs",
    "large values gone": "delete from agent_checkpoints.checkpoint_blobs where channel = '='",
    "one channel gone": "delete from agent_checkpoints.checkpoint_blobs where channel = 'steps'",
    "a version changed": (
        "update agent_checkpoints.checkpoints set checkpoint = jsonb_set(checkpoint, '{channel_versions,steps}',"
        " checkpoint #> '{channel_versions,row}')"
    ),
    "another value beside the blobs": (
        "update agent_checkpoints.checkpoints set checkpoint = jsonb_set(checkpoint, '{channel_values,asked}', '5')"
    ),
    "another type": "update agent_checkpoints.checkpoint_blobs set type = 'json'",
    "no such type": "update agent_checkpoints.checkpoint_blobs set type = 'z:nonsense'",
    "blobs of another version": (
        "update agent_checkpoints.checkpoint_blobs as b set blob = (select o.blob from"
        " agent_checkpoints.checkpoint_blobs as o where o.channel = 'steps' order by o.version limit 1)"
        " where channel = 'steps'"
    ),
}


class Interrupted:
    """A run that is killed in its third node; what the nodes did is counted."""

    def __init__(self, store: Store, pool: Pool) -> None:
        self.calls: list[str] = []
        self._stuck = asyncio.Event()
        self._reached = asyncio.Event()
        self.config: ExecutorConfig = executor_config(
            store, pool, chain(first=self._step("first"), second=self._step("second"), third=self._third)
        )

    def _step(self, name: str) -> Any:
        async def node(state: State) -> Mapping[str, Any]:
            self.calls.append(name)
            early = recommendation(state["clock"], summary=name)  # a large value, stored once under its hash
            return {"steps": [name + " " + "x" * 500], "recommendation": early}

        return node

    async def _third(self, state: State) -> Mapping[str, Any]:
        self.calls.append("third")
        self._reached.set()
        await self._stuck.wait()
        return {"steps": ["third"]}

    async def kill(self, claim: Claim) -> None:
        run = asyncio.create_task(run_workload(claim, self.config, RunControl()))
        await asyncio.wait_for(self._reached.wait(), 15)
        run.cancel()
        await asyncio.wait({run})
        self._stuck.set()
        self.calls.clear()


@pytest.fixture
def interrupted(store: Store, pool: Pool) -> Interrupted:
    return Interrupted(store, pool)


async def claim(store: Store) -> Claim:
    (one,) = await store.queue.claim(owner="me", limit=1, lease_seconds=60, max_attempts=5)
    return one


async def test_an_undamaged_thread_goes_on_where_it_was(store: Store, interrupted: Interrupted) -> None:
    await submit(store)
    mine = await claim(store)
    await interrupted.kill(mine)
    report = await run_workload(mine, interrupted.config, RunControl())
    assert isinstance(report.outcome, Recommended)
    assert interrupted.calls == ["third"]


async def changed_between(
    store: Store, open_connection: Any, interrupted: Interrupted, statement: str
) -> tuple[Claim, Report]:
    """A run that is killed, then what the statement does to its thread, then the run that follows."""
    await submit(store)
    mine = await claim(store)
    await interrupted.kill(mine)
    async with open_connection() as connection:
        assert (await connection.execute(statement)).rowcount > 0, "nothing was changed"
    return mine, await run_workload(mine, interrupted.config, RunControl())


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_thread_is_left_for_a_new_one(
    store: Store, open_connection: Any, interrupted: Interrupted, damage: str
) -> None:
    mine, report = await changed_between(store, open_connection, interrupted, DAMAGE[damage])
    assert isinstance(report.outcome, Recommended), report
    assert report.lease.thread_id != mine.lease.thread_id
    assert interrupted.calls == ["first", "second", "third"]
    summary = report.outcome.recommendation.decision_summary
    assert [part.split()[0] for part in summary.split(",")] == ["first", "second", "third"]


CHECKPOINTS = "agent_checkpoints.checkpoints"
NEWEST = f"(select max(checkpoint_id) from {CHECKPOINTS})"
PRUNED = {
    "the newest checkpoint": (f"delete from {CHECKPOINTS} where checkpoint_id = {NEWEST}", ["second", "third"]),
    "all but the newest checkpoint": (f"delete from {CHECKPOINTS} where checkpoint_id < {NEWEST}", ["third"]),
    "all checkpoints, not their blobs": (f"delete from {CHECKPOINTS}", ["first", "second", "third"]),
    "the fence": ("delete from agent.thread_fence", ["third"]),
}
"""What a prune that was killed leaves out, and which steps are run then."""


@pytest.mark.parametrize("pruned", PRUNED)
async def test_a_thread_that_is_half_pruned_goes_on_from_what_is_whole(
    store: Store, open_connection: Any, interrupted: Interrupted, pruned: str
) -> None:
    statement, expected = PRUNED[pruned]
    _, report = await changed_between(store, open_connection, interrupted, statement)
    assert isinstance(report.outcome, Recommended), report
    assert interrupted.calls == expected
    assert [part.split()[0] for part in report.outcome.recommendation.decision_summary.split(",")] == [
        "first", "second", "third",
    ]  # fmt: skip


async def test_a_thread_whose_fence_somebody_else_has_raised_is_left_while_the_lease_is_ours(
    store: Store, open_connection: Any, interrupted: Interrupted
) -> None:
    """As after a restore of the queue alone: its tokens begin again below those that the checkpoints have seen."""
    await submit(store)
    mine = await claim(store)
    await interrupted.kill(mine)
    async with open_connection() as connection:
        await connection.execute("update agent.thread_fence set token = token + 1000")
    report = await run_workload(mine, interrupted.config, RunControl())
    assert isinstance(report.outcome, Recommended), report
    assert report.lease.thread_id != mine.lease.thread_id
    async with open_connection() as connection:
        await connection.execute("update agent.queue set token = token + 1")
        await connection.execute("update agent.thread_fence set token = token + 1000")
    assert isinstance((await run_workload(mine, interrupted.config, RunControl())).outcome, Lost)
