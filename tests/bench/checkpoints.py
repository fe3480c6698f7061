"""LangGraph runs per second with the stock saver, without its lock, and fenced."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from persistence.checkpoints.fenced import FencedSaver
from persistence.checkpoints.pooled import PooledSaver
from persistence.connections.pool import Pool, open_pool
from tests.bench.measure import Bench, interleaved
from tests.chaos.proxy import Proxy
from tests.graphs import STORED_TYPES, chain, input_for, now, step

CONCURRENCIES = (1, 10, 50)
STEPS = 8
GRAPH = chain(**{f"step_{number}": step(f"step {number}") for number in range(STEPS)}).compile()


@asynccontextmanager
async def stock_pool(url: str, size: int) -> AsyncIterator[Pool]:
    """As the saver's documentation has it; only the schema is ours."""
    joiner = "&" if "?" in url else "?"
    async with AsyncConnectionPool(
        f"{url}{joiner}options=-c%20search_path%3Dagent_checkpoints",
        min_size=1,
        max_size=size,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
    ) as pool:
        yield pool


async def _drain(run: Callable[[], Awaitable[Any]], *, runs: int, concurrency: int) -> float:
    left = iter(range(runs))

    async def worker() -> None:
        for _ in left:
            final = await run()
            assert len(final["steps"]) == STEPS + 1

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return runs / (time.perf_counter() - started)


async def _invoke(saver: BaseCheckpointSaver[Any], thread: str) -> Any:
    graph = GRAPH.copy({"checkpointer": saver})
    config = {"configurable": {"thread_id": thread}}
    return await graph.ainvoke(input_for({"id": thread}, now()), config, durability="sync")


async def stock(url: str, *, runs: int, concurrency: int) -> float:
    async with stock_pool(url, 10) as pool:
        saver = AsyncPostgresSaver(pool)
        return await _drain(lambda: _invoke(saver, str(uuid4())), runs=runs, concurrency=concurrency)


async def without_lock(url: str, *, runs: int, concurrency: int) -> float:
    async with open_pool(url, name="bench", max_size=10) as pool:
        saver = PooledSaver(pool, stored_types=STORED_TYPES)
        return await _drain(lambda: _invoke(saver, str(uuid4())), runs=runs, concurrency=concurrency)


async def fenced(url: str, *, runs: int, concurrency: int) -> float:
    async with open_pool(url, name="bench", max_size=10) as pool:

        async def run() -> Any:
            thread = uuid4()
            saver = FencedSaver(pool, thread_id=thread, token=1, stored_types=STORED_TYPES)
            await saver.open()
            return await _invoke(saver, str(thread))

        return await _drain(run, runs=runs, concurrency=concurrency)


SAVERS = {"stock": stock, "no lock, no fence": without_lock, "fenced": fenced}


async def measure(bench: Bench) -> str:
    url = await bench.database()
    contestants = {
        f"{name} @{concurrency}": partial(
            saver, url, runs={1: 40, 10: 120, 50: 200}[concurrency], concurrency=concurrency
        )
        for concurrency in CONCURRENCIES
        for name, saver in SAVERS.items()
    }
    near = await interleaved(contestants)
    proxy = Proxy(bench.server.socket)
    await proxy.start()
    proxy.delay_seconds = 0.005
    far_url = proxy.url(url.rsplit("/", 1)[1].split("?")[0])
    far = await interleaved({name: partial(saver, far_url, runs=20, concurrency=10) for name, saver in SAVERS.items()})
    await proxy.stop()
    lines = [
        f'Runs per second of a graph of {STEPS + 1} trivial steps, `durability="sync"`; pool of 10 connections.',
        "",
        "| saver | c = 1 | c = 10 | c = 50 | c = 10, 10 ms round trip |",
        "|---|---|---|---|---|",
    ]
    for name in SAVERS:
        figures = " | ".join(f"{near.median(f'{name} @{c}'):.1f}" for c in CONCURRENCIES)
        lines.append(f"| {name} | {figures} | {far.median(name):.1f} |")
    ratios = " | ".join(f"{near.ratio(f'fenced @{c}', f'stock @{c}'):.2f}" for c in CONCURRENCIES)
    lines.append(f"| **fenced / stock** (targets: ≥ 1, at 10 ms ≥ 5) | {ratios} | {far.ratio('fenced', 'stock'):.2f} |")
    return "\n".join(lines)
