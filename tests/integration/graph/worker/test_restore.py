"""After a restore, a prune that ended half way, or somebody's hand in the checkpoints: a run starts again or goes on
from what is whole; it never gives an answer that is not its own."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from langgraph.runtime import RunControl

from graph.worker.executor import ExecutorConfig
from graph.worker.outcome import Lost, Recommended
from persistence.connections.pool import Pool
from persistence.errors import LeaseLost
from persistence.store.open import Store
from persistence.store.queue import Claim
from tests.graphs import State, chain, executor_config, run_workload
from tests.integration.graph.rig import submit

pytestmark = pytest.mark.anyio

TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
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
    "another clock": (
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


class Wide(State, total=False):
    asked: int


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
            return {"steps": [name + " " + "x" * 500]}

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


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_thread_is_left_for_a_new_one(
    store: Store, open_connection: Any, interrupted: Interrupted, damage: str
) -> None:
    await submit(store)
    mine = await claim(store)
    await interrupted.kill(mine)
    async with open_connection() as connection:
        await connection.execute(DAMAGE[damage])
    report = await run_workload(mine, interrupted.config, RunControl())
    assert isinstance(report.outcome, Recommended), report
    summary = report.outcome.recommendation.decision_summary
    assert [part.split()[0] for part in summary.split(",")] == ["first", "second", "third"]
    is_anew = report.lease.thread_id != mine.lease.thread_id
    assert is_anew == (interrupted.calls == ["first", "second", "third"])
    assert is_anew or damage in {"another clock", "a large value changed", "large values gone"}, "nothing was damaged"


async def test_a_thread_whose_checkpoints_are_half_pruned_starts_anew_or_from_what_is_whole(
    store: Store, open_connection: Any, interrupted: Interrupted
) -> None:
    await submit(store)
    mine = await claim(store)
    await interrupted.kill(mine)
    async with open_connection() as connection:
        await connection.execute(
            "delete from agent_checkpoints.checkpoints where checkpoint_id ="
            " (select max(checkpoint_id) from agent_checkpoints.checkpoints)"
        )
    report = await run_workload(mine, interrupted.config, RunControl())
    assert isinstance(report.outcome, Recommended)
    assert interrupted.calls == ["second", "third"]


async def test_a_database_restored_to_an_earlier_moment_is_gone_on_with_and_the_past_holder_writes_nothing(
    store: Store, pool: Pool, open_connection: Any, interrupted: Interrupted
) -> None:
    """All tables as they stood when the run was in its third node; the poller that finished it later knows nothing."""
    (one,) = await submit(store)
    mine = await claim(store)
    await interrupted.kill(mine)
    async with open_connection() as connection:
        for table in TABLES:
            await connection.execute(f"create table public.saved_{table} as table agent_checkpoints.{table}")
    finished = await run_workload(mine, interrupted.config, RunControl())
    assert isinstance(finished.outcome, Recommended)
    async with open_connection() as connection:
        for table in TABLES:
            await connection.execute(f"truncate agent_checkpoints.{table}")
            await connection.execute(f"insert into agent_checkpoints.{table} table public.saved_{table}")
    interrupted.calls.clear()
    again = await run_workload(mine, interrupted.config, RunControl())
    assert isinstance(again.outcome, Recommended)
    assert interrupted.calls == ["third"]
    assert again.outcome.recommendation.decision_summary == finished.outcome.recommendation.decision_summary
    async with open_connection() as connection:
        await connection.execute("truncate agent.thread_fence")  # restored to before this holder
    late = await run_workload(mine, interrupted.config, RunControl())
    assert isinstance(late.outcome, Recommended | Lost)
    assert LeaseLost is not None
    assert (await store.operations.read(one))["status"] == "processing"
