"""A cluster of its own, pollers as processes behind one proxy each, and somebody who keeps inserting."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import UUID

import psycopg

from persistence.connections.embedded import Server, embedded_postgres
from persistence.migrate import migrate
from tests.chaos.mutations import Mutation, apply
from tests.chaos.proxy import Proxy
from tests.chaos.worker import BLOCKS_ONE_IN, Spec, encode
from tests.supabase.project import Project, create_platform, prepare_database, serve

ROOT = Path(__file__).parents[2]
DATABASE = "gridwise"
AUDIT_RIGHTS = b"""
grant usage on schema chaos to service_role;
grant all on all tables in schema chaos to service_role;
grant all on all sequences in schema chaos to service_role;
"""
"""The triggers run as whoever writes."""
SETTINGS = {"max_connections": "60", "log_min_messages": "fatal", "fsync": "off"}
"""What a process wrote outlives it without fsync: only a power cut would tell, and none is among the faults."""
SKEWS_SECONDS = (240.0, -240.0, 0.0, 0.0)
"""How far the clocks of the pollers' machines are off; what they must not decide anything by."""


@dataclass(kw_only=True)
class Seat:
    """A place for a poller: its proxy, and the process that sits there now."""

    number: int
    proxy: Proxy
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    generation: int = 0
    pid: int | None = None


@dataclass(kw_only=True)
class Arena:
    server: Server
    folder: Path
    seats: list[Seat]
    zygote: asyncio.subprocess.Process
    old_zygote: asyncio.subprocess.Process | None
    """Of the last release; None where this clone does not have its commit."""
    lease_seconds: int
    max_attempts: int
    mutation: Mutation | None
    service_key: str | None = None
    """Of the Supabase project, where the pollers' store is one."""
    ended: dict[int, int] = field(default_factory=dict)
    """Exit code by process id."""
    inserted: list[UUID] = field(default_factory=list)
    """What the server acknowledged."""
    _started: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _end: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def calls_file(self) -> Path:
        return self.folder / "calls.jsonl"

    @property
    def url(self) -> str:
        return self.server.url(DATABASE)

    @property
    def has_old(self) -> bool:
        return self.old_zygote is not None

    async def make_read_only(self, is_read_only: bool) -> None:
        """The whole database, as far as its users see."""
        async with await psycopg.AsyncConnection.connect(self.server.url("postgres"), autocommit=True) as connection:
            setting = "on" if is_read_only else "off"
            await connection.execute(
                f"alter database {DATABASE} set default_transaction_read_only = {setting}".encode()
            )
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (DATABASE,)
            )

    async def start_poller(
        self, seat: Seat, *, owner: str | None = None, poll_interval_seconds: float = 0.5, is_old: bool = False
    ) -> int:
        """A new process on that seat. With `owner` it calls itself as another one does."""
        seat.generation += 1
        skew = SKEWS_SECONDS[seat.number % len(SKEWS_SECONDS)]
        name = owner or f"p{seat.number}.{seat.generation}"
        spec = Spec(
            url=seat.proxy.url(DATABASE, options=f"-c%20gridwise.skew%3D{skew:g}s"),
            supabase_url=seat.proxy.rest_url,
            supabase_key=self.service_key,
            owner=name,
            calls=str(self.calls_file),
            log=str(self.folder / f"p{seat.number}.log"),
            lease_seconds=self.lease_seconds,
            max_attempts=self.max_attempts,
            skew_seconds=skew,
            poll_interval_seconds=poll_interval_seconds,
            mutation=self.mutation,
        )
        zygote = self.old_zygote if is_old else self.zygote
        async with self._starting:
            assert zygote is not None
            assert zygote.stdin is not None
            zygote.stdin.write(encode(spec))
            return await self._started.get()

    def signal(self, pid: int, number: signal.Signals) -> None:
        if pid not in self.ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def wait_end(self, pid: int, seconds: float) -> int:
        """Its exit code. Raises `TimeoutError`."""
        try:
            async with asyncio.timeout(seconds), self._end:
                await self._end.wait_for(lambda: pid in self.ended)
        except TimeoutError:
            self.signal(pid, signal.SIGUSR1)  # the log then says what it waits for
            await asyncio.sleep(1)
            raise
        return self.ended[pid]

    async def insert(self, ids: list[UUID]) -> None:
        """As a frontend does; repeats until the server acknowledges."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
                    await connection.execute(
                        "insert into compute_workloads (id, workload_name) select i, 'w' from unnest(%s::uuid[]) as i"
                        " on conflict do nothing",
                        (ids,),
                    )
            except psycopg.Error:
                await asyncio.sleep(0.1)
            else:
                self.inserted += ids
                return

    async def until_terminal(self, seconds: float) -> bool:
        """Whether every workload got an answer in that time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(psycopg.Error):
                async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
                    found = await connection.execute(
                        "select count(*) from compute_workloads"
                        " where status in ('pending', 'processing') and workload_name = 'w'"
                    )
                    if (await found.fetchone() or (1,))[0] == 0:
                        return True
            await asyncio.sleep(0.2)
        return False

    async def listen_to(self, zygote: asyncio.subprocess.Process) -> None:
        assert zygote.stdout is not None
        while line := (await zygote.stdout.readline()).decode().split():
            if line[0] == "started":
                self._started.put_nowait(int(line[1]))
            else:
                async with self._end:
                    self.ended[int(line[1])] = int(line[2])
                    self._end.notify_all()


