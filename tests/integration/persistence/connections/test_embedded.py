"""The embedded server: shared by processes, stopped by the last, and none the worse for a kill."""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from persistence.connections import embedded
from persistence.connections.account import server_account
from persistence.connections.embedded import Server, embedded_postgres
from persistence.errors import EmbeddedPostgresError

pytestmark = pytest.mark.anyio
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")

USER = """
import asyncio, sys
from pathlib import Path
import psycopg
from persistence.connections.embedded import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1])) as server:
        async with await psycopg.AsyncConnection.connect(server.url(), autocommit=True) as connection:
            async with connection.transaction():  # two that create one table at once may collide
                await connection.execute("select pg_advisory_xact_lock(1)")
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
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[4],
    )  # fmt: skip
    assert process.stdout
    assert process.stdin
    try:
        assert await process.stdout.readline() == b"in\n"
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


@needs_root
async def test_root_gets_a_copy_of_binaries_that_the_other_account_cannot_reach(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "is_reachable", lambda _: False)
    async with embedded_postgres(folder) as server:
        assert folder in server.binaries.parents
        assert await is_running(server)


@needs_root
@pytest.mark.parametrize("place", ["closed/data", "closed/new/data", "closed/link", "link/data", "closed"])
async def test_root_is_told_which_folder_the_account_may_not_enter(folder: Path, place: str) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    (folder / "open").mkdir(mode=0o755)
    (closed / "link").symlink_to(folder / "open")
    (folder / "link").symlink_to(closed)
    told = rf"may not enter {closed} and so cannot use {folder / place}\..*\(chmod o\+x {closed}\)"
    with pytest.raises(EmbeddedPostgresError, match=told):
        async with embedded_postgres(folder / place):
            pass
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert [one.name for one in closed.iterdir()] == ["link"]
    assert not any((folder / "open").iterdir())


@needs_root
async def test_folders_that_we_make_are_open_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        async with embedded_postgres(folder / "new" / "data") as server:
            assert await is_running(server)
    finally:
        os.umask(before)


@needs_root
async def test_an_empty_folder_of_root_alone_is_opened_for_the_account(folder: Path) -> None:
    data = folder / "data"
    data.mkdir(mode=0o700)
    for _ in range(2):
        async with embedded_postgres(data) as server:
            assert await is_running(server)


@needs_root
async def test_access_by_group_is_enough(folder: Path) -> None:
    account = server_account()
    assert account
    shared = folder / "shared"
    shared.mkdir()
    shutil.chown(shared, "root", pwd.getpwnam(account).pw_gid)
    shared.chmod(0o750)
    async with embedded_postgres(shared / "data") as server:
        assert await is_running(server)


async def test_a_folder_that_cannot_be_made_is_named_with_the_reason() -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"The folder /proc/gridwise cannot hold .*: No such file"):
        async with embedded_postgres(Path("/proc/gridwise")):
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
