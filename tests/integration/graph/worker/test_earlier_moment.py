"""The whole database set back to an earlier moment while workers go on with what they know of a later one: a backup
played back, files copied back, a replica promoted that lacks the last commits. Numbers are handed out again (tokens,
rounds, submissions), threads are there or not; every row still gets the answer to what it says now."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from langgraph.runtime import RunControl

from graph.worker.executor import ExecutorConfig
from graph.worker.outcome import Lost, Recommended, Report
from persistence.connections.embedded import Server, embedded_postgres
from persistence.connections.pool import open_pool
from persistence.migrate import migrate
from persistence.store.open import Store, open_postgres_store
from persistence.store.queue import Claim
from tests.conftest import FAST, Cluster
from tests.graphs import State, chain, executor_config, run_workload

pytestmark = pytest.mark.anyio


class Past(Protocol):
    """A database that can be set back."""

    url: str

    async def keep(self) -> None: ...

    async def restore(self) -> None: ...


class Backup:
    """A copy of the database, as `pg_dump` and `pg_restore` make one: rows and sequences, the server runs on."""

    def __init__(self, cluster: Cluster, url: str) -> None:
        self._server = cluster.server
        self.url = url
        self._name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]

    async def keep(self) -> None:
        await self._run(f"create database kept_{self._name} template {self._name}")

    async def restore(self) -> None:
        await self._run(
            f"drop database {self._name} with (force)", f"alter database kept_{self._name} rename to {self._name}"
        )

    async def _run(self, *statements: str) -> None:
        url = self._server.url("postgres")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            for statement in statements:
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (self._name,)
                )
                await connection.execute(statement.encode())


class Files:
    """A copy of the server's files, taken while it stands still after a crash, and put back in the same way."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._copy = folder / "copy"
        self.url = server.url()

    async def keep(self) -> None:
        await self._server.control("stop", "-m", "immediate", "-s")
        await asyncio.to_thread(_copied, self._server.data, self._copy)
        await self._start()

    async def restore(self) -> None:
        await self._server.control("stop", "-m", "immediate", "-s")
        await asyncio.to_thread(shutil.rmtree, self._server.data)
        await asyncio.to_thread(self._copy.rename, self._server.data)
        await self._start()

    async def _start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._server.socket}'"
        await self._server.control("start", "-w", "-s", "-l", "/dev/null", "-o", options)


def _copied(source: Path, target: Path) -> None:
    """With owner and mode, which PostgreSQL insists on."""
    shutil.copytree(source, target, copy_function=_copy_with_owner, ignore=shutil.ignore_patterns("postmaster.pid"))
    for path in (source, *source.rglob("*")):
        copied = target / path.relative_to(source)
        if copied.exists():
            shutil.chown(copied, path.stat().st_uid, path.stat().st_gid)


def _copy_with_owner(source: str, target: str) -> str:
    return str(shutil.copy2(source, target))


@pytest.fixture(params=["backup", "files"])
async def past(request: pytest.FixtureRequest, server_folder: Path) -> AsyncIterator[Past]:
    if request.param == "backup":
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.create()
        yield Backup(cluster, url)
        cluster.drop(url)
        return
    async with embedded_postgres(server_folder, settings={**FAST, "synchronous_commit": "on"}) as server:
        await migrate(server.url())
        yield Files(server, server_folder)


class Work:
    """Runs that say in each step which inputs they know, and wait in the second one until they are let go."""

    def __init__(self, store: Store, config: ExecutorConfig) -> None:
        self.store = store
        self.config = config
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def claim(self) -> Claim:
        (one,) = await self.store.queue.claim(owner="me", limit=1, lease_seconds=60, max_attempts=5)
        return one

    async def run(self, claim: Claim) -> Report:
        return await run_workload(claim, self.config, RunControl())


@asynccontextmanager
async def working(url: str, *, checkpoints: str | None = None) -> AsyncIterator[Work]:
    """Somebody at work; `checkpoints` where they are in another database."""

    async def step(state: State) -> Mapping[str, Any]:
        return {"steps": [f"for {state['row']['priority']}"]}

    async def gate(state: State) -> Mapping[str, Any]:
        work.reached.set()
        await work.go_on.wait()
        return {"steps": [f"still for {state['row']['priority']}"]}

    async with (
        open_postgres_store(url) as store,
        open_pool(checkpoints or url, name="checkpoints", max_size=4) as pool,
    ):
        work = Work(store, executor_config(store, pool, chain(first=step, gate=gate, third=step)))
        yield work


async def execute(url: str, statement: str) -> Any:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        row = await cursor.fetchone() if cursor.description else None
        return row and row[0]


SUMMARY = "select decision_summary from compute_workloads"
INSERT = "insert into compute_workloads (workload_name, priority) values ('w', 1) returning id"
FIRST, EDITED = "for 1,still for 1,for 1", "for 2,still for 2,for 2"


