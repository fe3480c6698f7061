"""Who may do what, as a matrix: no key, an unknown key, anon, a signed-in user, and service_role."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

import sql
from persistence.migrate import migrate
from persistence.store.open import Store
from tests.integration.persistence.deployments import deployment
from tests.supabase.project import Project, serve

pytestmark = pytest.mark.anyio

ALICE, BOB = UUID(int=0xA11CE), UUID(int=0xB0B)
ACTORS = ("no key", "unknown key", "anon key", "signed-in user", "service_role")
SAMPLES: dict[str, Any] = {
    "text": "x", "integer": 1, "bigint": 1, "double precision": 1, "uuid": str(UUID(int=1)), "uuid[]": [],
    "bigint[]": [], "text[]": [],
    "jsonb": [], "boolean": False, "timestamp with time zone": "2026-01-01T00:00:00Z",
}  # fmt: skip
# rows: what stands in docs/supabase.md, in the order of ACTORS; the signed-in user is Alice
MATRIX = {
    "read own workloads": "refused, refused, nothing, yes, yes",
    "read somebody else's workloads": "refused, refused, nothing, nothing, yes",
    "submit for oneself": "refused, refused, refused, yes, yes",
    "submit in somebody else's name": "refused, refused, refused, refused, yes",
    "change somebody else's workload": "refused, refused, nothing, nothing, yes",
    "delete somebody else's workload": "refused, refused, nothing, nothing, yes",
    "read own recommendations (view)": "refused, refused, nothing, yes, yes",
    "read somebody else's recommendations (view)": "refused, refused, nothing, nothing, yes",
    "read regions, zones, assets": "refused, refused, nothing, yes, yes",
    "call a function of gridwise": "refused, refused, refused, refused, yes",
    "read leases or checkpoints": "refused, refused, refused, refused, refused",
}


class Actor:
    """A client with certain headers; its answers as one word."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def ask(self, method: str, path: str, **options: Any) -> str:
        response = await self.client.request(method, path, **options)
        if response.status_code in (401, 403, 406):
            return "refused"
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return "yes" if response.content and response.json() != [] else "nothing"


@pytest.fixture
async def workloads(project: Project, store: Store, answer: Callable[..., Any]) -> dict[UUID, UUID]:
    """One completed workload each of Alice and Bob."""
    ids = await store.operations.submit([{"workload_name": "w", "user_id": str(user)} for user in (ALICE, BOB)])
    for claimed in await store.queue.claim(owner="p", limit=5, lease_seconds=60, max_attempts=5):
        await store.queue.complete(claimed.lease, answer())
    with psycopg.connect(project.database_url, autocommit=True) as connection:
        connection.execute(sql.optional("sample_assets").text.encode())
    return dict(zip((ALICE, BOB), ids, strict=True))


def headers(project: Project, actor: str) -> dict[str, str]:
    prefer = {"Prefer": "return=representation"}
    match actor:
        case "no key":
            return prefer
        case "unknown key":
            return {**prefer, "apikey": project.token("service_role").replace("a", "b")}
        case "anon key":
            return {**prefer, "apikey": project.anon_key}
        case "signed-in user":
            token = project.token("authenticated", user=ALICE)
            return {**prefer, "apikey": project.anon_key, "Authorization": f"Bearer {token}"}
    return {**prefer, "apikey": project.service_key}


async def functions(project: Project) -> dict[str, dict[str, Any]]:
    """Every function of ours in the exposed schema, with arguments of the right types."""
    query = (
        "select p.proname, p.proargnames, array(select format_type(t, null) from unnest(p.proargtypes) t) "
        "from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname <> 'relax'"
    )
    async with await psycopg.AsyncConnection.connect(project.database_url) as connection:
        found = await (await connection.execute(query)).fetchall()
    return {
        name: {argument: SAMPLES[kind] for argument, kind in zip(names or [], kinds, strict=True)}
        for name, names, kinds in found
    }


