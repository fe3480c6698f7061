"""One real PostgreSQL per session, a database per test cloned from a migrated template; no network but this machine."""

import ipaddress
import lzma
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from persistence.connections.embedded import Server, embedded_postgres
from persistence.connections.pool import Pool, open_pool
from persistence.migrate import migrate
from persistence.store.open import Store, open_postgres_store
from persistence.workload import RankedOption, Recommendation
from tests.background import in_background

RECORDINGS = Path(__file__).with_name("data")
TEMPLATE = "gridwise_template"
WINDOW = datetime(2026, 1, 31, 18, tzinfo=UTC)
# durability against power loss is not what tests look for, and it costs most of their time
FAST = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "synchronous_commit": "off"}


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Connections leave this machine nowhere: a test that tries fails with the address it wanted."""
    patch = pytest.MonkeyPatch()

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(str(address[0])):
                msg = f"a test tried to reach {address}"
                raise AssertionError(msg)
            return original(self, address)

        return connect

    patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    yield
    patch.undo()


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def shared_data() -> Iterator[Path]:
    """Recordings that several tests read (tests/data), unpacked."""
    with temporary_folder() as folder:
        for path in sorted(RECORDINGS.rglob("*")):
            target = folder / path.relative_to(RECORDINGS)
            if path.is_dir():
                target.mkdir()
            elif path.suffix == ".xz":
                target.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
            else:
                shutil.copyfile(path, target)
        yield folder


class Cluster:
    """The session's server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._numbers = count()

    def create(self, template: str | None = TEMPLATE) -> str:
        """A fresh database, a copy of `template` (None: an empty one); its URL."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        source = f" template {template}" if template else ""
        self._execute(f"create database {name}{source}")
        return self.server.url(name)

    def drop(self, url: str) -> None:
        self._execute(f"drop database if exists {psycopg.conninfo.conninfo_to_dict(url)['dbname']} with (force)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def _fastest_folder() -> str | None:
    """Memory, where the machine has enough of it: cloning a database takes a hundredth of a second, not a third."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30
    return str(memory) if roomy else None


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Which the account of a server can reach."""
    path = Path(tempfile.mkdtemp(prefix="gridwise-test-", dir=_fastest_folder()))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    @asynccontextmanager
    async def migrated(folder: Path) -> AsyncIterator[Cluster]:
        async with embedded_postgres(folder, settings=FAST) as server:
            found = Cluster(server)
            found._execute(f"create database {TEMPLATE}")
            await migrate(server.url(TEMPLATE))
            yield found

    with temporary_folder() as folder, in_background(migrated(folder)) as running:
        yield running


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A place for a server of the test's own."""
    with temporary_folder() as folder:
        yield folder


@pytest.fixture
def database_url(cluster: Cluster) -> Iterator[str]:
    """A migrated database of the test's own."""
    url = cluster.create()
    yield url
    cluster.drop(url)


@pytest.fixture
def empty_database_url(cluster: Cluster) -> Iterator[str]:
    url = cluster.create(template=None)
    yield url
    cluster.drop(url)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_postgres_store(database_url) as opened:
        yield opened


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """For checkpoints."""
    async with open_pool(database_url, name="checkpoints", max_size=4) as opened:
        yield opened


@pytest.fixture
def open_connection(database_url: str) -> Callable[[], Any]:
    """`async with open_connection() as connection`: plain SQL, as a frontend or an operator would send it."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            yield connection

    return connect


@pytest.fixture
def answer() -> Callable[..., Recommendation]:
    """Makes a recommendation of one to three options in regions 1, 2, 3."""

    def recommendation(*, options: int = 3, summary: str = "Run it in the north.", **metadata: Any) -> Recommendation:
        reasons = ("low_carbon", "pricing", "availability")
        return Recommendation(
            options=tuple(
                RankedOption(
                    region=f"Region {number}",
                    region_number=number,
                    carbon_intensity=Decimal("12.34") + number,
                    renewable_mix=Decimal("87.20"),
                    cost_gbp=Decimal("1.2345"),
                    reason=reasons[number - 1],
                    start=WINDOW,
                    end=WINDOW + timedelta(hours=2),
                )
                for number in range(1, options + 1)
            ),
            source="energy",
            rank=2,
            confidence=Decimal("0.83"),
            decision_summary=summary,
            metadata={"provenance": {"power_kw": 1.5}, **metadata},
        )

    return recommendation
