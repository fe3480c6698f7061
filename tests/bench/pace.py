"""Many workloads at a time against a model that takes its time: they must finish at the model's pace.

    python -m tests.bench.pace [--workloads 200] [--concurrency 200] [--seconds 2] [--lease 60]

The Gemini stand-in runs as a process of its own and answers every call that much later. The pace is the longest chain
of calls of one run times those seconds; what comes on top is the CPU time of all runs, which share one thread.
"""

import argparse
import asyncio
import multiprocessing
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import psycopg
import structlog

from evals.standin.script import Reply, Step, honest
from evals.standin.server import StandIn
from evals.standin.wire import GenerateRequest
from graph.app.runtime import make_worker, open_runtime
from graph.app.settings import Settings
from graph.worker.tasks import background
from tests.bench.measure import open_bench

INSERT = """
insert into compute_workloads (workload_name, workload_type, urgency, required_gpu_mins, required_cpu_cores,
    required_memory_gb, estimated_duration_hours, is_deferrable, deferral_window_mins)
select 'job ' || n, 'TRAINING_RUN', 'MEDIUM', 60, 8, 32, 2, true, 720 from generate_series(1, {count}) as n
"""
_FOUND = """
select (select count(*) from compute_workloads where status = 'queued'),
    (select count(*) from agent.runs where outcome <> 'queued')
"""


@dataclass(frozen=True, kw_only=True)
class Pace:
    placed: int
    seconds: float
    cpu_seconds: float
    calls: float
    """Of the model, per run."""
    most_under_way: int
    """Calls that the model had to answer at the same time."""
    block_seconds: float
    """How late the event loop was at most."""
    again: int
    """Attempts that did not end in a recommendation."""


@asynccontextmanager
async def slow_model(seconds: float, together: int) -> AsyncIterator[tuple[str, Connection]]:
    """Its address, and where to ask how many calls it has answered."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(seconds, together, there), daemon=True)
    process.start()
    there.close()  # a model that ends is then noticed: what it was to say is at its end
    try:
        yield await asyncio.to_thread(here.recv), here
    finally:
        process.terminate()
        process.join()


def _serve(seconds: float, together: int, pipe: Connection) -> None:
    lock = threading.Lock()
    under_way = most = 0
    all_there = threading.Event()

    def late(_request: GenerateRequest, _number: int) -> Step:
        def step(request: GenerateRequest) -> Reply:
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
                if under_way >= together:
                    all_there.set()
            all_there.wait()
            started = time.monotonic()
            reply = honest(request)
            time.sleep(max(0.0, seconds - (time.monotonic() - started)))
            with lock:
                under_way -= 1
            return reply

        return step

    with StandIn(late) as server:
        pipe.send(server.base_url)
        while pipe.recv():
            pipe.send((len(server.requests), most))


async def measure(
    *, workloads: int, concurrency: int, model_seconds: float, lease_seconds: int, together: int = 1
) -> Pace:
    """`together`: no call is answered before so many are under way."""
    async with open_bench() as bench, slow_model(model_seconds, together) as (address, pipe):
        url = await bench.database()
        await bench.execute(INSERT.format(count=workloads), url)
        given: dict[str, Any] = {
            "DATABASE_URL": url,
            "GRIDWISE_SOURCES": "recorded",
            "GRIDWISE_MODEL": "gemini",
            "GEMINI_API_KEY": "stand-in",
            "GEMINI_BASE_URL": address,
            "MAX_WORKLOADS_PER_CYCLE": concurrency,
            "GRIDWISE_LEASE_SECONDS": lease_seconds,
        }
        async with open_runtime(Settings(**given)) as runtime:
            started, cpu = time.perf_counter(), time.process_time()
            async with longest_block() as block:
                await make_worker(runtime, until_empty=True).run()
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        async with await psycopg.AsyncConnection.connect(url) as connection:
            row = await (await connection.execute(_FOUND.encode())).fetchone()
        pipe.send(True)
        calls, most = await asyncio.to_thread(pipe.recv)
    assert row is not None
    return Pace(
        placed=row[0],
        again=row[1],
        seconds=seconds,
        cpu_seconds=cpu,
        calls=calls / workloads,
        most_under_way=most,
        block_seconds=max(block),
    )


@asynccontextmanager
async def longest_block() -> AsyncIterator[list[float]]:
    """How late the event loop came to a task that wants to run every 10 ms."""
    late = [0.0]

    async def watch() -> None:
        while True:
            wanted = time.perf_counter() + 0.01
            await asyncio.sleep(0.01)
            late.append(time.perf_counter() - wanted)

    async with background(watch()):
        yield late


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pace", description=__doc__)
    parser.add_argument("--workloads", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--lease", type=int, default=60)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    found = asyncio.run(
        measure(
            workloads=given.workloads,
            concurrency=given.concurrency,
            model_seconds=given.seconds,
            lease_seconds=given.lease,
        )
    )
    rounds = -(-given.workloads // given.concurrency)
    print(
        f"{found.placed} of {given.workloads} placed in {found.seconds:.1f} s, {given.concurrency} at a time; "
        f"{found.calls:.1f} calls of {given.seconds:g} s a run: {rounds * found.calls * given.seconds:.1f} s at the "
        f"model's pace, and {found.cpu_seconds:.1f} s of CPU, {1000 * found.cpu_seconds / given.workloads:.0f} ms a "
        f"run. Up to {found.most_under_way} calls at a time; {found.again} attempts were not the first and last; the "
        f"loop was late by {found.block_seconds:.2f} s at most."
    )


if __name__ == "__main__":
    main()
