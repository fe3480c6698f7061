"""Every SQL statement of the description that deployments were given, as printed there."""

from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from persistence.store.open import Store
from persistence.store.queue import Claim

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]


@pytest.fixture
async def worked(db: Any, store: Store, claim: Claimer, answer: Callable[..., Any]) -> dict[str, Any]:
    """One completed, one failed, one waiting and one stuck workload."""
    done, failed = await db.insert(workload_name="done"), await db.insert(workload_name="failed")
    leases = {one.lease.workload_id: one.lease for one in await claim()}
    options = {"options": [{"region": "Region 1"}], "analysis_summary": "s"}
    await store.queue.complete(leases[done], answer(compute_options=options, energy_options=options))
    await store.queue.fail(leases[failed], "No window meets the cap.", retry_in_seconds=None, max_attempts=5)
    stuck = await db.insert(workload_name="stuck", status="processing", agent_started_at="2026-01-01 00:00+00")
    waiting = await db.insert(workload_name="waiting")
    return {"done": done, "failed": failed, "stuck": stuck, "waiting": waiting}


async def test_completed_recommendations(db: Any, worked: dict[str, Any]) -> None:
    rows = await db.run("""
SELECT 
    workload_name,
    decision_summary,
    recommended_region,
    recommended_carbon_intensity,
    recommended_cost_gbp
FROM compute_workloads
WHERE agent_status = 'completed';
""")  # noqa: W291
    assert [row["workload_name"] for row in rows] == ["done"]
    assert None not in rows[0].values()


async def test_the_view_shows_completed_and_failed_rows(db: Any, worked: dict[str, Any]) -> None:
    rows = await db.run("SELECT * FROM workloads_with_recommendations;")
    shown = {row["workload_name"]: row for row in rows}
    assert set(shown) == {"done", "failed"}
    assert shown["done"]["recommended_region_name"] == "North Scotland"
    assert shown["done"]["recommended_2_region"] == "Region 2"
    assert shown["failed"]["agent_error"] == "No window meets the cap."


async def test_full_agent_analysis_from_metadata(db: Any, worked: dict[str, Any]) -> None:
    (row,) = await db.run("""
SELECT 
    workload_name,
    metadata->>'decision_summary' as summary,
    metadata->'compute_options'->'options' as compute_opts,
    metadata->'energy_options'->'options' as energy_opts
FROM compute_workloads
WHERE agent_status = 'completed';
""")  # noqa: W291
    assert row["summary"] == "Run it in the north."
    assert row["compute_opts"] == row["energy_opts"] == [{"region": "Region 1"}]


async def test_pending_rows(db: Any, worked: dict[str, Any]) -> None:
    rows = await db.run("""
SELECT id, workload_name, status, submitted_at 
FROM compute_workloads 
WHERE status = 'pending'
ORDER BY submitted_at;
""")  # noqa: W291
    assert [row["id"] for row in rows] == [worked["waiting"]]


async def test_the_manual_reset_makes_a_stuck_row_claimable(db: Any, worked: dict[str, Any], claim: Claimer) -> None:
    await db.run("""
UPDATE compute_workloads 
SET status = 'queued', agent_status = 'pending'
WHERE status = 'processing' 
AND agent_started_at < NOW() - INTERVAL '10 minutes';
""")  # noqa: W291
    assert {one.lease.workload_id for one in await claim()} == {worked["stuck"], worked["waiting"]}


async def test_the_error_of_one_workload(db: Any, worked: dict[str, Any]) -> None:
    statement = """
SELECT id, workload_name, agent_status, agent_error
FROM compute_workloads
WHERE id = 'your-workload-id';
"""
    (row,) = await db.run(statement.replace("your-workload-id", str(worked["failed"])))
    assert row["agent_error"] == "No window meets the cap."
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        await db.run(statement)


async def test_count_by_status(db: Any, worked: dict[str, Any]) -> None:
    rows = await db.run("""
SELECT 
    status,
    agent_status,
    COUNT(*) as count
FROM compute_workloads
GROUP BY status, agent_status
ORDER BY status, agent_status;
""")  # noqa: W291
    assert [(row["status"], row["agent_status"], row["count"]) for row in rows] == [
        ("failed", "failed", 1), ("pending", "pending", 1), ("processing", "pending", 1), ("queued", "completed", 1),
    ]  # fmt: skip
    counted = await db.run("select status, agent_status, count from workload_status_counts order by 1, 2")
    assert [tuple(row.values()) for row in counted] == [tuple(row.values()) for row in rows]


async def test_processing_time(db: Any, worked: dict[str, Any]) -> None:
    (row,) = await db.run("""
SELECT 
    workload_name,
    agent_started_at,
    agent_completed_at,
    EXTRACT(EPOCH FROM (agent_completed_at - agent_started_at)) as processing_seconds
FROM compute_workloads
WHERE agent_status = 'completed'
ORDER BY agent_completed_at DESC
LIMIT 10;
""")  # noqa: W291
    assert row["processing_seconds"] > 0
    times = await db.run("select workload_name, processing_seconds from workload_processing_times")
    assert {one["workload_name"] for one in times} == {"done", "failed"}


async def test_failed_workloads(db: Any, worked: dict[str, Any]) -> None:
    rows = await db.run("""
SELECT 
    id,
    workload_name,
    agent_error,
    agent_started_at
FROM compute_workloads
WHERE agent_status = 'failed'
ORDER BY agent_started_at DESC;
""")  # noqa: W291
    assert [row["id"] for row in rows] == [worked["failed"]]
    assert [row["id"] for row in await db.run("select * from failed_workloads")] == [worked["failed"]]
