"""Through a transaction pooler, as on Supabase's port 6543: nothing of ours may need a session."""

import asyncio
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from persistence.checkpoint import FencedSaver
from persistence.embedded import Server
from persistence.pool import open_pool
from persistence.postgres import open_postgres_store
from tests.conftest import Cluster, temporary_folder
from tests.graphs import STORED_TYPES, chain, input_for, now, step

pytestmark = pytest.mark.anyio

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
CONFIGURATION = """
[databases]
* = host={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
logfile = {folder}/log
pidfile = {folder}/pid
"""


@pytest.fixture
def pooled_url(cluster: Cluster, database_url: str) -> Iterator[str]:
    """The test's database through pgbouncer: three server connections for however many clients."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    database = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with temporary_folder() as folder, pgbouncer(cluster.server, folder) as port:
        yield f"postgresql://postgres@127.0.0.1:{port}/{database}"


@contextlib.contextmanager
def pgbouncer(server: Server, folder: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = folder / "pgbouncer.ini"
    file.write_text(CONFIGURATION.format(server=server.socket, port=port, folder=folder))
    account = server.account or pwd.getpwuid(os.geteuid()).pw_name
    if server.account:
        shutil.chown(folder, account)
    process = subprocess.Popen(
        [str(PGBOUNCER), *(["-u", account] if server.account else []), "-q", str(file)], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait()


async def test_pollers_share_few_connections_without_noticing(pooled_url: str, answer: Callable[..., Any]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(open_postgres_store(pooled_url, max_connections=4)) for _ in range(5)]
        await stores[0].submit([{"workload_name": f"w{n}"} for n in range(100)])

        async def work(number: int) -> int:
            store, done = stores[number % 5], 0
            while claims := await store.claim(owner=f"p{number}", limit=3, lease_seconds=60, max_attempts=5):
                assert await store.extend([one.lease for one in claims], lease_seconds=60) == {
                    one.lease.token for one in claims
                }
                done += len(await store.complete_all([(one.lease, answer()) for one in claims]))
            return done

        assert sum(await asyncio.gather(*(work(number) for number in range(20)))) == 100


async def test_runs_checkpoint_side_by_side(pooled_url: str) -> None:
    async with open_pool(pooled_url, name="checkpoints", max_size=20, check=True) as pool:

        async def run() -> dict[str, Any]:
            thread = uuid4()
            saver = FencedSaver(pool, thread_id=thread, token=1, stored_types=STORED_TYPES)
            await saver.open()
            graph = chain(first=step("first"), second=step("second")).compile(checkpointer=saver)
            return await graph.ainvoke(
                input_for({"id": "x"}, now()), {"configurable": {"thread_id": str(thread)}}, durability="sync"
            )

        results = await asyncio.gather(*(run() for _ in range(40)))
    assert [result["steps"] for result in results] == [["first", "second", "conclude"]] * 40


async def test_waiting_for_work_becomes_the_interval(pooled_url: str) -> None:
    async with open_postgres_store(pooled_url) as store:
        started = time.monotonic()
        await store.wait_for_work(timeout_seconds=0.2)
        await store.wait_for_work(timeout_seconds=0.2)
        assert time.monotonic() - started >= 0.4