async def completed(work: Work, report: Report) -> bool:
    """Whether the report's answer was taken."""
    if not isinstance(report.outcome, Recommended):
        assert isinstance(report.outcome, Lost), report
        return False
    return await work.store.queue.complete(report.lease, report.outcome.recommendation)


@pytest.mark.parametrize("first", ["the past", "the present"])
async def test_who_remembers_what_came_later_answers_nothing_and_leaves_no_step_behind(past: Past, first: str) -> None:
    """The edit is gone with the restore. Both claims are the first after the same moment, of the same thread."""
    await execute(past.url, INSERT)
    await past.keep()
    async with working(past.url) as later, working(past.url) as now:
        await execute(past.url, "update compute_workloads set priority = 2")
        theirs = await later.claim()
        assert theirs.row["priority"] == 2
        their_run = asyncio.create_task(later.run(theirs))
        await asyncio.wait_for(later.reached.wait(), 15)
        await past.restore()
        ours = await now.claim()
        assert (ours.lease.thread_id, ours.row["priority"]) == (theirs.lease.thread_id, 1)
        our_run = asyncio.create_task(now.run(ours))
        await asyncio.wait_for(now.reached.wait(), 15)
        if first == "the past":
            later.go_on.set()
            assert not await completed(later, await their_run)
        now.go_on.set()
        assert await completed(now, await our_run)
        later.go_on.set()
        assert not await completed(later, await their_run)
        assert not await later.store.queue.extend([theirs.lease], lease_seconds=60)
    assert await execute(past.url, SUMMARY) == FIRST


async def test_a_result_on_its_way_during_the_restore_is_not_taken_for_another_run(past: Past) -> None:
    await execute(past.url, INSERT)
    await past.keep()
    async with working(past.url) as later, working(past.url) as now:
        later.go_on.set()
        now.go_on.set()
        await execute(past.url, "update compute_workloads set priority = 2")
        theirs = await later.run(await later.claim())
        await past.restore()
        ours = await now.claim()
        assert not await completed(later, theirs)
        assert await later.store.queue.fail(theirs.lease, "No.", retry_in_seconds=None, max_attempts=5) == "lost"
        assert await later.store.queue.release([theirs.lease]) == 0
        assert await completed(now, await now.run(ours))
    assert await execute(past.url, SUMMARY) == FIRST


async def test_a_run_that_had_ended_is_not_read_back_for_other_inputs(past: Past, cluster: Cluster) -> None:
    """Finished for what the row said later; its checkpoints are in a database that was not set back."""
    checkpoints = cluster.create()
    await execute(past.url, INSERT)
    await past.keep()
    async with working(past.url, checkpoints=checkpoints) as work:
        work.go_on.set()
        await execute(past.url, "update compute_workloads set priority = 2")
        assert await completed(work, await work.run(await work.claim()))
        assert await execute(past.url, SUMMARY) == EDITED
        await past.restore()
        again = await work.claim()
        assert again.row["priority"] == 1
        assert await completed(work, await work.run(again))
        assert await execute(past.url, SUMMARY) == FIRST
    cluster.drop(checkpoints)


async def test_after_a_failover_to_a_replica_that_lacks_the_last_commits_the_row_is_answered_anew(
    server_folder: Path,
) -> None:
    """What was acknowledged and had not left the server's memory is gone: a replica that lags lacks the same."""
    settings = {**FAST, "wal_writer_delay": "10s", "max_wal_size": "4GB", "checkpoint_timeout": "1h"}
    async with embedded_postgres(server_folder, settings=settings) as server:
        url = server.url()
        await migrate(url)
        await execute(url, INSERT)
        async with working(url) as work:
            work.go_on.set()
            wal_writer = await execute(url, "select pid from pg_stat_activity where backend_type = 'walwriter'")
            os.kill(wal_writer, signal.SIGSTOP)
            await execute(url, "checkpoint")
            await execute(url, "update compute_workloads set priority = 2")
            theirs = await work.run(await work.claim())
            assert await completed(work, theirs)
            assert await execute(url, SUMMARY) == EDITED
            os.kill(wal_writer, signal.SIGKILL)  # the server takes all its processes down, and starts from its files
            assert await eventually(url, SUMMARY) is None, "nothing was lost"
            again = await work.claim()
            assert not await completed(work, theirs)
            assert await completed(work, await work.run(again))
            assert await execute(url, SUMMARY) == (FIRST if again.row["priority"] == 1 else EDITED)
            assert await execute(url, "select array_agg(outcome) from agent.runs") == ["queued"]


async def eventually(url: str, query: str) -> Any:
    """Once the server answers again."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await execute(url, query)
            except psycopg.OperationalError:
                await asyncio.sleep(0.05)
