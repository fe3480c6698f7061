"""Which rows are claimed, by whom, and that nobody else gets them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from persistence.errors import InvalidWorkload, StoreError
from persistence.store.open import Store
from persistence.store.queue import Claim
from persistence.workload import Workload, parse_workload

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]


async def test_a_pending_row_is_claimed_and_marked_processing(db: Any, claim: Claimer) -> None:
    workload = await db.insert()
    (claimed,) = await claim()
    row = await db.row(workload)
    assert claimed.lease.workload_id == workload
    assert (row["status"], row["agent_status"]) == ("processing", "processing")
    assert row["agent_started_at"] is not None
    assert claimed.lease.attempt == 1
    assert await claim() == []


async def test_the_pair_from_the_runbook_is_claimed(db: Any, claim: Claimer) -> None:
    workload = await db.insert(status="queued", agent_status="pending")
    assert [one.lease.workload_id for one in await claim()] == [workload]


@pytest.mark.parametrize("status", ["queued", "scheduled", "running", "completed", "cancelled", "failed", None])
@pytest.mark.parametrize("agent_status", [None, "completed", "failed"])
async def test_states_of_others_are_never_claimed(
    db: Any, claim: Claimer, status: str | None, agent_status: str | None
) -> None:
    workload = await db.insert(status=status, agent_status=agent_status)
    assert await claim() == []
    assert (await db.row(workload))["status"] == status


async def test_a_row_with_null_agent_status_is_claimed_when_pending(db: Any, claim: Claimer) -> None:
    await db.insert(status="pending", agent_status=None)
    assert len(await claim()) == 1


async def test_many_pollers_share_the_rows_without_overlap(db: Any, store: Store) -> None:
    await db.run("insert into compute_workloads (workload_name) select 'w' || g from generate_series(1, 200) g")

    async def drain(owner: str) -> list[Claim]:
        taken: list[Claim] = []
        while more := await store.queue.claim(owner=owner, limit=7, lease_seconds=60, max_attempts=5):
            taken += more
        return taken

    taken = [claim for claims in await asyncio.gather(*(drain(f"p{n}") for n in range(6))) for claim in claims]
    assert len(taken) == 200
    assert len({claim.lease.workload_id for claim in taken}) == 200
    assert len({claim.lease.token for claim in taken}) == 200


async def test_a_run_out_lease_is_taken_over_with_a_higher_token_on_the_same_thread(db: Any, claim: Claimer) -> None:
    workload = await db.insert()
    (first,) = await claim(owner="a")
    started = (await db.row(workload))["agent_started_at"]
    await db.run_out(workload)
    (second,) = await claim(owner="b")
    assert second.lease.token > first.lease.token
    assert second.lease.thread_id == first.lease.thread_id
    assert second.lease.attempt == 2
    assert await db.outcomes(workload) == ["lost"]
    assert (await db.row(workload))["agent_started_at"] == started


async def test_a_lost_lease_comes_before_the_waiting_rows_of_its_urgency(db: Any, claim: Claimer) -> None:
    old = await db.insert()
    await claim()
    await db.run_out(old)
    await db.insert()
    assert [one.lease.workload_id for one in await claim(1)] == [old]


async def test_a_row_cancelled_during_the_run_loses_its_lease_and_stays_cancelled(db: Any, claim: Claimer) -> None:
    workload = await db.insert()
    await claim()
    await db.run("update compute_workloads set status = 'cancelled' where id = %s", workload)
    await db.run_out(workload)
    assert await claim() == []
    assert (await db.row(workload))["status"] == "cancelled"
    assert await db.one("select count(*) from agent.queue where state in ('running', 'retry')") == 0
    assert await db.outcomes(workload) == ["cancelled"]


async def test_the_lease_of_a_deleted_row_goes(db: Any, claim: Claimer) -> None:
    workload = await db.insert()
    await claim()
    await db.run("delete from compute_workloads where id = %s", workload)
    await db.run_out(workload)
    assert await claim() == []
    assert await db.one("select count(*) from agent.queue where state in ('running', 'retry')") == 0


async def test_used_up_attempts_fail_the_row_in_words(db: Any, claim: Claimer) -> None:
    workload = await db.insert(metadata='{"mine": 1}')
    for _ in range(3):
        assert len(await claim(max_attempts=3)) == 1
        await db.run_out(workload)
    assert await claim(max_attempts=3) == []
    row = await db.row(workload)
    assert (row["status"], row["agent_status"]) == ("failed", "failed")
    assert row["agent_error"] == ("Gave up after 3 attempts. The process that worked on it stopped without an answer.")
    assert row["agent_completed_at"] is not None
    assert (row["metadata"]["mine"], row["metadata"]["agent_status"]) == (1, "failed")
    assert await db.outcomes(workload) == ["lost", "lost", "failed"]


async def test_a_row_set_back_to_pending_is_a_new_submission(
    db: Any, store: Store, claim: Claimer, answer: Callable[..., Any]
) -> None:
    workload = await db.insert(metadata='{"user_request": {"note": "n"}, "theirs": 1}')
    (first,) = await claim()
    await store.queue.complete(first.lease, answer())
    before = await db.row(workload)
    await db.run("update compute_workloads set status = 'pending' where id = %s", workload)
    (second,) = await claim()
    row = await db.row(workload)
    assert second.lease.thread_id != first.lease.thread_id
    assert second.lease.attempt == 1
    assert row["agent_started_at"] > before["agent_started_at"]
    assert {row[name] for name in row if name.startswith(("recommend", "decision"))} == {None}
    assert row["metadata"] == {"user_request": {"note": "n"}, "theirs": 1}


async def test_a_row_resubmitted_during_the_run_ends_the_older_run(
    db: Any, store: Store, claim: Claimer, answer: Callable[..., Any]
) -> None:
    workload = await db.insert()
    (first,) = await claim(owner="a")
    await db.run("update compute_workloads set status = 'pending' where id = %s", workload)
    (second,) = await claim(owner="b")
    assert second.lease.thread_id != first.lease.thread_id
    assert not await store.queue.complete(first.lease, answer(summary="old"))
    assert await store.queue.complete(second.lease, answer(summary="new"))
    assert (await db.row(workload))["decision_summary"] == "new"
    assert await db.outcomes(workload) == ["cancelled", "queued"]


async def test_a_claim_never_waits_for_a_lease_that_somebody_holds_locked(
    db: Any, claim: Claimer, open_connection: Callable[[], Any]
) -> None:
    busy = await db.insert()
    await claim()
    await db.run("update compute_workloads set status = 'pending' where id = %s", busy)
    free = await db.insert()
    async with open_connection() as other, other.transaction():
        await other.execute("select from agent.queue where workload_id = %s for update", (busy,))
        async with asyncio.timeout(5):
            assert [one.lease.workload_id for one in await claim()] == [free]
    assert [one.lease.workload_id for one in await claim()] == [busy]


async def test_processing_rows_without_a_lease_are_adopted_after_the_grace(
    db: Any, store: Store, claim: Claimer
) -> None:
    abandoned = await db.insert(status="processing", agent_started_at="2026-01-01 00:00+00")
    edited_by_hand = await db.insert(status="processing", agent_status=None)
    await db.run(
        "insert into compute_workloads (workload_name, status, agent_started_at) values ('busy', 'processing', now())"
    )
    assert await store.retention.adopt_orphans(grace_seconds=300) == 2
    assert await store.retention.adopt_orphans(grace_seconds=300) == 0
    assert {one.lease.workload_id for one in await claim()} == {abandoned, edited_by_hand}
    assert (await db.row(edited_by_hand))["agent_started_at"] is not None


async def test_a_claim_whose_reply_was_lost_is_answered_again(db: Any, store: Store) -> None:
    await db.insert()
    await db.insert()
    arguments = {
        "p_owner": "a", "p_limit": 1, "p_lease_seconds": 60, "p_max_attempts": 5,
        "p_request": "00000000-0000-0000-0000-000000000001",
    }  # fmt: skip
    lost = await store.queue._rpc("claim_workloads", arguments)
    again = await store.queue._rpc("claim_workloads", {**arguments, "p_resend": True})
    assert again == lost
    assert len(await store.queue.claim(owner="b", limit=10, lease_seconds=60, max_attempts=5)) == 1


async def test_a_null_submission_time_is_filled_with_the_first_claim(db: Any, claim: Claimer) -> None:
    await db.insert(submitted_at=None)
    (claimed,) = await claim()
    assert claimed.row["submitted_at"] == claimed.row["agent_started_at"] != None  # noqa: E711  chained on purpose


async def test_an_integer_that_python_refuses_does_not_hinder_other_rows(db: Any, claim: Claimer) -> None:
    await db.run(
        "insert into compute_workloads (workload_name, metadata) values ('huge', "
        "('{\"user_request\": {\"n\": ' || repeat('9', 5000) || '}}')::jsonb), ('fine', '{}')"
    )
    rows: dict[object, Any] = {one.row["workload_name"]: one.row for one in await claim()}
    assert rows["huge"]["metadata"] == {"user_request": {"n": float("inf")}}
    assert "fine" in rows


async def test_a_claim_carries_every_column_that_a_workload_is_read_from(db: Any, claim: Claimer) -> None:
    await db.insert()
    (claimed,) = await claim()
    read = {*Workload.model_fields, "deadline", "latest_completion", "metadata"} - {
        "finish_by",
        "request_text",
        "relaxed",
    }
    assert read <= set(claimed.row)


@pytest.mark.parametrize("place", ["metadata", "request", "field", "column"])
async def test_json_deeper_than_python_reads_does_not_hinder_other_rows(db: Any, claim: Claimer, place: str) -> None:
    deep = "[" * 3000 + "]" * 3000
    holders = {
        "metadata": deep,
        "request": f'{{"user_request": {deep}}}',
        "field": f'{{"user_request": {{"n": {deep}}}}}',
    }
    await db.run("alter table compute_workloads add column extra jsonb")
    await db.insert(workload_name="deep", metadata=holders.get(place), extra=deep if place == "column" else None)
    await db.insert(workload_name="fine")
    rows: dict[object, Any] = {one.row["workload_name"]: one.row for one in await claim()}
    assert set(rows) == {"deep", "fine"}
    if place in ("metadata", "request"):
        with pytest.raises(InvalidWorkload, match=r"must be a JSON object|must be an object or text"):
            parse_workload(rows["deep"])
    else:
        assert parse_workload(rows["deep"]).request_text is None


@pytest.mark.parametrize(
    ("request_as_json", "words"),
    [
        ('"only text"', None),
        ('{"note": "n", "required_cpu_cores": 4}', None),
        ("7", "must be an object or text"),
        ("[1]", "must be an object or text"),
        ('{"required_cpu_cores": [[1]]}', "required_cpu_cores: must be a number, but is a list"),
        ('"' + "x" * 10_001 + '"', "is 10,001 characters long; at most 10,000"),
        ('"' + "x" * 3_000_000 + '"', "is 100,000 characters long; at most 10,000"),
        ('{"note": "' + "x" * 3_000_000 + '"}', "is 100,000 characters long; at most 10,000"),
    ],
    ids=["text", "form", "number", "list", "list in a field", "long text", "huge text", "huge form"],
)
async def test_a_request_arrives_as_it_was_or_is_refused_in_words(
    db: Any, claim: Claimer, request_as_json: str, words: str | None
) -> None:
    await db.insert(metadata=f'{{"theirs": {{"a": 1}}, "user_request": {request_as_json}}}')
    (claimed,) = await claim()
    if words is None:
        assert claimed.row["metadata"] == {"user_request": json.loads(request_as_json)}
        parse_workload(claimed.row)
    else:
        with pytest.raises(InvalidWorkload, match=words):
            parse_workload(claimed.row)


async def test_a_whole_row_that_cannot_be_read_is_named_in_a_typed_error(db: Any, store: Store) -> None:
    workload = await db.insert(metadata="[" * 3000 + "]" * 3000)
    with pytest.raises(StoreError, match="nested too deeply") as caught:
        await store.operations.read(workload)
    assert not caught.value.retryable
    assert str(workload) in str(caught.value)


@pytest.mark.parametrize(("limit", "lease_seconds", "max_attempts"), [(0, 60, 5), (5000, 60, 5), (1, 0, 5), (1, 60, 0)])
async def test_nonsense_in_a_claim_is_refused(
    store: Store, limit: int, lease_seconds: float, max_attempts: int
) -> None:
    with pytest.raises(Exception, match="claim_workloads: limit") as caught:
        await store.queue.claim(owner="a", limit=limit, lease_seconds=lease_seconds, max_attempts=max_attempts)
    assert not caught.value.retryable


async def test_a_row_that_is_being_adopted_is_claimed_after_that(
    db: Any, store: Store, claim: Claimer, open_connection: Any
) -> None:
    started = datetime.now(UTC) - timedelta(hours=1)
    workload = await db.insert(status="processing", agent_status="processing", agent_started_at=started)
    async with open_connection() as other, other.transaction():
        await other.execute("select public.adopt_orphans(0)")
        assert await claim() == []
    assert [one.lease.workload_id for one in await claim()] == [workload]
