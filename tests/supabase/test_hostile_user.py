"""A signed-in user with SQL of his own (a project may let him run some): what his role, his temporary objects and his
rows can bring about, against the owner policies and the functions that run with our rights."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from persistence.store.open import Store
from tests.supabase.project import Project

pytestmark = pytest.mark.anyio

ALICE, BOB = UUID(int=0xA11CE), UUID(int=0xB0B)
OUTSIDERS = ("anon", "authenticated")
TABLES = ("compute_workloads", "uk_regions", "grid_zones", "compute_assets")
Session = psycopg.Connection[Any]


@pytest.fixture
def owner(project: Project) -> Iterator[Session]:
    with psycopg.connect(project.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def alice(project: Project) -> Iterator[Session]:
    """What PostgREST makes of Alice's token, in a session of her own."""
    with psycopg.connect(project.database_url, autocommit=True) as connection:
        connection.execute("set role authenticated")
        connection.execute(f"""set request.jwt.claims = '{{"sub": "{ALICE}"}}'""")
        yield connection


def is_refused(session: Session, statement: str) -> bool:
    try:
        session.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


def value(session: Session, query: str) -> Any:
    row = session.execute(query.encode()).fetchone()
    return row and row[0]


@pytest.mark.parametrize("role", OUTSIDERS)
@pytest.mark.parametrize("table", TABLES)
def test_nobody_truncates_or_hangs_triggers_and_foreign_keys_on_the_tables(
    owner: Session, role: str, table: str
) -> None:
    """Row level security knows nothing of these."""
    for right in ("TRUNCATE", "REFERENCES", "TRIGGER"):
        assert not value(owner, f"select has_table_privilege('{role}', 'public.{table}', '{right}')"), right


def test_alice_cannot_empty_the_table_or_hang_a_trigger_on_it(alice: Session, owner: Session) -> None:
    owner.execute("insert into public.compute_workloads (workload_name, user_id) values ('b', %s)", (BOB,))
    assert is_refused(alice, "truncate public.compute_workloads")
    assert is_refused(
        alice,
        "create trigger t before update on public.compute_workloads for each row"
        " execute function tsvector_update_trigger('a', 'b')",
    )
    assert value(owner, "select count(*) from public.compute_workloads") == 1


HIDDEN_TYPES = ("uuid", "jsonb", "text", "int8", "int4", "int2", "timestamptz", "bool", "_uuid", "_text")


@pytest.mark.parametrize("name", HIDDEN_TYPES)
def test_a_temporary_type_with_the_name_of_a_built_in_one_runs_nothing_with_our_rights(
    alice: Session, owner: Session, name: str
) -> None:
    alice.execute(
        f"create function pg_temp.evil(pg_catalog.{name}) returns pg_catalog.bool language plpgsql as $$ begin"
        " perform set_config('evil.ran_as', current_user, false); return true; end $$".encode()
    )
    alice.execute(f"create domain pg_temp.{name} as pg_catalog.{name} check (pg_temp.evil(value))".encode())
    alice.execute(
        "insert into public.compute_workloads (workload_name, user_id) select 'x', %s from generate_series(1, 2)",
        (str(ALICE),),
    )
    alice.execute("update public.compute_workloads set urgency = 'HIGH'")
    failed = value(owner, "update public.compute_workloads set status = 'failed' returning id")
    with pytest.raises(psycopg.errors.RaiseException, match="no relaxation"):
        alice.execute("select public.relax(%s::pg_catalog.uuid, 1)", (str(failed),))
    alice.execute("delete from public.compute_workloads")
    assert value(alice, "select current_setting('evil.ran_as', true)") in (None, "", "authenticated")
    assert value(owner, "select array_agg(distinct state) from agent.queue") == ["gone"], "the triggers did their work"


def test_functions_operators_and_tables_of_alice_stand_in_for_none_of_ours(alice: Session, owner: Session) -> None:
    evil = (
        "create function pg_temp.{} language plpgsql as"
        " $$ begin perform set_config('evil.ran_as', current_user, false); return {}; end $$"
    )
    for statement in (
        evil.format("evil(a uuid, b uuid) returns boolean", "true"),
        "create operator pg_temp.= (leftarg = uuid, rightarg = uuid, function = pg_temp.evil)",
        evil.format("upper(text) returns text", "'CRITICAL'"),
        "create temporary table compute_workloads (id uuid, status text)",
        "create temporary table queue (workload_id uuid)",
        "set search_path = pg_temp, public, pg_catalog",
        f"insert into public.compute_workloads (workload_name, user_id) values ('x', '{ALICE}')",
        "update public.compute_workloads set urgency = 'low'",
    ):
        alice.execute(statement.encode())
    assert value(alice, "select current_setting('evil.ran_as', true)") in (None, "")
    assert value(owner, "select rank from agent.queue") == 3