async def outcomes(actor: Actor, project: Project, workloads: dict[UUID, UUID]) -> dict[str, set[str]]:
    mine, theirs = f"user_id=eq.{ALICE}", f"user_id=eq.{BOB}"
    table, view = "/compute_workloads", "/workloads_with_recommendations"
    ask = actor.ask
    calls = (await functions(project)).items()
    hidden = [("agent", "leases"), ("agent", "thread_fence"), ("agent_checkpoints", "checkpoints")]
    return {
        "read own workloads": {await ask("GET", f"{table}?{mine}")},
        "read somebody else's workloads": {await ask("GET", f"{table}?{theirs}")},
        "submit for oneself": {await ask("POST", table, json={"workload_name": "w", "user_id": str(ALICE)})},
        "submit in somebody else's name": {await ask("POST", table, json={"workload_name": "w", "user_id": str(BOB)})},
        "change somebody else's workload": {await ask("PATCH", f"{table}?{theirs}", json={"status": "cancelled"})},
        "read own recommendations (view)": {await ask("GET", f"{view}?{mine}")},
        "read somebody else's recommendations (view)": {await ask("GET", f"{view}?{theirs}")},
        "delete somebody else's workload": {await ask("DELETE", f"{table}?id=eq.{workloads[BOB]}")},
        "read regions, zones, assets": {
            await ask("GET", path) for path in ("/uk_regions", "/grid_zones", "/compute_assets")
        },
        "call a function of gridwise": {await called(actor, name, arguments) for name, arguments in calls},
        "read leases or checkpoints": {
            await ask("GET", f"/{name}", headers={"Accept-Profile": schema}) for schema, name in hidden
        },
    }


async def called(actor: Actor, name: str, arguments: dict[str, Any]) -> str:
    response = await actor.client.post(f"/rpc/{name}", json=arguments)
    return "refused" if response.status_code in (401, 403) else "yes" if response.is_success else response.text


@pytest.mark.parametrize("name", ACTORS)
async def test_with_the_owner_policies(project: Project, workloads: dict[UUID, UUID], name: str) -> None:
    async with httpx.AsyncClient(base_url=f"{project.url}/rest/v1", headers=headers(project, name)) as client:
        found = await outcomes(Actor(client), project, workloads)
    column = ACTORS.index(name)
    assert found == {action: {row.split(", ")[column]} for action, row in MATRIX.items()}


def test_the_matrix_in_the_manual_is_the_tested_one() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "supabase.md").read_text()
    assert f"| | {' | '.join(ACTORS)} |" in manual
    for action, row in MATRIX.items():
        assert f"| {action} | {row.replace(', ', ' | ')} |" in manual


async def test_every_function_of_ours_was_among_those_refused(project: Project) -> None:
    assert {"claim_workloads", "complete_workloads", "source_cache_put"} < (await functions(project)).keys()


async def test_another_user_sees_his_own_and_nothing_of_alice(
    project: Project, workloads: dict[UUID, UUID], browser: Callable[..., httpx.AsyncClient]
) -> None:
    async with browser(user=BOB) as client:
        rows = (await client.get("/compute_workloads")).json()
        shown = (await client.get("/workloads_with_recommendations")).json()
    assert [row["user_id"] for row in rows] == [row["user_id"] for row in shown] == [str(BOB)]


async def test_a_user_cannot_hand_a_workload_over(
    workloads: dict[UUID, UUID], browser: Callable[..., httpx.AsyncClient]
) -> None:
    async with browser(user=ALICE) as client:
        response = await client.patch(
            "/compute_workloads", params={"user_id": f"eq.{ALICE}"}, json={"user_id": str(BOB)}
        )
    assert response.status_code == 403


async def test_an_expired_or_forged_token_is_refused(
    project: Project, browser: Callable[..., httpx.AsyncClient]
) -> None:
    for token in (project.token("authenticated", user=ALICE, lifetime_seconds=-60), "e30.e30.e30"):
        async with browser(token=token) as client:
            assert (await client.get("/compute_workloads")).status_code == 401


