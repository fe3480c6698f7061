"""What one workload leaves in the checkpoint tables, and the CPU time that it takes, of any version of the code.

    python -m tests.bench.state [--code PATH]... [--workloads N]

Each version, given by its checkout, runs the same workloads with the offline planner and the recorded day as a process
of its own (`gridwise run --until-empty`), alone and ten at a time; what it takes to start is measured with an empty
queue and taken off. Versions take turns, so that a busy minute hits them alike.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from persistence.connections.embedded import Server, embedded_postgres

INSERT = """
insert into compute_workloads (workload_name, workload_type, urgency, required_gpu_mins, required_cpu_cores,
    required_memory_gb, estimated_duration_hours, is_deferrable, deferral_window_mins, metadata)
select 'job ' || n, 'TRAINING_RUN', 'MEDIUM', 60, 8, 32, 2, true, 720,
    jsonb_build_object('user_request', 'Keep it out of London. It is job ' || n || '.')
from generate_series(1, {count}) as n
"""
STATE = """
select 'checkpoints', count(*), sum(length(checkpoint::text) + length(metadata::text))
from agent_checkpoints.checkpoints
union all select 'blobs', count(*), sum(length(blob)) from agent_checkpoints.checkpoint_blobs
union all select 'writes', count(*), sum(length(blob)) from agent_checkpoints.checkpoint_writes
"""


@dataclass(frozen=True, kw_only=True)
class Spent:
    cpu_seconds: float
    state_kib: float
    checkpoints: float
    writes: float


async def _command(code: Path, url: str, *arguments: str, concurrency: int = 1) -> float:
    """User and system seconds of `gridwise …`."""
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    environment = {
        **inherited, "PYTHONPATH": str(code), "DATABASE_URL": url, "GRIDWISE_SOURCES": "recorded",
        "GRIDWISE_MODEL": "offline", "MAX_WORKLOADS_PER_CYCLE": str(concurrency), "WORKLOAD_POLL_INTERVAL": "0.5",
    }  # fmt: skip
    main = "from graph.cli.main import main" if (code / "graph/cli/main.py").exists() else "from graph.cli import main"
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as printed:
        program = f"import sys; {main}; sys.argv = ['gridwise', *{list(arguments)!r}]; main()"
        process = subprocess.Popen(  # waited for below, for what it used
            [sys.executable, "-c", program], cwd=folder, env=environment, stdout=printed, stderr=printed
        )
        _, status, usage = await asyncio.to_thread(os.wait4, process.pid, 0)
        if status:
            printed.seek(0)
            raise RuntimeError(printed.read().decode()[-3000:])
    return usage.ru_utime + usage.ru_stime


async def _measure(server: Server, code: Path, *, workloads: int, concurrency: int, number: int) -> Spent:
    name = f"state_{number}"
    async with await psycopg.AsyncConnection.connect(server.url("postgres"), autocommit=True) as admin:
        await admin.execute(f"create database {name}".encode())
        url = server.url(name)
        await _command(code, url, "migrate", "--sample-assets")
        start = await _command(code, url, "run", "--until-empty", concurrency=concurrency)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(INSERT.format(count=workloads).encode())
            cpu = await _command(code, url, "run", "--until-empty", concurrency=concurrency)
            placed = await (
                await connection.execute("select count(*) from compute_workloads where status = 'queued'")
            ).fetchone()
            if placed != (workloads,):
                msg = f"{placed} of {workloads} workloads were placed"
                raise RuntimeError(msg)
            stored = await (await connection.execute(STATE.encode())).fetchall()
        await admin.execute(f"drop database {name} with (force)".encode())
    rows = {table: (count / workloads, float(size or 0) / workloads) for table, count, size in stored}
    return Spent(
        cpu_seconds=(cpu - start) / workloads,
        state_kib=sum(size for _, size in rows.values()) / 1024,
        checkpoints=rows["checkpoints"][0],
        writes=rows["writes"][0],
    )


async def measure(codes: list[Path], *, workloads: int, rounds: int) -> str:
    lines = [
        "| code | at a time | CPU per workload | state per workload | checkpoints | pending writes |",
        "|---|---|---|---|---|---|",
    ]
    number = 0
    with tempfile.TemporaryDirectory(prefix="gridwise-bench-") as folder:
        Path(folder).chmod(0o755)
        async with embedded_postgres(Path(folder)) as server:
            for concurrency in (1, 10):
                spent: dict[Path, list[Spent]] = {code: [] for code in codes}
                for _ in range(rounds):
                    for code in codes:
                        number += 1
                        spent[code].append(
                            await _measure(server, code, workloads=workloads, concurrency=concurrency, number=number)
                        )
                for code in codes:
                    cpu = median(one.cpu_seconds for one in spent[code])
                    last = spent[code][-1]
                    lines.append(
                        f"| {code.name} | {concurrency} | {1000 * cpu:.0f} ms | {last.state_kib:.0f} KiB |"
                        f" {last.checkpoints:.1f} | {last.writes:.1f} |"
                    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.state", description=__doc__)
    parser.add_argument("--code", type=Path, action="append", help="a checkout; this one if none is given")
    parser.add_argument("--workloads", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    codes = [path.resolve() for path in given.code or [Path(__file__).parents[2]]]
    print(asyncio.run(measure(codes, workloads=given.workloads, rounds=given.rounds)))


if __name__ == "__main__":
    main()
