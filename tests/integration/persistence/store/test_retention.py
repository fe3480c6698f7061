"""What is forgotten in time, and what is not: checkpoints of ended runs, and the history of attempts."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from persistence.store.open import Store
from persistence.store.queue import Claim, Lease

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]
Answer = Callable[..., Any]
DAY = 86400


async def ended(db: Any, workload: UUID, *, days_ago: float, pruned: bool = True) -> None:
    await db.run(
        "update agent.runs set ended_at = ended_at - %s * interval '1 day', checkpoints_pruned = %s"
        " where workload_id = %s",
        days_ago, pruned, workload,
    )  # fmt: skip


@pytest.fixture
def completed(db: Any, store: Store, claim: Claimer, answer: Answer) -> Callable[[], Awaitable[Lease]]:
    async def complete() -> Lease:
        await db.insert()
        (claimed,) = await claim()
        await store.queue.complete(claimed.lease, answer())
        return claimed.lease

    return complete


async def test_attempts_older_than_the_retention_time_are_forgotten(
    db: Any, store: Store, completed: Callable[[], Awaitable[Lease]]
) -> None:
    old, recent = await completed(), await completed()
    await ended(db, old.workload_id, days_ago=90)
    await ended(db, recent.workload_id, days_ago=89)
    assert await store.retention.trim_history(retention_seconds=90 * DAY) == 1
    assert await store.retention.trim_history(retention_seconds=90 * DAY) == 0
    assert await store.operations.history(old.workload_id) == []
    assert [one["outcome"] for one in await store.operations.history(recent.workload_id)] == ["queued"]
    row = await db.row(old.workload_id)
    assert (row["status"], row["agent_status"], row["recommended_region"]) == ("queued", "completed", "Region 1")


async def test_the_last_day_stays_so_that_a_completion_sent_again_is_answered(
    db: Any, store: Store, completed: Callable[[], Awaitable[Lease]], answer: Answer
) -> None:
    lease = await completed()
    await ended(db, lease.workload_id, days_ago=0.9)
    assert await store.retention.trim_history(retention_seconds=0) == 0
    assert await store.queue.complete(lease, answer())
    await ended(db, lease.workload_id, days_ago=0.2)
    assert await store.retention.trim_history(retention_seconds=0) == 1


async def test_a_failed_workload_still_resumes_on_its_thread_while_its_checkpoints_are_there(
    db: Any, store: Store, claim: Claimer
) -> None:
    workload = await db.insert()
    (first,) = await claim()
    await store.queue.fail(first.lease, "x", retry_in_seconds=None, max_attempts=5)
    await ended(db, workload, days_ago=365, pruned=False)
    assert await store.retention.trim_history(retention_seconds=90 * DAY) == 0
    assert await store.operations.requeue([workload], fresh=False) == [workload]
    (again,) = await claim()
    assert again.lease.thread_id == first.lease.thread_id


async def test_a_failed_workload_without_history_can_be_retried(db: Any, store: Store, claim: Claimer) -> None:
    workload = await db.insert()
    (first,) = await claim()
    await store.queue.fail(first.lease, "x", retry_in_seconds=None, max_attempts=5)
    await ended(db, workload, days_ago=365)
    assert await store.retention.trim_history(retention_seconds=90 * DAY) == 1
    assert await store.operations.requeue([workload], fresh=False) == [workload]
    (again,) = await claim()
    assert again.lease.thread_id != first.lease.thread_id
    assert again.lease.token > first.lease.token


@pytest.mark.parametrize("is_running", [False, True], ids=["waiting", "running"])
async def test_a_workload_with_a_lease_keeps_its_history(
    db: Any, store: Store, claim: Claimer, is_running: bool
) -> None:
    workload = await db.insert()
    (first,) = await claim()
    await store.queue.fail(first.lease, "429", retry_in_seconds=0, max_attempts=5)
    if is_running:
        assert len(await claim()) == 1
    await ended(db, workload, days_ago=365)
    assert await store.retention.trim_history(retention_seconds=90 * DAY) == 0
    assert [one["outcome"] for one in await store.operations.history(workload)] == [
        "retry",
        "running" if is_running else "waiting",
    ]


async def long_history(db: Any, attempts: int) -> None:
    """One attempt a minute back from now; the older half's checkpoints are pruned."""
    await db.run(
        "insert into agent.runs (workload_id, token, thread_id, attempt, outcome, claimed_at, ended_at,"
        " checkpoints_pruned) select gen_random_uuid(), g, gen_random_uuid(), 1, 'queued', t, t, g > %s"
        " from generate_series(1, %s) g, lateral (select now() - g * interval '1 minute') as m (t)",
        attempts // 2, attempts,
    )  # fmt: skip


async def test_a_batch_is_bounded_and_takes_the_oldest(db: Any, store: Store) -> None:
    await long_history(db, 6000)
    oldest = await db.one("select min(ended_at) from agent.runs")
    assert await store.retention.trim_history(retention_seconds=DAY, limit=100) == 100
    assert await db.one("select count(*) from agent.runs") == 5900
    gone = (await db.one("select min(ended_at) from agent.runs")) - oldest
    assert gone.total_seconds() == 100 * 60


async def test_two_pollers_that_trim_at_once_take_different_rows(
    db: Any, store: Store, open_connection: Callable[[], Any]
) -> None:
    await long_history(db, 6000)
    async with open_connection() as other, other.transaction():
        cursor = await other.execute("select public.trim_history(86400, 1000)")
        assert await cursor.fetchone() == (1000,)
        assert (
            await store.retention.trim_history(retention_seconds=DAY, limit=5000) == 2000
        )  # without waiting for the other


@pytest.mark.parametrize("analysed", [False, True], ids=["no statistics", "analysed"])
async def test_trimming_reads_no_more_than_it_takes_however_long_the_history(db: Any, analysed: bool) -> None:
    await long_history(db, 20000)
    if analysed:
        await db.run("analyze agent.runs")
    await db.run("select pg_stat_reset()")
    assert await db.one("select public.trim_history(86400, 50)") == 50
    await db.run("select pg_stat_force_next_flush()")
    counted = "select {} from pg_stat_user_{} where relname = 'runs'"
    assert await db.one(counted.format("seq_scan", "tables")) == 0
    read = "select sum(idx_tup_read) from pg_stat_user_indexes where relname = 'runs'"
    assert 50 <= await db.one(read) <= 100


async def test_checkpoints_stay_until_the_last_attempt_on_their_thread_is_old(
    db: Any, store: Store, claim: Claimer
) -> None:
    workload = await db.insert()
    (first,) = await claim()
    await store.queue.fail(first.lease, "429", retry_in_seconds=0, max_attempts=5)
    await ended(db, workload, days_ago=8, pruned=False)
    (second,) = await claim()
    assert second.lease.thread_id == first.lease.thread_id
    await store.queue.fail(second.lease, "no", retry_in_seconds=None, max_attempts=5)
    assert await store.retention.prunable_threads(retention_seconds=7 * DAY) == []
    await ended(db, workload, days_ago=8, pruned=False)
    assert await store.retention.prunable_threads(retention_seconds=7 * DAY) == [first.lease.thread_id]
