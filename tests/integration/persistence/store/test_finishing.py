"""Completion, failure, release and heartbeat: only for the holder, once, and also when a reply is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pydantic import JsonValue

from persistence.connections.pool import open_pool
from persistence.errors import LeaseLost, StoreError
from persistence.store.open import Store
from persistence.store.queue import Claim, Completed, Lease
from persistence.transports.postgres import PostgresTransport

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]
Answer = Callable[..., Any]


async def test_a_completion_fills_every_output_column(db: Any, store: Store, claim: Claimer, answer: Answer) -> None:
    workload = await db.insert(metadata='{"user_request": "please", "theirs": [1]}')
    (claimed,) = await claim()
    assert await store.queue.complete(
        claimed.lease, answer(head_decision={"why": "clean"}, user_request="overwritten?")
    )
    row = await db.row(workload)
    regions = {one["region_id"]: one["id"] for one in await db.run("select region_id, id from uk_regions")}
    assert (row["status"], row["agent_status"], row["agent_error"]) == ("queued", "completed", None)
    assert row["agent_completed_at"] >= row["agent_started_at"]
    assert row["decision_summary"] == "Run it in the north."
    assert (row["recommended_region"], row["recommended_2_region"], row["recommended_3_region"]) == (
        "Region 1", "Region 2", "Region 3",
    )  # fmt: skip
    assert [row[f"recommended_{n}region_id"] for n in ("", "2_", "3_")] == [regions[1], regions[2], regions[3]]
    assert all(row[f"recommended_{n}grid_zone_id"] for n in ("", "2_", "3_"))
    assert row["recommended_carbon_intensity"] == Decimal("13.34")
    assert row["recommended_renewable_mix"] == Decimal("87.20")
    assert row["recommended_cost_gbp"] == Decimal("1.2345")
    assert (row["recommendation_source"], row["recommendation_rank"]) == ("energy", 2)
    assert row["recommendation_confidence"] == Decimal("0.83")
    assert (row["recommended_2_reason"], row["recommended_3_reason"]) == ("pricing", "availability")
    assert (row["recommended_time_window_end"] - row["recommended_time_window_start"]).seconds == 7200
    metadata = row["metadata"]
    assert (metadata["user_request"], metadata["theirs"]) == ("please", [1])
    assert metadata["head_decision"] == {"why": "clean"}
    assert metadata["agent_status"] == "completed"
    assert metadata["decision_summary"] == row["decision_summary"]
    assert await db.one("select count(*) from agent.queue where state in ('running', 'retry')") == 0


async def test_fewer_options_leave_the_rest_null(db: Any, store: Store, claim: Claimer, answer: Answer) -> None:
    workload = await db.insert()
    (claimed,) = await claim()
    await store.queue.complete(claimed.lease, answer(options=1))
    row = await db.row(workload)
    assert {row[name] for name in row if name.startswith(("recommended_2", "recommended_3"))} == {None}


async def test_what_somebody_wrote_into_metadata_meanwhile_survives(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    workload = await db.insert()
    (claimed,) = await claim()
    await db.run("update compute_workloads set metadata = metadata || '{\"late\": true}' where id = %s", workload)
    await store.queue.complete(claimed.lease, answer())
    assert (await db.row(workload))["metadata"]["late"] is True


@pytest.mark.parametrize("metadata", ["[1, 2]", '"text"', "7", "null", None])
async def test_metadata_that_is_no_object_is_not_destroyed(
    db: Any, store: Store, claim: Claimer, metadata: str | None
) -> None:
    workload = await db.insert(metadata=metadata)
    (claimed,) = await claim()
    await store.queue.fail(claimed.lease, "metadata: must be an object", retry_in_seconds=None, max_attempts=5)
    row = await db.row(workload)
    assert row["status"] == "failed"
    if metadata in ("null", None):
        assert row["metadata"]["agent_status"] == "failed"
    else:
        assert await db.one("select metadata = %s::jsonb from compute_workloads where id = %s", metadata, workload)


async def test_a_zombie_writes_nothing(db: Any, store: Store, claim: Claimer, answer: Answer) -> None:
    workload = await db.insert()
    (zombie,) = await claim(owner="a")
    await db.run_out(workload)
    (heir,) = await claim(owner="b")
    assert await store.queue.extend([zombie.lease], lease_seconds=60) == set()
    assert not await store.queue.complete(zombie.lease, answer(summary="late"))
    assert await store.queue.fail(zombie.lease, "late", retry_in_seconds=None, max_attempts=5) == "lost"
    assert await store.queue.release([zombie.lease]) == 0
    with pytest.raises(LeaseLost):
        await store.queue.new_thread(zombie.lease)
    assert (await db.row(workload))["status"] == "processing"
    assert await store.queue.complete(heir.lease, answer(summary="heir"))
    assert not await store.queue.complete(zombie.lease, answer(summary="later"))
    assert (await db.row(workload))["decision_summary"] == "heir"


async def test_a_result_for_a_cancelled_row_is_dropped(db: Any, store: Store, claim: Claimer, answer: Answer) -> None:
    workload = await db.insert()
    (claimed,) = await claim()
    await db.run("update compute_workloads set status = 'cancelled' where id = %s", workload)
    assert await store.queue.extend([claimed.lease], lease_seconds=60) == set()
    assert not await store.queue.complete(claimed.lease, answer())
    row = await db.row(workload)
    assert (row["status"], row["decision_summary"]) == ("cancelled", None)
    assert await db.outcomes(workload) == ["cancelled"]
    assert await db.one("select count(*) from agent.queue where state in ('running', 'retry')") == 0


async def test_a_group_of_completions_writes_what_is_held_and_skips_the_rest(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    ids = [await db.insert(workload_name=str(n)) for n in range(5)]
    leases = {one.lease.workload_id: one.lease for one in await claim()}
    await db.run("update compute_workloads set status = 'cancelled' where id = %s", ids[0])
    await db.run_out(ids[1])
    await claim(owner="heir")
    results = [(leases[one], answer(summary=f"for {one}")) for one in ids]
    expected = Completed(written=frozenset(leases[one].token for one in ids[2:]), busy=frozenset())
    assert await store.queue.complete_all(results) == expected
    assert await store.queue.complete_all(results) == expected
    for one in ids[2:]:
        assert (await db.row(one))["decision_summary"] == f"for {one}"
        assert await db.outcomes(one) == ["queued"]


async def test_a_lease_that_ran_out_but_was_not_taken_still_counts(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    workload = await db.insert()
    (claimed,) = await claim()
    await db.run_out(workload)
    assert await store.queue.extend([claimed.lease], lease_seconds=60) == {claimed.lease.token}
    assert await claim(owner="other") == []
    assert await store.queue.complete(claimed.lease, answer())


async def test_a_retry_waits_its_time_and_keeps_the_thread(db: Any, store: Store, claim: Claimer) -> None:
    workload = await db.insert()
    (first,) = await claim()
    assert await store.queue.fail(first.lease, "429", retry_in_seconds=30, max_attempts=5) == "retry"
    assert await claim() == []
    due = await db.one("select extract(epoch from until - clock_timestamp())::float from agent.queue")
    assert 25 < due <= 30
    assert (await db.row(workload))["status"] == "processing"
    await db.run_out(workload)
    (second,) = await claim()
    assert (second.lease.attempt, second.lease.thread_id) == (2, first.lease.thread_id)
    assert await db.outcomes(workload) == ["retry"]


async def test_the_last_attempt_fails_for_good_even_when_a_retry_was_asked_for(
    db: Any, store: Store, claim: Claimer
) -> None:
    workload = await db.insert()
    (claimed,) = await claim()
    assert (
        await store.queue.fail(claimed.lease, "The model is overloaded.", retry_in_seconds=1, max_attempts=1)
        == "failed"
    )
    row = await db.row(workload)
    assert row["agent_error"] == "Gave up after 1 attempt. The last error was: The model is overloaded."
    assert row["agent_completed_at"] is not None


async def test_a_permanent_failure_carries_its_text_and_details(db: Any, store: Store, claim: Claimer) -> None:
    workload = await db.insert(metadata='{"user_request": "x"}')
    (claimed,) = await claim()
    outcome = await store.queue.fail(
        claimed.lease, "No window.\0", retry_in_seconds=None, max_attempts=5, details={"provenance": {"v": 1}}
    )
    row = await db.row(workload)
    assert (outcome, row["status"], row["agent_status"]) == ("failed", "failed", "failed")
    assert row["agent_error"] == "No window.�"
    assert row["metadata"]["provenance"] == {"v": 1}
    assert row["metadata"]["user_request"] == "x"


async def test_text_that_postgres_cannot_keep_does_not_cost_the_result(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    workload = await db.insert()
    (claimed,) = await claim()
    odd = answer(summary="a\0b\ud800c – ok", head_decision={"k\0": ["\udfff", float("nan"), float("inf"), 1.5]})
    assert await store.queue.complete(claimed.lease, odd)
    row = await db.row(workload)
    assert row["decision_summary"] == "a�b�c – ok"
    assert row["metadata"]["head_decision"] == {"k�": ["�", None, None, 1.5]}


async def test_released_work_is_due_at_once_with_the_attempt_refunded(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    workload = await db.insert()
    (first,) = await claim(owner="a")
    assert await store.queue.release([first.lease]) == 1
    assert not await store.queue.complete(first.lease, answer())
    (second,) = await claim(owner="b")
    assert (second.lease.attempt, second.lease.thread_id) == (1, first.lease.thread_id)
    assert await db.outcomes(workload) == ["released"]


async def test_a_new_thread_keeps_the_lease(db: Any, store: Store, claim: Claimer, answer: Answer) -> None:
    await db.insert()
    (claimed,) = await claim()
    renewed = await store.queue.new_thread(claimed.lease)
    assert renewed.thread_id != claimed.lease.thread_id
    assert renewed.token == claimed.lease.token
    assert await store.queue.complete(renewed, answer())


async def test_heartbeats_and_groups_of_completions_do_not_deadlock(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    await db.run("insert into compute_workloads (workload_name) select 'w' from generate_series(1, 300)")
    leases = [one.lease for one in await claim(300)]

    async def beat(order: list[Lease]) -> None:
        for _ in range(10):
            await store.queue.extend(order, lease_seconds=60)

    async def complete(left: list[Lease]) -> None:
        while left:
            done = await store.queue.complete_all([(lease, answer()) for lease in left])
            assert done.written | done.busy == {lease.token for lease in left}
            left = [lease for lease in left if lease.token in done.busy]

    halves = [leases[::2], leases[1::2]]
    await asyncio.gather(beat(leases), beat(leases[::-1]), *(complete(half[::-1]) for half in halves))
    assert await db.one("select count(*) from compute_workloads where status = 'queued'") == 300


class LosesReplies:
    """Over the real database: the call is carried out, its reply is lost. Fault injection, the first time only."""

    def __init__(self, transport: PostgresTransport) -> None:
        self._transport = transport
        self.name = transport.name
        self.lost = 0

    async def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        reply = await self._transport.call(function, arguments)
        if self.lost == 0:
            self.lost = 1
            msg = "the connection broke"
            raise StoreError(msg, retryable=True)
        return reply

    async def wait_for_work(self, *, timeout_seconds: float) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        await self._transport.aclose()


@pytest.fixture
async def forgetful(database_url: str) -> Any:
    async with open_pool(database_url, name="test", max_size=2) as pool:
        transport = LosesReplies(PostgresTransport(pool, database_url))
        yield transport


async def test_lost_replies_change_nothing(
    db: Any, store: Store, claim: Claimer, answer: Answer, forgetful: LosesReplies
) -> None:
    lossy = Store.over(forgetful)

    async def losing(call: Awaitable[Any]) -> Any:
        forgetful.lost = 0
        result = await call
        assert forgetful.lost == 1
        return result

    (workload,) = await losing(lossy.operations.submit([{"workload_name": "w"}]))
    assert await db.one("select count(*) from compute_workloads") == 1
    (claimed,) = await losing(lossy.queue.claim(owner="a", limit=5, lease_seconds=60, max_attempts=5))
    assert claimed.lease.attempt == 1
    assert await losing(lossy.queue.extend([claimed.lease], lease_seconds=60)) == {claimed.lease.token}
    assert await losing(lossy.queue.fail(claimed.lease, "x", retry_in_seconds=0, max_attempts=5)) == "retry"
    (claimed,) = await claim()
    assert await losing(lossy.queue.complete(claimed.lease, answer())) is True
    assert await db.outcomes(workload) == ["retry", "queued"]
    await db.run("update compute_workloads set status = 'pending' where id = %s", workload)
    (claimed,) = await claim()
    assert await losing(lossy.queue.fail(claimed.lease, "x", retry_in_seconds=None, max_attempts=5)) == "failed"


async def test_a_completion_for_an_unknown_workload_is_lost(store: Store, answer: Answer, claim: Claimer) -> None:
    (workload,) = await store.operations.submit([{"workload_name": "w"}])
    (claimed,) = await claim()
    forged = Lease(
        workload_id=uuid4(), thread_id=uuid4(), token=claimed.lease.token, owner="x", attempt=1,
        until=claimed.lease.until,
    )  # fmt: skip
    assert not await store.queue.complete(forged, answer())
    assert (await store.operations.read(workload) or {})["status"] == "processing"
