"""The embedded server: shared by processes, stopped by the last, and none the worse for a kill."""

import asyncio
import os
import shutil
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from persistence import embedded
from persistence.embedded import Server, embedded_postgres
from persistence.errors import EmbeddedPostgresError

pytestmark = pytest.mark.anyio

USER = """
import asyncio, sys
from pathlib import Path
import psycopg
from persistence.embedded import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1])) as server:
        async with await psycopg.AsyncConnection.connect(server.url(), autocommit=True) as connection:
            await connection.execute("create table if not exists visits (n serial)")
            await connection.execute("insert into visits default values")
        print("in", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


@pytest.fixture
def folder(server_folder: Path) -> Path:
    return server_folder


@asynccontextmanager
async def another_process(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", USER, str(folder),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert process.stdout
    assert process.stdin
    assert await process.stdout.readline() == b"in\n"
    try:
        yield process
    finally:
        if process.returncode is None:
            process.stdin.write(b"\n")
            assert await process.wait() == 0


async def is_running(server: Server) -> bool:
    try:
        return "server is running" in await server.control("status")
    except EmbeddedPostgresError:
        return False


async def visits(server: Server) -> int:
    async with await psycopg.AsyncConnection.connect(server.url()) as connection:
        row = await (await connection.execute("select count(*) from visits")).fetchone()
        assert row
        return int(row[0])


async def test_the_last_one_to_leave_stops_the_server_and_the_data_stays(folder: Path) -> None:
    async with embedded_postgres(folder) as server:
        async with embedded_postgres(folder) as same:
            assert same == server
        assert await is_running(server)
        async with another_process(folder):
            assert await visits(server) == 1
        assert await is_running(server)
    assert not await is_running(server)
    async with embedded_postgres(folder) as server:
        assert await visits(server) == 1
    assert not await is_running(server)


async def test_processes_that_start_together_share_one_server(folder: Path) -> None:
    async def visit() -> None:
        async with another_process(folder):
            pass

    await asyncio.gather(*(visit() for _ in range(4)))
    async with embedded_postgres(folder) as server:
        assert await visits(server) == 4
    assert not await is_running(server)


async def test_a_killed_user_keeps_nothing_running(folder: Path) -> None:
    async with another_process(folder) as process:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with embedded_postgres(folder) as server:
        assert await visits(server) == 1
    assert not await is_running(server)


async def test_a_killed_server_starts_again(folder: Path) -> None:
    async with embedded_postgres(folder) as server:
        postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
    async with (
        embedded_postgres(folder) as server,
        await psycopg.AsyncConnection.connect(server.url()) as connection,
    ):
        await connection.execute("select 1")


async def test_a_long_path_gets_its_socket_elsewhere(folder: Path) -> None:
    deep = folder / ("d" * 100)
    async with embedded_postgres(deep) as server:
        assert server.socket != server.data
        async with await psycopg.AsyncConnection.connect(server.url()):
            pass
    shutil.rmtree(server.socket)


async def test_only_its_own_account_may_read_the_data(folder: Path) -> None:
    async with embedded_postgres(folder) as server:
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")
async def test_root_gets_a_copy_of_binaries_that_the_other_account_cannot_reach(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_reachable", lambda _: False)
    async with embedded_postgres(folder) as server:
        assert folder in server.binaries.parents
        assert await is_running(server)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")
async def test_root_is_told_when_the_folder_cannot_be_reached(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match=f"may not pass {closed} to reach its data"):
        async with embedded_postgres(closed / "data"):
            pass


async def test_without_the_extra_the_reader_is_told_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedPostgresError, match="Set DATABASE_URL to a PostgreSQL you have, or install the extra"):
        async with embedded_postgres(folder):
            pass


async def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        async with embedded_postgres(folder, settings={"no_such_setting": "1"}):
            pass
