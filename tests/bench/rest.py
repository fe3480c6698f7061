"""The store through PostgREST beside the direct connection, on one database."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from persistence.migrate import migrate
from persistence.store.open import Store, open_postgres_store, open_supabase_store
from tests.bench.measure import Bench, interleaved
from tests.bench.queue_alone import CONCURRENCIES, drain
from tests.supabase.project import create_database, create_platform, missing, serve

JOBS = {1: 200, 5: 400, 10: 600, 50: 1000}

Connect = Callable[[], AbstractAsyncContextManager[Store]]


async def measure(bench: Bench) -> str:
    if reason := missing():
        return f"Not measured: {reason}."
    await create_platform(bench.server)
    empty = await create_database(bench.server, "bench_rest")
    await migrate(empty.database_url)
    async with serve(empty) as project:
        paths: dict[str, Connect] = {
            "direct": lambda: open_postgres_store(empty.database_url, max_connections=8),
            "through PostgREST": lambda: open_supabase_store(project.url, project.service_key, max_connections=8),
        }
        contestants: dict[str, Callable[[], Awaitable[float]]] = {}
        for concurrency in CONCURRENCIES:
            for name, connect in paths.items():
                contestants[f"{name} @{concurrency}"] = partial(
                    _drained, bench, empty.database_url, connect, concurrency
                )
        found = await interleaved(contestants)
    lines = [
        "Jobs per second, claimed and completed in groups; jobs do nothing. PostgREST 12 behind the tests' gateway,",
        "all on one machine; c = concurrency and batch.",
        "",
        "| |" + "".join(f" c = {c} |" for c in CONCURRENCIES),
        "|---|" + "---|" * len(CONCURRENCIES),
    ]
    for name in paths:
        figures = " | ".join(f"{found.median(f'{name} @{c}'):,.0f}" for c in CONCURRENCIES)
        lines.append(f"| {name} | {figures} |")
    ratios = " | ".join(f"{found.ratio(f'through PostgREST @{c}', f'direct @{c}'):.2f}" for c in CONCURRENCIES)
    return "\n".join([*lines, f"| ratio | {ratios} |"])


async def _drained(bench: Bench, url: str, connect: Connect, concurrency: int) -> float:
    jobs = JOBS[concurrency]
    await bench.execute("truncate compute_workloads, agent.queue, agent.answers, agent.power, agent.runs", url)
    await bench.execute(
        f"insert into compute_workloads (workload_name) select 'w' from generate_series(1, {jobs})", url
    )
    async with connect() as store:
        return await drain(store, jobs=jobs, concurrency=concurrency, in_groups=True)
