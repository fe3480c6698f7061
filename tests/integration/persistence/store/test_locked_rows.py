"""A row that somebody has locked (an edit left open, a bulk update) costs its own result some time, and no other."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from persistence.errors import RowBusy
from persistence.store.open import Store
from persistence.store.queue import Claim, Completed, Lease
from persistence.workload import Recommendation

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]
Answer = Callable[..., Recommendation]


async def three(db: Any, claim: Claimer) -> list[Lease]:
    for _ in range(3):
        await db.insert()
    return [one.lease for one in await claim()]


async def test_a_row_that_is_being_edited_is_answered_as_busy_and_the_others_are_written(
    db: Any, store: Store, claim: Claimer, answer: Answer, open_connection: Any
) -> None:
    first, locked, last = await three(db, claim)
    results = [(lease, answer()) for lease in (first, locked, last)]
    async with open_connection() as user, user.transaction():
        await user.execute("update compute_workloads set host_dc = 'x' where id = %s", (locked.workload_id,))
        written = Completed(written=frozenset({first.token, last.token}), busy=frozenset({locked.token}))
        assert await store.queue.complete_all(results) == written
        assert await store.queue.complete_all(results) == written
        assert await store.queue.extend([first, locked, last], lease_seconds=60) == {locked.token}
        with pytest.raises(RowBusy):
            await store.queue.fail(locked, "no", retry_in_seconds=None, max_attempts=5)
    assert not await store.queue.complete(locked, answer()), "the answer would be to what the row no longer says"
    (again,) = await claim()
    assert (again.row["host_dc"], again.lease.submission) == ("x", 2)
    assert await store.queue.complete(again.lease, answer())


async def test_the_result_of_a_row_that_is_only_locked_is_kept_and_shown_once_it_is_free(
    db: Any, store: Store, claim: Claimer, answer: Answer, open_connection: Any
) -> None:
    first, locked, last = await three(db, claim)
    async with open_connection() as user, user.transaction():
        await user.execute("select from compute_workloads where id = %s for update", (locked.workload_id,))
        done = await store.queue.complete_all([(lease, answer()) for lease in (first, locked, last)])
        assert done.written == {first.token, locked.token, last.token}
        assert {(await db.row(one.workload_id))["status"] for one in (first, last)} == {"queued"}
        assert (await db.row(locked.workload_id))["status"] == "processing"
    await db.run("update agent.queue set show_at = clock_timestamp()")
    assert (await store.queue.project()).shown == 1
    assert (await db.row(locked.workload_id))["status"] == "queued"


async def test_what_the_edit_made_of_the_row_counts(
    db: Any, store: Store, claim: Claimer, answer: Answer, open_connection: Any
) -> None:
    await db.insert()
    (claimed,) = await claim()
    async with open_connection() as user, user.transaction():
        await user.execute("update compute_workloads set status = 'cancelled'")
        with pytest.raises(RowBusy):
            await store.queue.complete(claimed.lease, answer())
    assert not await store.queue.complete(claimed.lease, answer())
    assert await db.outcomes(claimed.lease.workload_id) == ["cancelled"]


async def test_a_locked_lease_is_neither_lost_nor_waited_for(
    db: Any, store: Store, claim: Claimer, answer: Answer, open_connection: Any
) -> None:
    await db.insert()
    (claimed,) = await claim()
    lease = claimed.lease
    async with open_connection() as other, other.transaction():
        await other.execute("select from agent.queue for update")
        assert await store.queue.extend([lease], lease_seconds=60) == {lease.token}
        assert await store.queue.release([lease]) == 0
        with pytest.raises(RowBusy):
            await store.queue.complete(lease, answer())
        with pytest.raises(RowBusy):
            await store.queue.fail(lease, "later", retry_in_seconds=1, max_attempts=5)
    assert await store.queue.complete(lease, answer())


async def test_the_lease_of_a_deleted_row_goes_with_its_result(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    await db.insert()
    (claimed,) = await claim()
    await db.run("delete from compute_workloads")
    assert not await store.queue.complete(claimed.lease, answer())
    assert await db.outcomes(claimed.lease.workload_id) == ["cancelled"]
    assert await db.one("select count(*) from agent.queue where state in ('running', 'retry')") == 0
