"""(b) The whole poller with the offline planner, against the bare graph with the same checkpointer and concurrency."""

import asyncio
import time
from functools import partial
from uuid import uuid4

import structlog

from graph.app.runtime import Runtime, make_worker, open_runtime
from graph.app.settings import Settings
from graph.state import STORED_TYPES, graph_input
from persistence.checkpoints.fenced import FencedSaver
from tests.bench.measure import Bench, interleaved
from tests.graphs import now

WORKLOADS = 120
CONCURRENCIES = (1, 5, 10)

INSERT = f"""
insert into compute_workloads (workload_name, workload_type, urgency, required_gpu_mins, required_cpu_cores,
    required_memory_gb, estimated_duration_hours, is_deferrable, deferral_window_mins)
select 'job ' || n, 'TRAINING_RUN', 'MEDIUM', 60, 8, 32, 2, true, 720 from generate_series(1, {WORKLOADS}) as n
"""


def _settings(url: str, concurrency: int) -> Settings:
    given = {
        "DATABASE_URL": url,
        "GRIDWISE_SOURCES": "recorded",
        "GRIDWISE_MODEL": "offline",
        "MAX_WORKLOADS_PER_CYCLE": concurrency,
    }
    return Settings(**given)


async def whole(bench: Bench, *, concurrency: int) -> float:
    url = await bench.database()
    await bench.execute(INSERT, url)
    async with open_runtime(_settings(url, concurrency)) as runtime:
        await runtime.source.market(now())
        started = time.perf_counter()
        await make_worker(runtime, until_empty=True).run()
        seconds = time.perf_counter() - started
        status = await runtime.store.operations.status()
    assert status["last_hour"]["queued"] == WORKLOADS, status
    await bench.drop(url)
    return WORKLOADS / seconds


async def bare(bench: Bench, *, concurrency: int) -> float:
    """The same rows through the same graph and saver, without queue, leases, heartbeat and write-back."""
    url = await bench.database()
    await bench.execute(INSERT, url)
    async with open_runtime(_settings(url, concurrency)) as runtime:
        await runtime.source.market(now())
        claims = await runtime.store.queue.claim(owner="bench", limit=WORKLOADS, lease_seconds=600, max_attempts=1)
        rows = iter([claim.row for claim in claims])

        async def worker() -> None:
            for row in rows:
                await _invoke(runtime, row)

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(concurrency)))
        seconds = time.perf_counter() - started
    await bench.drop(url)
    return WORKLOADS / seconds


async def _invoke(runtime: Runtime, row: object) -> None:
    thread = uuid4()
    saver = FencedSaver(runtime.checkpoints, thread_id=thread, token=1, stored_types=STORED_TYPES)
    await saver.open()
    final = await runtime.build(saver).ainvoke(
        graph_input(row, now()),
        {"configurable": {"thread_id": str(thread)}, "recursion_limit": 200},
        durability="sync",
    )
    assert "recommendation" in final


async def measure(bench: Bench) -> str:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    contestants = {}
    for concurrency in CONCURRENCIES:
        contestants[f"poller @{concurrency}"] = partial(whole, bench, concurrency=concurrency)
        contestants[f"bare graph @{concurrency}"] = partial(bare, bench, concurrency=concurrency)
    found = await interleaved(contestants)
    lines = [
        f"Workloads per second, offline planner, recorded figures, {WORKLOADS} workloads.",
        "",
        "| | " + " | ".join(f"c = {c}" for c in CONCURRENCIES) + " |",
        "|---|" + "---|" * len(CONCURRENCIES),
    ]
    for name in ("poller", "bare graph"):
        figures = " | ".join(f"{found.median(f'{name} @{c}'):.2f}" for c in CONCURRENCIES)
        lines += [f"| {name} | {figures} |"]
    ratios = " | ".join(f"{found.ratio(f'poller @{c}', f'bare graph @{c}'):.2f}" for c in CONCURRENCIES)
    lines.append(f"| **ratio** (target: ≥ 0.85) | {ratios} |")
    return "\n".join(lines)