async def test_roles_that_reach_the_database_find_our_schemas_closed(project: Project) -> None:
    async def refused(role: str, statement: str) -> bool:
        async with await psycopg.AsyncConnection.connect(project.database_url) as connection:
            await connection.execute(f"set role {role}".encode())
            try:
                await connection.execute(statement.encode())
            except psycopg.errors.InsufficientPrivilege:
                return True
            return False

    ours = [
        "select from agent.queue", "select from agent.power", "select from agent.answers", "select from agent.runs",
        "select from agent.source_cache", "select from agent.relaxations", "select from agent.leases",
        "select from agent.thread_fence", "select agent.raise_fence('t', 1)", "select nextval('agent.fence')",
        "select agent.only_service_role('{}')",
    ]  # fmt: skip
    checkpoints = ["select from agent_checkpoints.checkpoints", "select from agent_checkpoints.checkpoint_blobs"]
    for role in ("anon", "authenticated"):
        assert [await refused(role, statement) for statement in ours + checkpoints] == [True] * len(ours + checkpoints)
    assert [await refused("service_role", statement) for statement in ours[:-1]] == [False] * (len(ours) - 1)
    assert [await refused("service_role", statement) for statement in [ours[-1], *checkpoints]] == [False, True, True]


async def test_tables_that_we_made_start_closed(new_project: Project) -> None:
    await migrate(new_project.database_url)
    async with serve(new_project) as project:
        for name, submit in (("anon key", "refused"), ("signed-in user", "refused")):
            async with httpx.AsyncClient(base_url=f"{project.url}/rest/v1", headers=headers(project, name)) as client:
                actor = Actor(client)
                for path in ("/compute_workloads", "/uk_regions", "/workloads_with_recommendations"):
                    assert await actor.ask("GET", path) == "nothing"
                assert await actor.ask("POST", "/compute_workloads", json={"workload_name": "w"}) == submit


async def as_deployer(project: Project, statements: str) -> None:
    async with await psycopg.AsyncConnection.connect(project.database_url, autocommit=True) as connection:
        await connection.execute(statements.encode())


async def test_a_deployments_own_policies_stay_as_they_are(new_project: Project) -> None:
    theirs = (
        "alter table compute_workloads enable row level security;"
        "create policy everybody_reads on compute_workloads for select to anon using (status = 'completed')"
    )
    await as_deployer(new_project, deployment("inputs") + theirs)
    await migrate(new_project.database_url)
    async with serve(new_project) as project:
        async with httpx.AsyncClient(base_url=f"{project.url}/rest/v1", headers=headers(project, "anon key")) as client:
            rows = (await client.get("/compute_workloads")).json()
        assert {row["status"] for row in rows} == {"completed"}
        async with await psycopg.AsyncConnection.connect(project.database_url) as connection:
            policies = await (await connection.execute("select policyname from pg_policies")).fetchall()
        assert policies == [("everybody_reads",)]


async def test_a_deployment_without_policies_stays_open_as_it_was(new_project: Project) -> None:
    await as_deployer(new_project, deployment("minimal"))
    await migrate(new_project.database_url)
    async with (
        serve(new_project) as project,
        httpx.AsyncClient(base_url=f"{project.url}/rest/v1", headers=headers(project, "anon key")) as client,
    ):
        actor = Actor(client)
        assert await actor.ask("GET", "/compute_workloads") == "yes"
        assert await actor.ask("POST", "/compute_workloads", json={"workload_name": "w"}) == "yes"
        for name, arguments in (await functions(project)).items():
            assert await called(actor, name, arguments) == "refused", name


async def test_the_owner_policies_can_be_applied_twice_and_name_wider_ones(new_project: Project) -> None:
    await as_deployer(new_project, deployment("inputs"))
    await migrate(new_project.database_url, extras=["owner_policies"])
    await as_deployer(new_project, "create policy wide on compute_workloads for select to anon using (true)")
    notices: list[str] = []
    async with await psycopg.AsyncConnection.connect(new_project.database_url, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
        await connection.execute(sql.optional("owner_policies").text.encode())
    assert "policy wide on compute_workloads was there before and still applies" in notices


async def test_the_poller_is_not_hindered_by_row_level_security(store: Store, answer: Callable[..., Any]) -> None:
    (workload,) = await store.operations.submit([{"workload_name": "w", "user_id": str(uuid4())}])
    (claimed,) = await store.queue.claim(owner="p", limit=5, lease_seconds=60, max_attempts=5)
    assert await store.queue.complete(claimed.lease, answer())
    assert (await store.operations.read(workload) or {})["recommended_region_id"] is not None
