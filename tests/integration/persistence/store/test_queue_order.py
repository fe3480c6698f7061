"""The order of the queue: urgency, users in turn, waiting by the server's clock; nothing starves; flat cost."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from persistence.store.queue import Claim

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]
ALICE, BOB = UUID(int=1), UUID(int=2)


async def order(claim: Claimer, limit: int = 1000) -> list[str]:
    names = []
    while len(names) < limit and (claims := await claim(1)):
        names.append(str(claims[0].row["workload_name"]))
    return names


async def flood(db: Any, count: int, *, user: UUID | None, name: str = "flood", **columns: Any) -> None:
    given = {"workload_name": name, "user_id": user, **columns}
    await db.run(
        f"insert into compute_workloads ({', '.join(given)}) select {', '.join(['%s'] * len(given))}"
        f" from generate_series(1, {count})",
        *given.values(),
    )


async def age(db: Any, name: str, hours: float) -> None:
    """By the server's clock."""
    await db.run(
        "update agent.queue as q set arrived = arrived - %s, due = due - %s from compute_workloads as w"
        " where w.id = q.workload_id and w.workload_name = %s",
        timedelta(hours=hours),
        timedelta(hours=hours),
        name,
    )


async def test_urgency_goes_first_and_a_near_deadline_counts_as_high(db: Any, claim: Claimer) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    for name, urgency, columns in [
        ("low", "LOW", {}),
        ("medium", "MEDIUM", {}),
        ("unstated", None, {}),
        ("medium due soon", "medium", {"deadline": soon}),
        ("high", "HIGH", {}),
        ("low due by latest_completion", "LOW", {"latest_completion": soon}),
        ("critical", "critical", {}),
    ]:
        await db.insert(workload_name=name, urgency=urgency, user_id=ALICE, **columns)
    found = await order(claim)
    high = {"medium due soon", "high", "low due by latest_completion"}
    assert found[0] in {"critical", "low"}, "one in eight is the one that has waited longest"
    found = [name for name in found if name != "low"]
    assert (found[0], set(found[1:4]), set(found[4:])) == ("critical", high, {"medium", "unstated"})


async def test_ten_thousand_rows_of_one_user_do_not_hold_another_back(db: Any, claim: Claimer) -> None:
    await flood(db, 10_000, user=ALICE)
    await db.insert(workload_name="bob", user_id=BOB)
    assert "bob" in (await order(claim, 4))


async def test_rows_without_a_user_are_one_user(db: Any, claim: Claimer) -> None:
    await flood(db, 500, user=None)
    await db.insert(workload_name="bob", user_id=BOB)
    assert "bob" in (await order(claim, 4))


async def test_a_flood_of_urgent_rows_does_not_starve_others(db: Any, claim: Claimer) -> None:
    await flood(db, 1000, user=ALICE, urgency="CRITICAL")
    await db.insert(workload_name="medium of bob", user_id=BOB)
    await db.insert(workload_name="critical of bob", user_id=BOB, urgency="CRITICAL")
    found = await order(claim, 150)
    assert found.index("critical of bob") <= 3
    assert "medium of bob" in found


async def test_no_date_of_a_users_changes_the_order(db: Any, claim: Claimer) -> None:
    for n in range(12):
        await db.insert(workload_name=f"{n}", user_id=ALICE)
    await db.insert(workload_name="back-dated", user_id=ALICE, submitted_at="2001-01-01T00:00Z")
    await db.run("update compute_workloads set submitted_at = '2001-01-01' where workload_name = '11'")
    found = await order(claim)
    assert found.index("back-dated") >= 10
    assert found.index("11") >= 9


async def test_waiting_raises_a_row_past_any_stream_of_newcomers(db: Any, claim: Claimer) -> None:
    await db.insert(workload_name="patient", urgency="LOW", user_id=ALICE)
    await age(db, "patient", 30)
    served = []
    for n in range(20):
        for new in range(2):
            await db.insert(workload_name="urgent", urgency="CRITICAL", user_id=UUID(int=10 + 2 * n + new))
        served += await order(claim, 1)
        if "patient" in served:
            break
    assert "patient" in served


async def test_cancelling_and_submitting_again_gains_nothing(db: Any, claim: Claimer) -> None:
    await flood(db, 20, user=ALICE)
    await db.run("update compute_workloads set status = 'cancelled'")
    await db.insert(workload_name="bob", user_id=BOB)
    await db.insert(workload_name="bob too", user_id=BOB)
    await db.run("update compute_workloads set status = 'pending' where workload_name = 'flood'")
    assert {"bob", "bob too"} <= set(await order(claim, 6))


@pytest.mark.parametrize("column", ["submitted_at", "deadline", "latest_completion"])
@pytest.mark.parametrize("value", ["infinity", "-infinity", "4713-01-01 00:00+00 BC", "294276-01-01 00:00+00", None])
async def test_no_date_makes_the_users_insert_fail(db: Any, claim: Claimer, column: str, value: str | None) -> None:
    workload = await db.insert(**{column: value})
    assert [one.lease.workload_id for one in await claim()] == [workload]


async def backlog(db: Any, *, finished: int, waiting: int) -> None:
    await db.run(
        "insert into compute_workloads (workload_name, status, agent_status) "
        f"select 'done', 'queued', 'completed' from generate_series(1, {finished})"
    )
    await db.run(
        "insert into compute_workloads (workload_name, urgency, user_id) "
        "select 'waiting', (array['LOW', 'HIGH', null])[1 + g % 3], md5((g % 700)::text)::uuid "
        f"from generate_series(1, {waiting}) g"
    )


@pytest.mark.parametrize("analysed", [False, True], ids=["no statistics", "analysed"])
async def test_a_claim_reads_no_more_than_it_takes_however_long_the_queue(db: Any, analysed: bool) -> None:
    await backlog(db, finished=3000, waiting=6000)
    if analysed:
        await db.run("analyze")
    await db.run("select pg_stat_reset()")
    for _ in range(10):  # PL/pgSQL goes over to a generic plan after five
        await db.run("select public.claim_workloads('me', 5, 60, 5)")
    await db.run("select pg_stat_force_next_flush()")
    read = {
        row["indexrelname"]: row["idx_tup_read"]
        for row in await db.run(
            "select indexrelname, idx_tup_read from pg_stat_user_indexes where schemaname = 'agent'"
        )
    }
    # 10 claims look at 5 heads of each of 3 lanes and take 50; dead entries of the rows just claimed come on top
    assert read["queue_turn_idx"] <= 1000, read
    assert read["queue_due_idx"] <= 200, read
    scans = await db.run("select relname, seq_scan from pg_stat_user_tables where seq_scan > 0")
    assert not {row["relname"] for row in scans} & {"queue", "compute_workloads"}
