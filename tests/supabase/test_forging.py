"""What a signed-in user may write into workloads, under the owner policies: inputs, a cancellation, and what comes
after an answer; never the answer itself, our states, or our keys of `metadata`."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from persistence.errors import StoreError
from persistence.store.open import Store
from tests.supabase.project import Project

pytestmark = pytest.mark.anyio

ALICE, BOB = UUID(int=0xA11CE), UUID(int=0xB0B)
Browser = Callable[..., httpx.AsyncClient]
TABLE = "/compute_workloads"
VALUES = {
    "character varying": "forged", "text": "forged", "uuid": str(uuid4()), "integer": 1, "numeric": 1,
    "timestamp with time zone": "2026-01-05T12:00:00Z",
}  # fmt: skip
OUR_KEYS = (
    "agent_status", "agent_started_at", "agent_completed_at", "compute_analysis", "compute_options", "energy_options",
    "head_decision", "recommendations", "selected_option", "decision_summary", "provenance", "request_reading",
    "relaxations", "relaxed", "revisions", "actual_run",
)  # fmt: skip


def output_columns(project: Project) -> dict[str, Any]:
    query = (
        "select column_name, data_type from information_schema.columns where table_name = 'compute_workloads'"
        " and (column_name like 'recommend%' or column_name like 'agent\\_%' or column_name = 'decision_summary')"
    )
    with psycopg.connect(project.database_url) as connection:
        return {name: VALUES[kind] for name, kind in connection.execute(query).fetchall()}


async def row_of(store: Store, *, user: UUID = ALICE, status: str = "pending", answer: Any = None) -> str:
    """A workload in that state, by way of the poller."""
    (one,) = await store.operations.submit([{"workload_name": "w", "user_id": str(user)}])
    if status != "pending":
        (claimed,) = await store.queue.claim(owner="p", limit=1, lease_seconds=60, max_attempts=5)
        if status == "queued":
            assert await store.queue.complete(claimed.lease, answer())
        elif status == "failed":
            await store.queue.fail(claimed.lease, "No.", retry_in_seconds=None, max_attempts=5)
    return str(one)


def verdict(response: httpx.Response) -> str:
    if response.status_code in (401, 403):
        return "refused"
    return "yes" if response.is_success and response.json() else "nothing" if response.is_success else response.text


@pytest.mark.parametrize("status", ["pending", "processing", "queued", "failed"])
async def test_no_output_column_can_be_written(
    browser: Browser, project: Project, store: Store, answer: Any, status: str
) -> None:
    workload = await row_of(store, status=status, answer=answer)
    before = await store.operations.read(UUID(workload))
    columns = output_columns(project)
    assert len(columns) >= 30
    async with browser(user=ALICE) as client:
        for name, value in columns.items():
            changed = await client.patch(f"{TABLE}?id=eq.{workload}", json={name: value})
            assert verdict(changed) == "refused", (name, changed.text)
            inserted = await client.post(TABLE, json={"workload_name": "w", "user_id": str(ALICE), name: value})
            assert verdict(inserted) == "refused", (name, inserted.text)
    assert await store.operations.read(UUID(workload)) == before


@pytest.mark.parametrize("key", OUR_KEYS)
async def test_no_key_of_ours_can_be_written(browser: Browser, store: Store, answer: Any, key: str) -> None:
    workload = await row_of(store, status="queued", answer=answer)
    forged = {"user_request": "r", key: {"power_kw": 1e9}}
    async with browser(user=ALICE) as client:
        assert verdict(await client.patch(f"{TABLE}?id=eq.{workload}", json={"metadata": forged})) == "refused"
        inserted = await client.post(TABLE, json={"workload_name": "w", "user_id": str(ALICE), "metadata": forged})
        assert verdict(inserted) == "refused"


async def test_a_frontend_that_writes_the_whole_of_metadata_keeps_ours(
    browser: Browser, store: Store, answer: Any
) -> None:
    workload = await row_of(store, status="queued", answer=answer)
    async with browser(user=ALICE) as client:
        for metadata in ({"theirs": 1}, None, "text"):
            found = await client.patch(f"{TABLE}?id=eq.{workload}", json={"metadata": metadata})
            assert found.json()[0]["metadata"]["provenance"] == {"power_kw": 1.5}
        (row,) = (await client.get(f"{TABLE}?id=eq.{workload}")).json()
        assert verdict(await client.patch(f"{TABLE}?id=eq.{workload}", json=row)) == "yes", "the same row again"


async def test_metadata_of_many_megabytes_is_refused_and_what_is_there_may_be_left_and_cancelled(
    browser: Browser, project: Project, store: Store
) -> None:
    workload = await row_of(store)
    async with browser(user=ALICE) as client:
        large = await client.patch(f"{TABLE}?id=eq.{workload}", json={"metadata": {"junk": "x" * 1_000_001}})
        assert "at most 1,000,000 are accepted" in large.text
        with psycopg.connect(project.database_url, autocommit=True) as connection:  # from before the guard
            connection.execute(
                "update compute_workloads set metadata = jsonb_build_object('junk', repeat('xyz', 1000000))"
            )
        assert verdict(await client.patch(f"{TABLE}?id=eq.{workload}", json={"urgency": "LOW"})) == "yes"
        assert verdict(await client.patch(f"{TABLE}?id=eq.{workload}", json={"status": "cancelled"})) == "yes"


MOVES = {
    "pending": {"cancelled", "draft", "pending"},
    "processing": {"cancelled", "processing"},
    "queued": {"cancelled", "pending", "accepted", "scheduled", "running", "completed", "rejected", "queued"},
    "failed": {"cancelled", "pending", "failed"},
}
STATES = (
    "pending", "draft", "processing", "queued", "failed", "cancelled", "accepted", "scheduled", "running", "completed",
    "rejected", None,
)  # fmt: skip


@pytest.mark.parametrize("status", MOVES)
@pytest.mark.parametrize("to", STATES)
async def test_a_user_moves_a_workload_only_where_a_user_may(
    browser: Browser, store: Store, answer: Any, status: str, to: str | None
) -> None:
    workload = await row_of(store, status=status, answer=answer)
    async with browser(user=ALICE) as client:
        found = verdict(await client.patch(f"{TABLE}?id=eq.{workload}", json={"status": to}))
    assert found == ("yes" if to in MOVES[status] else "refused")


@pytest.mark.parametrize("status", [*STATES, "nonsense"])
async def test_a_workload_starts_as_pending(browser: Browser, status: str | None) -> None:
    async with browser(user=ALICE) as client:
        given = {"workload_name": "w", "user_id": str(ALICE), "status": status}
        found = verdict(await client.post(TABLE, json=given))
    assert found == ("yes" if status in ("pending", "draft", None) else "refused")


async def test_the_runbooks_pair_is_the_operators(browser: Browser, store: Store, answer: Any) -> None:
    workload = await row_of(store, status="queued", answer=answer)
    pair = {"status": "queued", "agent_status": "pending"}
    async with browser(user=ALICE) as client:
        assert verdict(await client.patch(f"{TABLE}?id=eq.{workload}", json=pair)) == "refused"
        again = {"status": "pending", "agent_status": "pending"}
        assert verdict(await client.patch(f"{TABLE}?id=eq.{workload}", json=again)) == "yes"


@pytest.mark.parametrize(("user", "expected"), [(ALICE, "yes"), (BOB, "nothing"), (None, "nothing")])
async def test_inputs_are_the_owners(browser: Browser, store: Store, user: UUID | None, expected: str) -> None:
    workload = await row_of(store)
    async with browser(user=user) as client:
        for change in ({"urgency": "HIGH"}, {"metadata": {"user_request": "x"}}, {"status": "cancelled"}):
            assert verdict(await client.patch(f"{TABLE}?id=eq.{workload}", json=change)) == expected


async def test_service_role_passes(browser: Browser, project: Project, store: Store) -> None:
    workload = await row_of(store)
    async with browser(key=project.service_key, token=project.service_key) as client:
        change = {"status": "scheduled", "agent_status": "completed", "decision_summary": "by hand"}
        assert verdict(await client.patch(f"{TABLE}?id=eq.{workload}", json=change)) == "yes"


RELAXATIONS = [
    {"n": 1, "column": "deadline", "to": "2030-01-05T13:00:00+00:00",
     "by": "owner", "kind": "finish", "limit": "latest_finish", "value": "2030-01-05T13:00:00+00:00", "says": "d",
     "also": [{"column": "max_price_gbp", "kind": "cost_total", "limit": "max_cost_gbp", "value": 9, "to": 9}]},
    {"n": 2, "by": "operator", "kind": "capacity", "limit": "x", "value": None, "says": "the site is full"},
    {"n": 3, "column": "recommended_region", "to": "London", "by": "owner", "limit": "x", "value": 1, "says": "no"},
]  # fmt: skip


async def test_an_owner_accepts_a_relaxation_and_what_is_done_is_what_we_found(
    browser: Browser, project: Project, store: Store
) -> None:
    (one,) = await store.operations.submit([{"workload_name": "w", "user_id": str(ALICE), "max_price_gbp": 1}])
    (claimed,) = await store.queue.claim(owner="p", limit=1, lease_seconds=60, max_attempts=5)
    details: Any = {"relaxations": RELAXATIONS}
    await store.queue.fail(claimed.lease, "No.", retry_in_seconds=None, max_attempts=5, details=details)
    with psycopg.connect(project.database_url, autocommit=True) as connection:  # whatever the row says
        connection.execute("update compute_workloads set metadata = metadata || '{\"relaxations\": []}'")
    for user, expected in ((BOB, 400), (None, 401)):
        async with browser(user=user) as client:
            assert (await client.post("/rpc/relax", json={"id": str(one), "n": 1})).status_code == expected
    async with browser(user=ALICE) as client:
        assert (await client.post("/rpc/relax", json={"id": str(one), "n": 2})).status_code == 403
        assert "it has 1, 2, 3" in (await client.post("/rpc/relax", json={"id": str(one), "n": 9})).text
        found = await client.post("/rpc/relax", json={"id": str(one), "n": 1})
        assert found.is_success, found.text
    (again,) = await store.queue.claim(owner="p", limit=1, lease_seconds=60, max_attempts=5)
    assert (again.row["max_price_gbp"], str(again.row["deadline"])[:16]) == (9, "2030-01-05T13:00")
    metadata: Any = again.row["metadata"]
    assert [entry["limit"] for entry in metadata["relaxed"]] == ["latest_finish", "max_cost_gbp"]
    await store.queue.fail(again.lease, "No.", retry_in_seconds=None, max_attempts=5, details=details)
    await store.operations.relax(one, 3)
    assert (await store.operations.read(one) or {})["recommended_region"] is None
    with pytest.raises(StoreError, match="has not failed"):
        await store.operations.relax(one, 1)


async def test_what_a_user_can_write_never_reaches_the_agents_schema(browser: Browser) -> None:
    async with browser(user=ALICE) as client:
        for name in ("queue", "power", "answers", "relaxations", "runs", "sweep", "inputs"):
            found = await client.get(f"/{name}", headers={"Accept-Profile": "agent"})
            assert found.status_code == 406
            assert json.loads(found.text)["code"] == "PGRST106"
