"""Faults, drawn from a seed."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Final

import psycopg

from tests.chaos.arena import Arena, Seat
from tests.chaos.worker import refusal_file

WEIGHTS: Final = {
    "kill": 6,
    "pause": 6,
    "cut": 5,
    "freeze": 3,
    "black hole": 5,
    "late completion": 4,
    "delay": 2,
    "drain": 2,
    "duplicate start": 2,
    "full pool": 1,
    "edit": 5,
    "poison": 2,
    "slow row": 2,
    "forgery": 2,
    "flood": 1,
    "refusal": 2,
    "read-only": 1,
    "old client": 3,
}
"""How often each fault is drawn; restarts of the database are counted separately."""

TAKEOVER_SECONDS: Final = 1.2
"""After a lease has run out, until another poller has looked, claimed and completed; longer on a loaded machine."""

EVERYWHERE: Final = ("restart", "full pool", "refusal", "read-only")
"""One at a time, and felt by all pollers."""
ROWS: Final = {
    "edit": "update compute_workloads set priority = (random() * 100)::integer"
    " where status in ('pending', 'processing') and id in (select id from"
    " compute_workloads where workload_name = 'w' and status in ('pending', 'processing') order by random() limit 4)",
    "poison": "insert into compute_workloads (workload_name) select 'poison' from generate_series(1, 3)",
    "slow row": "",
    "flood": "insert into compute_workloads (workload_name, user_id, submitted_at)"
    " select 'flood', '00000000-0000-0000-0000-0000000f100d', '2001-01-01' from generate_series(1, 60)",
    "forgery": "insert into compute_workloads (workload_name, status, agent_status, decision_summary,"
    " recommended_time_window_start, recommended_time_window_end, metadata) values ('forged', 'queued', 'completed',"
    ' gen_random_uuid(), \'-infinity\', \'infinity\', \'{"provenance": {"power_kw": 1e9, "segments": ["junk"]}}\'),'
    " ('forged', 'processing', 'processing', null, null, null, '{\"provenance\": 7}')",
}
"""What users do to the table; the trigger in audit.sql makes some of their rows refuse or wait."""


class Nemesis:
    """Starts one fault after the other; some overlap. The sequence follows from the seed, the timing does not."""

    def __init__(self, arena: Arena, random: Random, weights: Mapping[str, int] = WEIGHTS) -> None:
        self._arena = arena
        self._weights = {kind: weight for kind, weight in weights.items() if kind != "old client" or arena.has_old}
        self._random = random
        self.counts: Counter[str] = Counter()
        self._under_way: set[asyncio.Task[None]] = set()

    async def rage(self, *, faults: int, restarts: int, mean_pause_seconds: float) -> None:
        kinds = self._drawn(faults - restarts)
        for position in range(restarts):  # spread evenly, in between the others
            kinds.insert((position + 1) * len(kinds) // (restarts + 1), "restart")
        for kind in kinds:
            await asyncio.sleep(self._random.uniform(0.3, 1.7) * mean_pause_seconds)
            self.counts[kind] += 1
            seat = self._random.choice(self._arena.seats)
            if kind in EVERYWHERE:
                await self._everywhere(kind, self._random.random())
            else:
                how_much = self._random.random()
                work = (
                    self._by_a_user(kind, how_much) if kind in ROWS
                    else self._old_client(seat, how_much) if kind == "old client"
                    else self._at(seat, kind, how_much)
                )  # fmt: skip
                task = asyncio.create_task(work)
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        await asyncio.gather(*self._under_way)

    def _drawn(self, count: int) -> list[str]:
        return self._random.choices(list(self._weights), list(self._weights.values()), k=count)

    async def _everywhere(self, kind: str, how_much: float) -> None:
        seconds = (0.5 + how_much) * self._arena.lease_seconds
        match kind:
            case "restart":
                await self._arena.server.control("restart", "-w", "-m", "immediate", "-s")
            case "refusal":
                refusal = refusal_file(self._arena.folder)
                refusal.touch()
                await asyncio.sleep(seconds)
                refusal.unlink()
            case "read-only":
                await self._arena.make_read_only(True)
                await asyncio.sleep(seconds)
                await self._arena.make_read_only(False)
            case "full pool":
                await self._take_all_connections()

    async def _take_all_connections(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            with contextlib.suppress(psycopg.OperationalError):
                while True:  # until the server has no connection left
                    connection = await psycopg.AsyncConnection.connect(self._arena.url, autocommit=True)
                    stack.push_async_callback(connection.close)
            await asyncio.sleep(self._arena.lease_seconds / 3)

    async def _by_a_user(self, kind: str, how_much: float) -> None:
        """Through no proxy; while the database is down a user has no say."""
        with contextlib.suppress(psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction):
            async with await psycopg.AsyncConnection.connect(self._arena.url, autocommit=True) as connection:
                if kind == "slow row":
                    await connection.execute("insert into compute_workloads (workload_name) values ('slow')")
                    await connection.execute("select pg_advisory_lock(42)")
                    await asyncio.sleep((0.3 + how_much) * self._arena.lease_seconds)
                else:
                    await connection.execute(ROWS[kind].encode())

    async def _old_client(self, seat: Seat, how_much: float) -> None:
        """A poller of the last release works beside the others for a while, and stops or dies."""
        arena = self._arena
        pid = await arena.start_poller(seat, owner=f"old{seat.number}.{seat.generation}", is_old=True)
        await asyncio.sleep((1 + how_much) * arena.lease_seconds)
        arena.signal(pid, signal.SIGKILL if how_much > 0.5 else signal.SIGTERM)
        await arena.wait_end(pid, 60)

    async def _at(self, seat: Seat, kind: str, how_much: float) -> None:
        arena, lease = self._arena, self._arena.lease_seconds
        if kind in ("cut", "freeze"):
            (seat.proxy.cut if kind == "cut" else seat.proxy.freeze)()
            return
        async with seat.lock:
            pid = seat.pid
            assert pid is not None
            match kind:
                case "kill":
                    arena.signal(pid, signal.SIGKILL)
                    await asyncio.sleep(how_much)
                    seat.pid = await arena.start_poller(seat)
                case "pause":
                    arena.signal(pid, signal.SIGSTOP)
                    await asyncio.sleep((0.4 + 1.6 * how_much) * lease)
                    arena.signal(pid, signal.SIGCONT)
                case "long pause":
                    arena.signal(pid, signal.SIGSTOP)
                    await asyncio.sleep((1.3 + 0.7 * how_much) * lease)
                    arena.signal(pid, signal.SIGCONT)
                case "black hole":
                    await seat.proxy.black_hole((0.3 + 1.2 * how_much) * lease)
                case "late completion":
                    seconds = (1 + 0.5 * how_much) * lease + TAKEOVER_SECONDS
                    await seat.proxy.black_hole_on(b"complete_workloads", seconds, wait_seconds=2 * lease)
                case "delay":
                    seat.proxy.delay_seconds = 0.05
                    await asyncio.sleep(lease)
                    seat.proxy.delay_seconds = 0
                case "drain":
                    arena.signal(pid, signal.SIGTERM)
                    await arena.wait_end(pid, 60)
                    seat.pid = await arena.start_poller(seat)
                case "duplicate start":
                    twin = await arena.start_poller(seat, owner=f"p{seat.number}.{seat.generation}")
                    await asyncio.sleep(how_much * lease)
                    arena.signal(twin, signal.SIGTERM)
                    await arena.wait_end(twin, 60)
