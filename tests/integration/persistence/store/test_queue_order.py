"""The order of the queue: urgency, then deadline, then age; nothing starves; and the index that keeps it cheap."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import sql
from persistence.store.queue import Claim

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


async def order(claim: Claimer) -> list[str]:
    names = []
    while claims := await claim(1):
        names.append(str(claims[0].row["workload_name"]))
    return names


async def test_urgency_goes_first_then_deadline_then_age(db: Any, claim: Claimer) -> None:
    for name, urgency, deadline in [
        ("low", "LOW", None),
        ("medium", "MEDIUM", None),
        ("unstated", None, None),
        ("medium due soon", "medium", NOW + timedelta(hours=2)),
        ("medium due by latest_completion", "MEDIUM", None),
        ("high", "HIGH", None),
        ("critical", "critical", None),
    ]:
        latest = NOW + timedelta(hours=3) if "latest_completion" in name else None
        await db.insert(
            workload_name=name, urgency=urgency, deadline=deadline, latest_completion=latest, submitted_at=NOW
        )
    await db.insert(workload_name="medium, older", urgency="MEDIUM", submitted_at=ago(0.5))
    found = await order(claim)
    assert found[:5] == ["critical", "high", "medium due soon", "medium due by latest_completion", "medium, older"]
    assert set(found[5:7]) == {"medium", "unstated"}
    assert found[7] == "low"


async def test_waiting_raises_a_row_past_any_stream_of_urgent_ones(db: Any, claim: Claimer) -> None:
    await db.insert(workload_name="patient", urgency="LOW", submitted_at=ago(29))
    for n in range(20):
        await db.insert(
            workload_name=f"urgent {n}", urgency="CRITICAL", submitted_at=NOW, deadline=NOW + timedelta(minutes=1)
        )
    assert (await order(claim))[0] == "patient"


async def test_a_past_deadline_does_not_buy_more_than_an_imminent_one(db: Any, claim: Claimer) -> None:
    await db.insert(workload_name="older", urgency="MEDIUM", submitted_at=ago(5))
    await db.insert(workload_name="past", urgency="MEDIUM", submitted_at=NOW, deadline=NOW - timedelta(days=9000))
    assert await order(claim) == ["older", "past"]


@pytest.mark.parametrize("column", ["submitted_at", "deadline", "latest_completion"])
@pytest.mark.parametrize("value", ["infinity", "-infinity", "4713-01-01 00:00+00 BC", "294276-01-01 00:00+00", None])
async def test_no_date_makes_the_users_insert_fail(db: Any, claim: Claimer, column: str, value: str | None) -> None:
    workload = await db.insert(**{column: value})
    assert [one.lease.workload_id for one in await claim()] == [workload]


def claim_query() -> str:
    """The SELECT of waiting rows as it stands in claim_workloads."""
    (script,) = (one for one in sql.migrations() if one.name == "0008_claim")
    found = re.search(
        r"select array_agg\(x\.id\) into fresh\s+from \(\s+(.*?)limit p_limit - cardinality\(taken\)",
        script.text,
        re.DOTALL,
    )
    assert found
    return found.group(1)


async def backlog(db: Any, *, finished: int, waiting: int) -> None:
    await db.run(
        "insert into compute_workloads (workload_name, status, agent_status) "
        f"select 'done', 'queued', 'completed' from generate_series(1, {finished})"
    )
    await db.run(
        "insert into compute_workloads (workload_name, urgency, deadline) "
        "select 'waiting', (array['LOW', 'HIGH', null])[1 + g % 3], now() + g * interval '1 minute' "
        f"from generate_series(1, {waiting}) g"
    )


@pytest.mark.parametrize("analysed", [False, True], ids=["no statistics", "analysed"])
async def test_waiting_rows_are_read_in_order_from_the_index_without_a_sort(db: Any, analysed: bool) -> None:
    await backlog(db, finished=3000, waiting=5000)
    if analysed:
        await db.run("analyze compute_workloads")
    settings = await db.one("select proconfig from pg_proc where proname = 'claim_workloads'")
    for setting in settings:
        await db.run(f"set {setting}" if "search_path" not in setting else "set search_path = ''")
    rows = await db.run(f"explain {claim_query()} limit 5 for update skip locked")
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "Index Scan using compute_workloads_queue_idx" in plan
    assert "Sort" not in plan


async def test_a_claim_reads_no_more_than_it_takes_however_long_the_queue(db: Any) -> None:
    await backlog(db, finished=3000, waiting=5000)
    await db.run("select pg_stat_reset()")
    for _ in range(10):  # PL/pgSQL goes over to a generic plan after five
        await db.run("select public.claim_workloads('me', 5, 60, 5)")
    await db.run("select pg_stat_force_next_flush()")
    query = "select idx_tup_read from pg_stat_user_indexes where indexrelname = 'compute_workloads_queue_idx'"
    read = await db.one(query)
    assert 50 <= read <= 150  # dead entries of the rows just claimed come on top
    assert await db.one("select seq_scan from pg_stat_user_tables where relname = 'compute_workloads'") == 0


async def test_the_function_and_the_index_agree_word_for_word() -> None:
    scripts = {one.name: " ".join(one.text.split()) for one in sql.migrations()}
    key = re.search(r"\( (least\(greatest\(coalesce.*?) \), id \) where (.*?);", scripts["0005_indexes"])
    assert key
    assert key.group(1) in scripts["0008_claim"]
    assert (
        key.group(2)
        .replace("agent_status", "w.agent_status")
        .replace("status =", "w.status =")
        .replace("w.agent_w.status", "w.agent_status")
        in scripts["0008_claim"]
    )
