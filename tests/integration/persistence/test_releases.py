"""What has been released stays: files do not change, functions keep their names, and pollers of the release before go
on beside today's, whichever came first."""

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

import sql
from persistence.migrate import migrate
from persistence.store.open import open_postgres_store

from .deployments import definitions

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
RELEASES = json.loads((ROOT / "sql" / "releases.json").read_text("utf-8"))
LAST = RELEASES[-1]
OLD_POLLER = """
import asyncio, json, sys
from persistence.connect import open_store
from persistence.workload import Recommendation

async def main(url, result):
    async with open_store(database_url=url) as store:
        answer = Recommendation.model_validate_json(result)
        done = failed = 0
        while claims := await store.claim(owner="old", limit=3, lease_seconds=60, max_attempts=5):
            leases = [one.lease for one in claims]
            assert await store.extend(leases, lease_seconds=60) <= {lease.token for lease in leases}
            await store.new_thread(leases[0])
            if len(claims) == 3:
                assert await store.fail(leases[2], "again", retry_in_seconds=0, max_attempts=5) in ("retry", "lost")
                assert await store.release([leases[1]]) <= 1
                leases = leases[:1]
            done += len((await store.complete_all([(lease, answer) for lease in leases])).written)
            await store.depth(), await store.status(), await store.adopt_orphans(grace_seconds=600)
            print(json.dumps(done), flush=True)
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release["commit"][:7])
def test_migrations_do_not_change_once_released(release: dict[str, Any]) -> None:
    today = {script.name: hashlib.sha256(script.text.encode()).hexdigest() for script in sql.migrations()}
    changed = [name for name, checksum in release["migrations"].items() if today.get(name) != checksum]
    assert not changed, "released; say what is new in a new file"


def test_functions_of_the_last_release_are_there(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        query = "select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'public'::regnamespace"
        today = {name for (name,) in connection.execute(query)}
    gone = set(LAST["functions"]) - today
    assert not gone, "its pollers call them: a new signature takes a new name, and the old one stays for one release"


BETWEEN = "46d52fbf6db662d9722443418b043efb89785226"
"""Never released, but databases may have been migrated by it: functions still were in numbered files."""


@pytest.fixture(scope="module")
def last_release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A worktree of the last release."""
    with worktree(LAST["commit"], tmp_path_factory) as folder:
        yield folder


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A worktree of a state between releases."""
    with worktree(BETWEEN, tmp_path_factory) as folder:
        yield folder


@contextmanager
def worktree(commit: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, check=False, capture_output=True
    )
    if known.returncode:
        pytest.skip(f"the commit {commit[:7]} is not in this clone: git fetch --unshallow")
    folder = tmp_path_factory.mktemp("release") / "tree"
    subprocess.run(["git", "worktree", "add", "-q", "--detach", folder, commit], cwd=ROOT, check=True)
    yield folder
    subprocess.run(["git", "worktree", "remove", "--force", folder], cwd=ROOT, check=True)


def apply_files(tree: Path, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for script in sorted((tree / "sql" / "migrations").glob("*.sql")):
            connection.execute(script.read_bytes())


@pytest.mark.parametrize("tree", ["last_release", "between"])
async def test_whichever_way_a_database_came_it_ends_the_same(
    tree: str, request: pytest.FixtureRequest, database_url: str, empty_database_url: str
) -> None:
    apply_files(request.getfixturevalue(tree), empty_database_url)
    await migrate(empty_database_url)
    assert definitions(empty_database_url) == definitions(database_url)
    assert {step.state for step in await migrate(empty_database_url)} == {"current"}


async def test_a_queue_between_releases_goes_on_where_it_was(
    between: Path, empty_database_url: str, answer: Callable[..., Any]
) -> None:
    url = empty_database_url
    apply_files(between, url)
    fill(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select claim_workloads('p', 10, 60, 5)")
        (running,) = connection.execute(
            "select fail_workload(workload_id, token, 'again', 3600, 5), workload_id, token from agent.queue"
            " where state = 'running' order by token limit 1"
        ).fetchall()
        state = "select workload_id, state, submission, token, round, due, until from agent.queue order by workload_id"
        before = connection.execute(state).fetchall()
        await migrate(url)
        assert connection.execute(state).fetchall() == before
        assert sorted(row[1] for row in before) == ["retry"] + 9 * ["running"] + 50 * ["waiting"]
        connection.execute("update agent.queue set until = now() where state <> 'waiting'")
    assert running[0] == "retry"
    assert await new_poller(url, answer()) == 60
    assert unanswered(url) == 0


async def old_poller(release: Path, url: str, answer: Any) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OLD_POLLER, url, answer.model_dump_json(),
        cwd=release, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return int((out.decode().split() or ["0"])[-1])


async def new_poller(url: str, answer: Any) -> int:
    done = 0
    async with open_postgres_store(url) as store:
        while claims := await store.queue.claim(owner="new", limit=2, lease_seconds=60, max_attempts=5):
            done += len((await store.queue.complete_all([(one.lease, answer) for one in claims])).written)
            await store.queue.project()
    return done


def fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into compute_workloads (workload_name, user_id)"
            " select 'w', md5((g % 7)::text)::uuid from generate_series(1, 60) g"
        )


def unanswered(url: str) -> int:
    with psycopg.connect(url) as connection:
        query = "select count(*) from compute_workloads where status <> 'queued' or decision_summary is null"
        return int((connection.execute(query).fetchone() or (0,))[0])


async def test_pollers_of_both_releases_share_one_queue(
    last_release: Path, database_url: str, answer: Callable[..., Any]
) -> None:
    fill(database_url)
    old, new = await asyncio.gather(
        old_poller(last_release, database_url, answer()), new_poller(database_url, answer())
    )
    assert old + new == 60
    assert unanswered(database_url) == 0


async def test_a_database_of_the_last_release_is_upgraded_under_its_pollers(
    last_release: Path, empty_database_url: str, answer: Callable[..., Any]
) -> None:
    url = empty_database_url
    apply_files(last_release, url)
    fill(url)
    old = asyncio.create_task(old_poller(last_release, url, answer()))
    await migrate(url)
    new = await new_poller(url, answer())
    assert await old + new == 60
    assert unanswered(url) == 0


async def test_what_the_last_release_promised_is_rebuilt_from_our_own_history_alone(
    last_release: Path, empty_database_url: str, answer: Callable[..., Any]
) -> None:
    url = empty_database_url
    apply_files(last_release, url)
    with psycopg.connect(url, autocommit=True) as connection:
        (asset,) = connection.execute(
            "insert into compute_assets (asset_name, rated_power_kw) values ('a', 10) returning id"
        ).fetchone() or (None,)
        result = answer(provenance={"power_kw": 4}).model_dump(mode="json")
        result["options"][0] |= {"asset_id": str(asset), "start": "2099-01-05T12:00Z", "end": "2099-01-05T14:00Z"}
        placed = "select workload_id, token from (select jsonb_array_elements(claim_workloads('p', 3, 60, 5)) as c) x,"
        placed += " jsonb_to_record(c) as r (workload_id uuid, token bigint)"
        connection.execute("insert into compute_workloads (workload_name) select 'w' from generate_series(1, 3)")
        leases = connection.execute(placed.encode()).fetchall()
        for workload, token in leases[:2]:
            item = [{"workload_id": str(workload), "token": token, "result": result}]
            connection.execute("select complete_workloads(%s)", (json.dumps(item),))
        reserved = [{"asset_id": str(asset), "start": "2099-01-05T12:00Z", "end": "2099-01-05T13:00Z", "power_kw": 2}]
        connection.execute("select reserve_power(%s, %s, %s)", (*leases[2], json.dumps(reserved)))
        # one placed row's user writes more than we did; somebody else forges a whole answer
        forged = json.dumps({"provenance": {"power_kw": 1e9, "segments": "junk"}})
        connection.execute("update compute_workloads set metadata = %s where id = %s", (forged, leases[1][0]))
        connection.execute(
            "insert into compute_workloads (workload_name, status, agent_status, recommended_asset_id, metadata,"
            " recommended_time_window_start, recommended_time_window_end)"
            " values ('f', 'queued', 'completed', %s, %s, '-infinity', 'infinity')",
            (asset, forged),
        )
    await migrate(url)
    with psycopg.connect(url) as connection:
        query = "select power_kw::float, workload_id from agent.power order by power_kw"
        assert connection.execute(query).fetchall() == [(2, leases[2][0]), (4, leases[0][0])]
    async with open_postgres_store(url) as store:
        assert len(await store.queue.claim(owner="n", limit=9, lease_seconds=60, max_attempts=5)) == 0