def make_ids(random: Random, count: int, *, blocking: int = 0) -> list[UUID]:
    """Random ids; `blocking` more of them belong to workloads that block the event loop."""
    ids = [UUID(int=random.getrandbits(128), version=4) for _ in range(count)]
    while blocking:
        one = UUID(int=random.getrandbits(128), version=4)
        if int(one.hex[:8], 16) % BLOCKS_ONE_IN == 0:
            ids.append(one)
            blocking -= 1
    random.shuffle(ids)
    return ids


@asynccontextmanager
async def open_arena(
    folder: Path,
    *,
    pollers: int,
    lease_seconds: int,
    max_attempts: int,
    mutation: Mutation | None,
    supabase: bool,
    with_old: bool = False,
) -> AsyncIterator[Arena]:
    async with AsyncExitStack() as stack:
        zygote = await stack.enter_async_context(_zygote(ROOT))  # it imports while the server starts
        release = stack.enter_context(_last_release(folder)) if with_old else None
        old_zygote = None if release is None else await stack.enter_async_context(_zygote(release))
        server = await stack.enter_async_context(embedded_postgres(folder / "server", settings=SETTINGS))
        project = None
        if supabase:
            await create_platform(server)
            await prepare_database(server, DATABASE)
        await migrate(server.url(DATABASE))
        async with await psycopg.AsyncConnection.connect(server.url(DATABASE), autocommit=True) as connection:
            await connection.execute(Path(__file__).with_name("audit.sql").read_bytes())
            await apply(mutation, connection)
            if supabase:
                await connection.execute(AUDIT_RIGHTS)
        if supabase:
            project = await stack.enter_async_context(serve(Project(server=server, database=DATABASE)))
        rest_port = None if project is None else project.port
        seats = [Seat(number=number, proxy=Proxy(server.socket, rest_port)) for number in range(pollers)]
        for seat in seats:
            await seat.proxy.start()
            stack.push_async_callback(seat.proxy.stop)
        arena = Arena(
            server=server,
            folder=folder,
            seats=seats,
            zygote=zygote,
            old_zygote=old_zygote,
            lease_seconds=lease_seconds,
            max_attempts=max_attempts,
            mutation=mutation,
            service_key=None if project is None else project.service_key,
        )
        zygotes = [one for one in (zygote, old_zygote) if one is not None]
        ears = [asyncio.create_task(arena.listen_to(one)) for one in zygotes]
        try:
            yield arena
        finally:
            for one in zygotes:
                one.kill()
            await asyncio.gather(*ears)


@contextmanager
def _last_release(folder: Path) -> Iterator[Path | None]:
    """A worktree of it; its pollers take the same `Spec`."""
    commit = json.loads((ROOT / "sql" / "releases.json").read_text("utf-8"))[-1]["commit"]
    tree = folder / "release"
    git = ("git", "-C", str(ROOT), "worktree")
    if subprocess.run([*git, "add", "-q", "--detach", tree, commit], check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield tree
    finally:
        subprocess.run([*git, "remove", "--force", tree], check=True)


@asynccontextmanager
async def _zygote(tree: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process that pollers of that checkout are forked from. They die with it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.worker",
        cwd=tree,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "LANGGRAPH_STRICT_MSGPACK": "true"},
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
