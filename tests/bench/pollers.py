"""One poller, and two side by side, on as many workloads: what a second process adds on the cores that there are.

    python -m tests.bench.pollers [--workloads 200] [--rounds 3] [--concurrency 5]

Each round has both, on a database of their own; the offline planner answers. Counted from the first claim to the last
result, so that starting up is left out. The database's server runs on the same cores.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import psycopg

from tests.bench.measure import Bench, interleaved, open_bench
from tests.bench.state import INSERT

_SECONDS = """
select extract(epoch from max(ended_at) - min(claimed_at))::float8, count(*) filter (where outcome = 'queued')
from agent.runs
"""


async def _poller(url: str, concurrency: int) -> None:
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    environment = {
        **inherited, "PYTHONPATH": str(Path(__file__).parents[2]), "DATABASE_URL": url,
        "GRIDWISE_SOURCES": "recorded", "GRIDWISE_MODEL": "offline", "MAX_WORKLOADS_PER_CYCLE": str(concurrency),
    }  # fmt: skip
    with tempfile.TemporaryFile() as printed:
        command = (sys.executable, "-m", "graph.cli", "run", "--until-empty")
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=printed, stderr=printed)
        if await process.wait():
            printed.seek(0)
            raise RuntimeError(printed.read().decode()[-3000:])


async def per_second(bench: Bench, *, pollers: int, workloads: int, concurrency: int) -> float:
    """Workloads placed per second by so many processes."""
    url = await bench.database()
    await bench.execute(INSERT.format(count=workloads), url)
    await asyncio.gather(*(_poller(url, concurrency) for _ in range(pollers)))
    async with await psycopg.AsyncConnection.connect(url) as connection:
        row = await (await connection.execute(_SECONDS.encode())).fetchone()
    await bench.drop(url)
    assert row is not None
    assert row[1] == workloads, f"{row[1]} of {workloads} workloads were placed"
    return float(workloads / row[0])


async def measure(*, workloads: int, rounds: int, concurrency: int) -> str:
    async with open_bench() as bench:
        run = partial(per_second, bench, workloads=workloads, concurrency=concurrency)
        found = await interleaved({"one": partial(run, pollers=1), "two": partial(run, pollers=2)}, rounds=rounds)
    return (
        f"One process places {found.median('one'):.1f} workloads a second, two {found.median('two'):.1f}:"
        f" {found.ratio('two', to='one'):.2f} × on {os.cpu_count()} cores (target: ≥ 1.7)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pollers", description=__doc__)
    parser.add_argument("--workloads", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=5)
    given = parser.parse_args()
    print(asyncio.run(measure(workloads=given.workloads, rounds=given.rounds, concurrency=given.concurrency)))


if __name__ == "__main__":
    main()
