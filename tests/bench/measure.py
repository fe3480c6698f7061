"""Medians of interleaved rounds, and a server of the benchmark's own."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from persistence.connections.embedded import Server, embedded_postgres
from persistence.migrate import migrate

ROUNDS = 3


@dataclass(frozen=True)
class Rounds:
    """What each contestant did in each round."""

    values: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        return median(self.values[name])

    def ratio(self, name: str, to: str) -> float:
        """The median of the rounds' own ratios: a busy minute of the machine hits both sides of a round."""
        return median(a / b for a, b in zip(self.values[name], self.values[to], strict=True))


async def interleaved(contestants: Mapping[str, Callable[[], Awaitable[float]]], *, rounds: int = ROUNDS) -> Rounds:
    """Each contestant once per round."""
    measured: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, contestant in contestants.items():
            measured[name].append(await contestant())
            print(f"  round {number + 1}, {name}: {measured[name][-1]:.4g}", file=sys.stderr)
    return Rounds(measured)


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Bench:
    """fsync and synchronous_commit are on; all else is PostgreSQL's default but for the number of connections."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._number = 0

    async def execute(self, statement: str, url: str | None = None) -> None:
        async with await psycopg.AsyncConnection.connect(url or self.server.url("postgres"), autocommit=True) as c:
            await c.execute(statement.encode())

    async def database(self, *, is_migrated: bool = True) -> str:
        """A fresh one; its URL."""
        self._number += 1
        name = f"bench_{self._number}"
        template = " template bench_template" if is_migrated else ""
        await self.execute(f"create database {name}{template}")
        return self.server.url(name)

    async def drop(self, url: str) -> None:
        await self.execute(f"drop database {psycopg.conninfo.conninfo_to_dict(url)['dbname']} with (force)")


@asynccontextmanager
async def open_bench() -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="gridwise-bench-") as folder:
        Path(folder).chmod(0o755)
        async with embedded_postgres(Path(folder)) as server:
            bench = Bench(server)
            await bench.execute("create database bench_template")
            await migrate(server.url("bench_template"), extras=("sample_assets",))
            yield bench


async def run(*command: str, **environment: str) -> str:
    """Standard output of another program; raises with its standard error if it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment or None
    )
    out, err = await process.communicate()
    if process.returncode:
        msg = f"{command[0]} failed: {err.decode()[-2000:]}"
        raise RuntimeError(msg)
    return out.decode()