def test_settings_of_alices_session_neither_hide_nor_forge(alice: Session, owner: Session) -> None:
    alice.execute("set gridwise.writing = 'on'")
    alice.execute("insert into public.compute_workloads (workload_name, user_id) values ('x', %s)", (ALICE,))
    for statement in ("set agent_status = 'completed'", "set recommended_region = 'x'", "set status = 'queued'"):
        assert is_refused(alice, f"update public.compute_workloads {statement}")
    assert is_refused(alice, "set session_replication_role = replica"), "or no trigger would fire"
    assert is_refused(alice, "alter table public.compute_workloads disable trigger user")
    assert value(owner, "select count(*) from agent.queue where state = 'waiting'") == 1


CHANNEL_ROUNDS = 300


def test_a_flood_of_notifications_is_no_way_to_the_queue(alice: Session) -> None:
    """Anybody may NOTIFY; nothing is read from it."""
    for _ in range(CHANNEL_ROUNDS):
        alice.execute("select pg_notify('compute_workloads', repeat('x', 7000))")
    assert is_refused(alice, "select public.claim_workloads('p', 1, 60, 5)")


async def test_an_upsert_reaches_no_row_of_somebody_else_and_no_column_of_ours(
    store: Store, browser: Callable[..., httpx.AsyncClient]
) -> None:
    bobs, alices = await store.operations.submit(
        [{"workload_name": "b", "user_id": str(BOB)}, {"workload_name": "a", "user_id": str(ALICE)}]
    )
    upsert = {"Prefer": "resolution=merge-duplicates,return=representation"}
    async with browser(user=ALICE) as client:
        for row in (
            {"id": str(bobs), "user_id": str(ALICE), "workload_name": "mine now"},
            {"id": str(bobs), "user_id": str(BOB), "workload_name": "mine now"},
            {"id": str(alices), "user_id": str(BOB), "workload_name": "his now"},
            {"id": str(alices), "user_id": str(ALICE), "workload_name": "a", "recommended_region": "x"},
            {"id": str(alices), "user_id": str(ALICE), "workload_name": "a", "status": "queued"},
        ):
            answered = await client.post("/compute_workloads", json=row, headers=upsert)
            assert answered.status_code == 403, (row, answered.text)
        edit = {"id": str(alices), "user_id": str(ALICE), "workload_name": "again", "urgency": "HIGH"}
        assert (await client.post("/compute_workloads", json=edit, headers=upsert)).is_success
    rows = {str(one): await store.operations.read(one) for one in (bobs, alices)}
    assert [row and row["workload_name"] for row in rows.values()] == ["b", "again"]
    claims = await store.queue.claim(owner="p", limit=5, lease_seconds=60, max_attempts=5)
    assert {(str(one.lease.workload_id), one.row["workload_name"]) for one in claims} == {
        (str(bobs), "b"), (str(alices), "again"),
    }  # fmt: skip


async def test_views_sequences_and_other_schemas_take_nothing_from_outsiders(
    project: Project, owner: Session, alice: Session
) -> None:
    views = "select relname from pg_class where relkind = 'v' and relnamespace = 'public'::regnamespace"
    names = [row[0] for row in owner.execute(views)]
    owner.execute(
        "insert into public.compute_workloads (workload_name, user_id, status, agent_status)"
        " values ('b', %s, 'failed', 'failed')",
        (BOB,),
    )
    assert "workloads_with_recommendations" in names
    for name in names:
        column = value(owner, f"select attname from pg_attribute where attrelid = 'public.{name}'::regclass limit 1")
        for statement in (f"update public.{name} set {column} = {column}", f"delete from public.{name}"):
            with contextlib.suppress(psycopg.errors.ObjectNotInPrerequisiteState):  # no view to write through
                assert alice.execute(statement.encode()).rowcount == 0, statement
    rights = "has_sequence_privilege(%s, c.oid, 'USAGE, SELECT, UPDATE')"
    tables = "has_table_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
    for role in OUTSIDERS:
        open_ones = owner.execute(
            "select c.oid::regclass::text from pg_class as c where c.relnamespace in ('agent'::regnamespace,"
            f" 'agent_checkpoints'::regnamespace) and case c.relkind when 'S' then {rights} when 'r' then {tables}"
            f" when 'v' then {tables} else false end".encode(),
            (role, role, role),
        ).fetchall()
        assert open_ones == []
        callable_ones = owner.execute(
            "select p.oid::regprocedure::text from pg_proc as p where p.pronamespace in ('public'::regnamespace,"
            " 'agent'::regnamespace, 'agent_checkpoints'::regnamespace)"
            " and has_function_privilege(%s, p.oid, 'EXECUTE')",
            (role,),
        ).fetchall()
        assert callable_ones == ([("relax(uuid,integer)",)] if role == "authenticated" else [])
