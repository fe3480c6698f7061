"""One user's rows against all others': what the shared table refuses, swallows, delays, forges or changes harms nobody
but its own row, and is shown to whoever can mend it."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from graph.views.queue import status_lines
from persistence.errors import InvalidWorkload, MigrationNeeded, StoreError
from persistence.store.open import Store
from persistence.store.queue import Claim
from persistence.workload import Recommendation

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]
Answer = Callable[..., Recommendation]

ON_UPDATE = (
    "create function public.f() returns trigger language plpgsql as $$ begin"
    " if new.workload_name = 'poison' then {} end if; return new; end $$;"
    " create trigger f before update on compute_workloads for each row execute function public.f()"
)
UNIQUE = (
    "insert into compute_workloads (workload_name, job_id, status, agent_status)"
    " values ('t', 'x', 'queued', 'completed');"
    " create unique index u on compute_workloads (job_id) where status in ('processing', 'queued')"
)
CHECKED = (
    "alter table compute_workloads add constraint k check (workload_name <> 'poison' or status = 'pending') not valid"
)
KEY = (
    "create table public.done (id uuid primary key); alter table compute_workloads add column g uuid;"
    "create function public.f() returns trigger language plpgsql as $$ begin"
    " if new.workload_name = 'poison' and new.status = 'queued' then new.g := new.id; end if; return new; end $$;"
    " create trigger f before update on compute_workloads for each row execute function public.f();"
    " alter table compute_workloads add foreign key (g) references public.done (id)"
)
POISONS = {
    "check not valid": (CHECKED, "alter table compute_workloads drop constraint k", "violates check constraint"),
    "raising trigger": (ON_UPDATE.format("raise exception 'never';"), "drop trigger f on compute_workloads", "never"),
    "unique index": (UNIQUE, "drop index u", "duplicate key"),
    "foreign key": (KEY, "drop trigger f on compute_workloads", "violates foreign key"),
    "swallowed": (ON_UPDATE.format("return null;"), "drop trigger f on compute_workloads", "without effect"),
    "reverted": (ON_UPDATE.format("return old;"), "drop trigger f on compute_workloads", "without effect"),
    "division": (ON_UPDATE.format("perform 1 / 0;"), "drop trigger f on compute_workloads", "division by zero"),
}


async def due(db: Any) -> None:
    await db.run("update agent.queue set show_at = clock_timestamp() where project is not null")


async def statuses(db: Any, ids: list[UUID]) -> set[str]:
    return {(await db.row(one))["status"] for one in ids}


@pytest.mark.parametrize("kind", POISONS)
async def test_a_row_that_refuses_is_parked_with_the_databases_words_and_the_others_go_on(
    db: Any, store: Store, claim: Claimer, answer: Answer, kind: str
) -> None:
    setup, undo, words = POISONS[kind]
    await db.run(setup)
    bad = await db.insert(workload_name="poison", job_id="x", user_id=UUID(int=1))
    good = [await db.insert(user_id=UUID(int=n)) for n in range(2, 7)]
    claims = await claim()
    assert len(claims) == 6
    await store.queue.project()
    done = await store.queue.complete_all([(one.lease, answer()) for one in claims])
    assert len(done.written) == 6
    assert await claim() == [], "a refused row is not claimed over and over"
    assert await statuses(db, good) == {"queued"}
    assert (await db.row(bad))["status"] != "queued"
    await due(db)
    await store.queue.project()
    status = await store.operations.status()
    (parked,) = status["parked_rows"]
    assert parked["workload_id"] == str(bad)
    assert words in parked["reason"]
    assert status["parked"] == (await store.operations.depth())["parked"] == 1
    assert any(words in line for line in status_lines(status))
    await db.run(undo)
    await due(db)
    assert (await store.queue.project()).shown == 1
    assert await statuses(db, [bad]) == {"queued"}
    assert (await store.operations.status())["parked_rows"] == []


async def test_a_failure_that_is_refused_is_parked_as_well(db: Any, store: Store, claim: Claimer) -> None:
    setup, undo, _ = POISONS["raising trigger"]
    bad = await db.insert(workload_name="poison")
    (claimed,) = await claim()
    await db.run(setup)
    assert await store.queue.fail(claimed.lease, "No.", retry_in_seconds=None, max_attempts=5) == "failed"
    assert (await store.operations.depth())["parked"] == 1
    await db.run(undo)
    await due(db)
    await store.queue.project()
    assert (await db.row(bad))["agent_error"] == "No."


async def test_tries_come_later_and_later(db: Any, store: Store, claim: Claimer, answer: Answer) -> None:
    await db.run(POISONS["raising trigger"][0])
    await db.insert(workload_name="poison")
    (claimed,) = await claim()
    await store.queue.complete(claimed.lease, answer())
    waits = []
    for _ in range(4):
        await due(db)
        waits.append((await store.queue.project()).next_seconds)
    assert waits == sorted(waits)
    assert waits[-1] > 4 * waits[0] > 0


async def test_a_trigger_that_waits_for_a_lock_delays_only_its_own_row(
    db: Any, store: Store, claim: Claimer, answer: Answer, open_connection: Any
) -> None:
    slow = await db.insert(workload_name="poison")
    good = [await db.insert(user_id=UUID(int=n)) for n in range(2, 7)]
    claims = await claim()
    await db.run(ON_UPDATE.format("perform pg_advisory_xact_lock(42);"))
    async with open_connection() as other, other.transaction():
        await other.execute("select pg_advisory_xact_lock(42)")
        started = time.monotonic()
        done = await store.queue.complete_all([(one.lease, answer()) for one in claims])
        assert time.monotonic() - started < 3
        assert len(done.written) == 6
        assert await statuses(db, good) == {"queued"}
        # its user's next rows go alone from now on: the groups of others are not held up again
        await db.insert(workload_name="poison")
        await db.insert(user_id=UUID(int=9))
        more = await claim()
        started = time.monotonic()
        await store.queue.complete_all([(one.lease, answer()) for one in more if one.row["workload_name"] != "poison"])
        assert time.monotonic() - started < 0.15
    await due(db)
    await store.queue.project()
    assert await statuses(db, [slow]) == {"queued"}


EDITS: dict[str, Any] = {
    "estimated_duration_hours": 5,
    "metadata": json.dumps({"user_request": "now"}),
    "deferral_window_mins": 0,
    "earliest_start": "2031-01-01T00:00Z",
    "workload_name": "another",
    "submitted_at": "2020-01-01T00:00Z",
}


@pytest.mark.parametrize("triggers", ["on", "off"])
@pytest.mark.parametrize("column", EDITS)
async def test_an_edit_during_the_run_gets_an_answer_to_what_the_row_says_then(
    db: Any, store: Store, claim: Claimer, answer: Answer, column: str, triggers: str
) -> None:
    workload = await db.insert()
    (first,) = await claim()
    if triggers == "off":
        await db.run("alter table compute_workloads disable trigger user")
    await db.run(f"update compute_workloads set {column} = %s", EDITS[column])
    await db.run("alter table compute_workloads enable trigger user")
    await store.queue.complete(first.lease, answer(summary="to what it said"))
    assert (await db.row(workload))["decision_summary"] is None
    (second,) = await claim()
    assert second.lease.submission > first.lease.submission
    assert second.lease.thread_id != first.lease.thread_id, "the old run's checkpoints know the old inputs"
    assert second.row != first.row
    assert await store.queue.complete(second.lease, answer(summary="to what it says"))
    assert (await db.row(workload))["decision_summary"] == "to what it says"


async def test_an_edit_of_what_is_no_input_changes_nothing(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    await db.run("alter table compute_workloads add column note text")
    workload = await db.insert()
    (claimed,) = await claim()
    await db.run("update compute_workloads set note = 'n', metadata = '{\"theirs\": 1}'")
    assert await store.queue.complete(claimed.lease, answer())
    assert (await db.row(workload))["metadata"]["theirs"] == 1


async def test_an_edit_between_the_decision_and_its_showing_counts(
    db: Any, store: Store, claim: Claimer, answer: Answer, open_connection: Any
) -> None:
    workload = await db.insert()
    (claimed,) = await claim()
    async with open_connection() as user, user.transaction():
        await user.execute("select from compute_workloads for update")
        assert await store.queue.complete(claimed.lease, answer())
        await user.execute("update compute_workloads set required_gpu_mins = 9")
    await due(db)
    assert (await store.queue.project()).shown == 0
    (again,) = await claim()
    assert again.row["required_gpu_mins"] == 9
    assert await store.queue.complete(again.lease, answer())
    assert (await db.row(workload))["status"] == "queued"


async def test_endless_edits_cost_less_and_less(db: Any, store: Store, claim: Claimer) -> None:
    await db.insert()
    claimed = 0
    for n in range(20):
        claimed += len(await claim())
        await db.run("update compute_workloads set priority = %s", n)
    assert claimed <= 6
    assert (await store.operations.depth())["next_due_seconds"] > 0


async def test_a_trigger_of_the_deployment_that_changes_an_input_at_each_update_ends_with_an_answer(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    await db.run(
        ON_UPDATE.format("new.priority := coalesce(old.priority, 0) + 1; new.submitted_at := clock_timestamp();")
    )
    workload = await db.insert(workload_name="poison")
    (claimed,) = await claim()
    assert claimed.row["priority"] == 1, "what the run reads is what the trigger made of it"
    assert await store.queue.complete(claimed.lease, answer())
    assert (await db.row(workload))["status"] == "queued"
    assert await claim() == []


async def test_what_a_trigger_of_the_deployment_does_to_other_rows_because_of_an_answer_is_seen_at_once(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    await db.run(
        "create function public.next() returns trigger language plpgsql as $$ begin"
        " update public.compute_workloads set status = 'pending' where job_id = new.id::text and status = 'draft';"
        " update public.compute_workloads set status = 'cancelled' where host_dc = new.id::text; return null; end $$;"
        " create trigger next after update on compute_workloads for each row when (new.status = 'queued')"
        " execute function public.next()"
    )
    first = await db.insert()
    (claimed,) = await claim()
    second = await db.insert(workload_name="second", job_id=str(first), status="draft")
    await db.insert(workload_name="third", host_dc=str(first), user_id=UUID(int=3))
    assert await store.queue.complete(claimed.lease, answer())
    assert [one.lease.workload_id for one in await claim()] == [second]


@pytest.mark.parametrize(
    "relaxed", ["[" * 400 + "]" * 400, "[]" + ", []" * 4000 + ", " + "[" * 90 + "]" * 90, "[[[[[1]]]]]"]
)
async def test_what_was_given_up_reaches_a_run_flat_or_not_at_all(db: Any, claim: Claimer, relaxed: str) -> None:
    await db.insert(metadata=f'{{"relaxed": [{relaxed}]}}')
    entry = '{"n": 1, "limit": "forbidden", "value": [["2026-01-05T12:00Z", "2026-01-05T13:00Z"]]}'
    await db.insert(metadata=f'{{"relaxed": [{entry}]}}')
    found = [one.row["metadata"].get("relaxed") for one in await claim()]
    assert found == [None, [json.loads(entry)]]


async def test_junk_in_forged_answers_hinders_and_charges_nobody(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    asset = await db.one("insert into compute_assets (asset_name, rated_power_kw) values ('a', 10) returning id")
    for segments in ("junk", "[1]", '[{"start": "no time", "end": 1}]', '[{"start": "infinity", "end": "infinity"}]'):
        provenance = {"power_kw": 1e9, "segments": json.loads(segments) if segments != "junk" else segments}
        await db.insert(
            status="queued", agent_status="completed", recommended_asset_id=asset,
            recommended_time_window_start="-infinity", recommended_time_window_end="infinity",
            metadata=json.dumps({"provenance": provenance}),
        )  # fmt: skip
    await db.insert(metadata=json.dumps({"provenance": {"power_kw": 1e9}}))
    (claimed,) = await claim()
    window: Any = {"asset_id": str(asset), "start": "2026-01-05T12:00Z", "end": "2026-01-05T14:00Z", "power_kw": 10}
    assert await store.catalogue.reserve(claimed.lease.workload_id, [window], token=claimed.lease.token)
    assert await store.queue.complete(claimed.lease, answer())
    lowest, highest = claimed.lease.until.replace(year=2000), claimed.lease.until.replace(year=2100)
    assert [one["power_kw"] for one in await store.catalogue.commitments(lowest, highest)] == [10]


async def test_a_placed_row_whose_user_rewrites_its_power_takes_no_more(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    asset = await db.one("insert into compute_assets (asset_name, rated_power_kw) values ('a', 10) returning id")
    await db.insert()
    (claimed,) = await claim()
    window: Any = {"asset_id": str(asset), "start": "2026-01-05T12:00Z", "end": "2026-01-05T14:00Z", "power_kw": 3}
    await store.catalogue.reserve(claimed.lease.workload_id, [window], token=claimed.lease.token)
    await store.queue.complete(claimed.lease, answer())
    for status in ("accepted", "cancelled", "scheduled", "queued", "cancelled", "running"):
        forged = json.dumps({"provenance": {"power_kw": 1e9, "segments": []}})
        await db.run("update compute_workloads set status = %s, metadata = %s", status, forged)
    lowest, highest = claimed.lease.until.replace(year=2000), claimed.lease.until.replace(year=2100)
    assert [one["power_kw"] for one in await store.catalogue.commitments(lowest, highest)] == [3]


async def test_a_fault_of_ours_never_refuses_a_users_statement(db: Any, store: Store, claim: Claimer) -> None:
    await db.run("alter table agent.queue rename column round to turned")
    workload = await db.insert()
    await db.run("update compute_workloads set urgency = 'HIGH'")
    gone = await db.insert()
    await db.run("delete from compute_workloads where id = %s", gone)
    with pytest.raises(MigrationNeeded, match="round"):
        await claim()
    await db.run("alter table agent.queue rename column turned to round")
    assert [one.lease.workload_id for one in await claim()] == [workload]
    await db.run("update agent.trigger_faults set tried_at = now() - interval '2 s'")
    assert await claim() == []
    assert await db.one("select count(*) from agent.trigger_faults") == 0


async def test_faults_without_end_cost_a_scan_a_second_and_stop_nobody(
    db: Any, store: Store, claim: Claimer, open_connection: Any
) -> None:
    """Somebody holds a row of the queue while its user changes the shared one: our trigger gives up each time."""
    mine = await db.insert(workload_name="mine")
    async with open_connection() as holder, holder.transaction():
        await holder.execute("select from agent.queue where workload_id = %s for update", (mine,))
        await db.run("alter function agent.on_update() set lock_timeout = '10ms'")
        for n in range(3):
            await db.run("update compute_workloads set priority = %s", n)
            await db.run("insert into compute_workloads (workload_name, user_id) values ('other', %s)", UUID(int=n))
            assert [one.row["workload_name"] for one in await claim()] == ["other"]
        assert await db.one("select count(*) from agent.trigger_faults") <= 3
    assert [one.row["priority"] for one in await claim()] == [2]


async def test_rows_that_came_or_went_while_the_triggers_were_off_are_found(
    db: Any, store: Store, claim: Claimer
) -> None:
    kept, lost = await db.insert(), await db.insert()
    await db.run("alter table compute_workloads disable trigger user")
    new = await db.insert()
    await db.run("update compute_workloads set status = 'cancelled' where id = %s", lost)
    await db.run("alter table compute_workloads enable trigger user")
    assert await store.retention.adopt_orphans() == 1
    assert {one.lease.workload_id for one in await claim()} == {kept, new}


async def test_an_id_that_comes_again_is_a_new_workload(db: Any, store: Store, claim: Claimer, answer: Answer) -> None:
    workload = await db.insert()
    (first,) = await claim()
    await db.run("delete from compute_workloads")
    await db.insert(id=workload, workload_name="again")
    assert await store.queue.extend([first.lease], lease_seconds=60) == set()
    assert not await store.queue.complete(first.lease, answer())
    (second,) = await claim()
    assert (second.lease.submission > first.lease.submission, second.row["workload_name"]) == (True, "again")


async def test_a_row_given_to_another_user_waits_in_that_users_turn(db: Any, claim: Claimer) -> None:
    for n in range(5):
        await db.insert(workload_name=f"bob {n}", user_id=UUID(int=2))
    moved = await db.insert(workload_name="moved", user_id=UUID(int=1))
    await db.run("update compute_workloads set user_id = %s where id = %s", UUID(int=2), moved)
    order = [(await claim(1))[0].row["workload_name"] for _ in range(6)]
    assert order.index("moved") >= 4


async def test_a_changed_id_ends_the_old_run_and_begins_a_new_one(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    await db.insert()
    (first,) = await claim()
    other = UUID(int=77)
    await db.run("update compute_workloads set id = %s, status = 'pending'", other)
    assert not await store.queue.complete(first.lease, answer())
    assert [one.lease.workload_id for one in await claim()] == [other]


async def test_many_users_edit_cancel_and_delete_beside_many_pollers_without_a_deadlock(
    db: Any, store: Store, answer: Answer, open_connection: Any
) -> None:
    await db.run(
        "insert into compute_workloads (workload_name, user_id) select 'w', md5((g % 9)::text)::uuid"
        " from generate_series(1, 120) g"
    )
    is_over = asyncio.Event()

    async def user(statement: str) -> None:
        async with open_connection() as connection:
            while not is_over.is_set():
                await connection.execute(statement)

    async def poller(name: str) -> None:
        for _ in range(12):
            claims = await store.queue.claim(owner=name, limit=5, lease_seconds=60, max_attempts=5)
            await store.queue.complete_all([(one.lease, answer()) for one in reversed(claims)])
            await store.queue.project()

    some = "id in (select id from compute_workloads order by random() limit 7)"
    users = [
        asyncio.create_task(user(statement))
        for statement in (
            f"update compute_workloads set priority = coalesce(priority, 0) + 1 where {some}",
            f"update compute_workloads set status = 'cancelled' where status = 'pending' and random() < 0.1 and {some}",
            f"delete from compute_workloads where status = 'cancelled' and {some}",
        )
    ]
    await asyncio.gather(*(poller(f"p{n}") for n in range(4)))
    is_over.set()
    await asyncio.gather(*users, return_exceptions=True)  # users may deadlock among themselves, as ever
    assert await db.one("select count(*) from agent.runs where outcome = 'queued'") > 0


@pytest.mark.parametrize("bad", ["\0", "\ud800", "a\udfffb"])
@pytest.mark.parametrize(
    ("place", "named"),
    [
        (lambda bad: {"host_dc": bad}, "host_dc contains"),
        (lambda bad: {"metadata": {"user_request": {"note": ["x", bad]}}}, r"metadata.user_request.note\[1\] contains"),
        (lambda bad: {"metadata": {bad: 1}}, "the name of a field in metadata contains"),
    ],
)
async def test_text_that_cannot_be_stored_is_refused_with_its_place(
    store: Store, bad: str, place: Callable[[str], Any], named: str
) -> None:
    with pytest.raises(InvalidWorkload, match=named):
        await store.operations.submit([{"workload_name": "w", **place(bad)}])
    assert (await store.operations.depth())["pending"] == 0


async def test_a_trigger_that_sleeps_delays_others_once_and_then_only_its_own_row(
    db: Any, store: Store, claim: Claimer, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("persistence.transports.postgres.CALL_SECONDS", 1.0)
    slow = await db.insert(workload_name="poison")
    good = [await db.insert(user_id=UUID(int=n)) for n in range(2, 7)]
    claims = await claim()
    await db.run(ON_UPDATE.format("perform pg_sleep(30);"))
    async with asyncio.timeout(15):
        done = await store.queue.complete_all([(one.lease, answer()) for one in claims])
        assert len(done.written) == 6
        while await statuses(db, good) != {"queued"}:
            with contextlib.suppress(StoreError):  # the sleeper's own try; given up, and later next time
                await store.queue.project()
        await db.insert(user_id=UUID(int=9))
        (more,) = await claim()
        assert await store.queue.complete(more.lease, answer())
    assert (await db.row(slow))["status"] == "processing"
