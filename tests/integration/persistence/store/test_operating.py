"""Submit, read, catalogue, commitments, requeue, status, history, pruning."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

import sql
from graph.views.queue import status_lines
from persistence.errors import MigrationNeeded
from persistence.store.open import Store
from persistence.store.queue import Claim

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]
Answer = Callable[..., Any]
WINDOW = datetime(2026, 1, 31, 18, tzinfo=UTC)


async def test_submitted_rows_keep_their_values_and_order(db: Any, store: Store) -> None:
    given = uuid4()
    ids = await store.operations.submit(
        [
            {"workload_name": "a", "required_gpu_mins": 90, "metadata": {"user_request": "x"}, "status": "failed"},
            {"id": str(given), "workload_name": "b", "deadline": "2026-01-31T18:00:00+00:00"},
        ]
    )
    assert ids[1] == given
    first, second = [await db.row(one) for one in ids]
    assert (first["required_gpu_mins"], first["metadata"]) == (90, {"user_request": "x"})
    assert (first["status"], first["agent_status"]) == ("pending", "pending")
    assert first["submitted_at"] is not None
    assert second["deadline"] == WINDOW
    assert await store.operations.submit([]) == []


async def test_an_unknown_column_is_named(store: Store) -> None:
    with pytest.raises(MigrationNeeded, match="compute_workloads has no column colour"):
        await store.operations.submit([{"workload_name": "a", "colour": "green"}])


async def test_a_row_is_read_back_as_json(db: Any, store: Store) -> None:
    workload = await db.insert(max_price_gbp="0.1", deadline=WINDOW)
    row = await store.operations.read(workload)
    assert row
    assert row["max_price_gbp"] == 0.1
    assert datetime.fromisoformat(str(row["deadline"])) == WINDOW
    assert await store.operations.read(uuid4()) is None


async def test_the_sample_catalogue_covers_the_country_and_says_that_it_is_made_up(db: Any, store: Store) -> None:
    assert await store.catalogue.assets() == []
    for _ in range(2):
        await db.run(sql.optional("sample_assets").text)
    assets: list[Any] = await store.catalogue.assets()
    assert len(assets) >= 10
    assert len({asset["region_number"] for asset in assets}) >= 7
    for asset in assets:
        assert asset["asset_name"].startswith("Sample ")
        assert asset["metadata"]["sample"] is True
        assert asset["metadata"]["pue"] >= 1
        assert asset["grid_zone_id"] is not None


async def test_inactive_assets_and_assets_of_unknown_regions_are_left_out(db: Any, store: Store) -> None:
    await db.run(
        "insert into compute_assets (asset_name, region_id, is_active) "
        "select n, u.id, a from uk_regions u, (values ('on', true), ('unsaid', null), ('off', false)) v (n, a) "
        "where u.region_id = 3"
    )
    await db.run("insert into compute_assets (asset_name, region_id) values ('nowhere', null)")
    assert {asset["asset_name"] for asset in await store.catalogue.assets()} == {"on", "unsaid"}


async def promised(db: Any, store: Store, answer: Answer, provenance: Any, status: str = "queued") -> None:
    """A workload that was placed on a site for six hours; its user then set the status."""
    asset = await db.one("insert into compute_assets (asset_name) values ('a') returning id")
    await db.insert()
    (claimed,) = await store.queue.claim(owner="p", limit=1, lease_seconds=60, max_attempts=5)
    found = answer(provenance=provenance)
    best = found.options[0].model_copy(update={"asset_id": asset, "end": WINDOW + timedelta(hours=6)})
    placed = found.model_copy(update={"options": (best, *found.options[1:])})
    assert await store.queue.complete(claimed.lease, placed)
    if status != "queued":
        await db.run("update compute_workloads set status = %s where id = %s", status, claimed.lease.workload_id)


async def test_promised_power_is_seen_while_its_window_overlaps(db: Any, store: Store, answer: Answer) -> None:
    await promised(db, store, answer, {"power_kw": 2.5})
    (found,) = await store.catalogue.commitments(WINDOW + timedelta(hours=5), WINDOW + timedelta(hours=9))
    assert found["power_kw"] == 2.5
    assert datetime.fromisoformat(str(found["end"])) == WINDOW + timedelta(hours=6)
    assert await store.catalogue.commitments(WINDOW + timedelta(hours=6), WINDOW + timedelta(hours=9)) == []
    assert await store.catalogue.commitments(WINDOW - timedelta(hours=6), WINDOW) == []


async def test_a_paused_run_promises_each_of_its_stretches(db: Any, store: Store, answer: Answer) -> None:
    stretches = [
        {"start": "2026-01-31T18:00Z", "end": "2026-01-31T19:00Z"},
        {"start": "2026-01-31T22:00Z", "end": "2026-02-01T00:00Z"},
    ]
    await promised(db, store, answer, {"power_kw": 2.5, "segments": stretches})
    assert len(await store.catalogue.commitments(WINDOW, WINDOW + timedelta(hours=6))) == 2
    assert await store.catalogue.commitments(WINDOW + timedelta(hours=1), WINDOW + timedelta(hours=4)) == []


@pytest.mark.parametrize(
    "provenance",
    [{}, [], {"power_kw": "much"}, None, {"power_kw": 1e12}, {"power_kw": 1, "segments": [{"start": "x"}]}],
)
async def test_answers_without_a_sound_promise_are_passed_over(
    db: Any, store: Store, answer: Answer, provenance: Any
) -> None:
    await promised(db, store, answer, provenance)
    assert await store.catalogue.commitments(WINDOW, WINDOW + timedelta(hours=6)) == []


async def test_cancelled_work_promises_nothing_and_running_work_does(db: Any, store: Store, answer: Answer) -> None:
    await promised(db, store, answer, {"power_kw": 1}, status="cancelled")
    await promised(db, store, answer, {"power_kw": 2}, status="running")
    assert [one["power_kw"] for one in await store.catalogue.commitments(WINDOW, WINDOW + timedelta(hours=6))] == [2]


async def failed(db: Any, store: Store, claim: Claimer) -> Any:
    await db.insert()
    (claimed,) = await claim()
    await store.queue.fail(claimed.lease, "x", retry_in_seconds=None, max_attempts=5)
    return claimed.lease


async def test_a_failed_workload_resumes_on_its_thread(db: Any, store: Store, claim: Claimer) -> None:
    lease = await failed(db, store, claim)
    assert await store.operations.requeue([lease.workload_id, uuid4()], fresh=False) == [lease.workload_id]
    row = await db.row(lease.workload_id)
    assert (row["status"], row["agent_error"], row["agent_completed_at"]) == ("processing", None, None)
    (again,) = await claim()
    assert (again.lease.thread_id, again.lease.attempt) == (lease.thread_id, 1)


async def test_a_failed_workload_starts_afresh(db: Any, store: Store, claim: Claimer) -> None:
    lease = await failed(db, store, claim)
    assert await store.operations.requeue([lease.workload_id], fresh=True) == [lease.workload_id]
    (again,) = await claim()
    assert again.lease.thread_id != lease.thread_id


async def test_a_completed_workload_is_planned_again_only_afresh(
    db: Any, store: Store, claim: Claimer, answer: Answer
) -> None:
    workload = await db.insert()
    (claimed,) = await claim()
    await store.queue.complete(claimed.lease, answer())
    assert await store.operations.requeue([workload], fresh=False) == []
    assert await store.operations.requeue([workload], fresh=True) == [workload]


async def test_work_in_progress_is_not_requeued_but_a_waiting_retry_is_due(
    db: Any, store: Store, claim: Claimer
) -> None:
    workload = await db.insert()
    (claimed,) = await claim()
    for fresh in (False, True):
        assert await store.operations.requeue([workload], fresh=fresh) == []
    await store.queue.fail(claimed.lease, "x", retry_in_seconds=3600, max_attempts=5)
    assert await store.operations.requeue([workload], fresh=False) == [workload]
    assert len(await claim()) == 1


async def test_a_pruned_thread_is_not_resumed(db: Any, store: Store, claim: Claimer) -> None:
    lease = await failed(db, store, claim)
    assert await store.retention.prunable_threads(retention_seconds=3600) == []
    assert await store.retention.prunable_threads(retention_seconds=0) == [lease.thread_id]
    await store.retention.mark_pruned([lease.thread_id], retention_seconds=0)
    assert await store.retention.prunable_threads(retention_seconds=0) == []
    await store.operations.requeue([lease.workload_id], fresh=False)
    (again,) = await claim()
    assert again.lease.thread_id != lease.thread_id


async def test_a_thread_that_was_left_for_a_new_one_is_prunable_too(db: Any, store: Store, claim: Claimer) -> None:
    await db.insert()
    (claimed,) = await claim()
    left = claimed.lease.thread_id
    renewed = await store.queue.new_thread(claimed.lease)
    assert await store.retention.prunable_threads(retention_seconds=3600) == []
    assert await store.retention.prunable_threads(retention_seconds=0) == [left]
    await store.retention.mark_pruned([left, renewed.thread_id], retention_seconds=0)
    assert await store.retention.prunable_threads(retention_seconds=0) == []
    assert await store.queue.fail(renewed, "no", retry_in_seconds=None, max_attempts=5) == "failed"
    assert await store.retention.prunable_threads(retention_seconds=0) == [renewed.thread_id]


async def test_a_thread_that_a_lease_will_resume_is_not_prunable(db: Any, store: Store, claim: Claimer) -> None:
    await db.insert()
    (claimed,) = await claim()
    await store.queue.fail(claimed.lease, "x", retry_in_seconds=3600, max_attempts=5)
    assert await store.retention.prunable_threads(retention_seconds=0) == []


async def test_the_status_tells_what_is_going_on(db: Any, store: Store, claim: Claimer, answer: Answer) -> None:
    for name in ("done", "failed", "retried", "running"):
        await db.insert(workload_name=name)
    leases = {one.row["workload_name"]: one.lease for one in await claim(owner="host-1")}
    oldest = await db.insert(workload_name="oldest")
    await db.insert(workload_name="newest", submitted_at=datetime.now(UTC) - timedelta(minutes=100))  # its user says
    await db.run("update agent.queue set arrived = arrived - interval '10 min' where workload_id = %s", oldest)
    await store.queue.complete(leases["done"], answer())
    await store.queue.fail(leases["failed"], "No window.", retry_in_seconds=None, max_attempts=5)
    await store.queue.fail(leases["retried"], "429", retry_in_seconds=60, max_attempts=5)
    status: Any = await store.operations.status()
    assert (status["pending"], status["in_flight"], status["waiting_for_retry"], status["overdue"]) == (2, 1, 1, 0)
    assert 600 <= status["oldest_pending_seconds"] < 660
    assert status["oldest_pending"]["id"] == str(oldest)
    assert {(one["status"], one["agent_status"]): one["count"] for one in status["counts"]} == {
        ("failed", "failed"): 1, ("pending", "pending"): 2, ("processing", "processing"): 2,
        ("queued", "completed"): 1,
    }  # fmt: skip
    held = {one["workload_name"]: one for one in status["leases"]}
    assert (held["running"]["owner"], held["running"]["attempt"]) == ("host-1", 1)
    assert (held["retried"]["owner"], held["retried"]["last_error"]) == (None, "429")
    assert [(one["workload_name"], one["error"]) for one in status["failures"]] == [("failed", "No window.")]
    hour = status["last_hour"]
    assert (hour["queued"], hour["failed"], hour["retry"], hour["lost"]) == (1, 1, 1, 0)
    assert hour["median_seconds"] >= 0
    depth = await store.operations.depth()
    assert {key: status[key] for key in ("pending", "in_flight")} == {
        key: depth[key] for key in ("pending", "in_flight")
    }


@pytest.mark.parametrize("value", ["infinity", "-infinity", None, "4713-01-01 00:00+00 BC", "294276-01-01 00:00+00"])
async def test_no_submission_time_hinders_the_status(db: Any, store: Store, value: str | None) -> None:
    await db.insert(submitted_at=value)
    status: Any = await store.operations.status()
    assert status["pending"] == 1
    assert 0 <= status["oldest_pending_seconds"] < 60
    assert any(f"since {datetime.now(UTC):%a}" in line for line in status_lines(status))


async def test_the_status_shows_a_snapshot_that_somebody_holds_open(
    store: Store, open_connection: Callable[[], Any]
) -> None:
    async with open_connection() as other, other.transaction():
        await other.execute("select 1")
        status: Any = await store.operations.status()
        assert status["oldest_transaction_seconds"] > 0


async def test_the_history_names_every_attempt(db: Any, store: Store, claim: Claimer, answer: Answer) -> None:
    workload = await db.insert()
    (first,) = await claim(owner="a")
    await store.queue.fail(first.lease, "429", retry_in_seconds=3600, max_attempts=5)
    history: list[Any] = await store.operations.history(workload)
    assert [one["outcome"] for one in history] == ["retry", "waiting"]
    assert history[1]["due_at"] is not None
    await store.operations.requeue([workload], fresh=False)
    (second,) = await claim(owner="b")
    assert [one["outcome"] for one in await store.operations.history(workload)] == ["retry", "running"]
    await store.queue.complete(second.lease, answer())
    history = await store.operations.history(workload)
    assert [(one["outcome"], one["owner"], one["attempt"], one["error"]) for one in history] == [
        ("retry", "a", 1, "429"), ("queued", "b", 2, None),
    ]  # fmt: skip
    assert await store.operations.history(uuid4()) == []
