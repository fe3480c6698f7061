"""What has been released stays: files do not change, functions keep their names, and pollers of the release before go
on beside today's, whichever came first."""

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import sql
from persistence.migrate import migrate
from persistence.store.open import open_postgres_store

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


@pytest.fixture(scope="module")
def last_release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A worktree of the last release."""
    commit = LAST["commit"]
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, check=False, capture_output=True
    )
    if known.returncode:
        pytest.skip(f"the commit {commit[:7]} of the last release is not in this clone: git fetch --unshallow")
    folder = tmp_path_factory.mktemp("release") / "tree"
    subprocess.run(["git", "worktree", "add", "-q", "--detach", folder, commit], cwd=ROOT, check=True)
    yield folder
    subprocess.run(["git", "worktree", "remove", "--force", folder], cwd=ROOT, check=True)


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
    with psycopg.connect(url, autocommit=True) as connection:
        for script in sorted((last_release / "sql" / "migrations").glob("*.sql")):
            connection.execute(script.read_bytes())
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
    with psycopg.connect(url, autocommit=True) as connection:
        for script in sorted((last_release / "sql" / "migrations").glob("*.sql")):
            connection.execute(script.read_bytes())
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
