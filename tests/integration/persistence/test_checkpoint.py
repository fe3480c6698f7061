"""The fenced saver against a real PostgreSQL."""

import asyncio
from uuid import UUID, uuid4

import pytest
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from persistence.checkpoint import FencedSaver, PooledSaver, delete_threads
from persistence.connections.pool import Pool, open_pool
from persistence.errors import LeaseLost, StoreError
from persistence.workload import Recommendation
from tests.graphs import STORED_TYPES, chain, input_for, now, step

pytestmark = pytest.mark.anyio


def saver(pool: Pool, thread: UUID, token: int) -> FencedSaver:
    return FencedSaver(pool, thread_id=thread, token=token, stored_types=STORED_TYPES, patience_seconds=0.5)


def config(thread: UUID) -> dict[str, object]:
    return {"configurable": {"thread_id": str(thread)}}


async def count(pool: Pool, thread: UUID) -> dict[str, int]:
    async with pool.connection() as connection:
        found = {}
        for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
            row = await (
                await connection.execute(
                    f"select count(*) as n from agent_checkpoints.{table} where thread_id = %s", (str(thread),)
                )
            ).fetchone()
            found[table] = row["n"]
        return found


async def test_what_it_writes_is_what_the_stock_saver_writes_and_reads(pool: Pool) -> None:
    graph = chain(first=step("first"), second=step("second"))
    fenced, stock = uuid4(), uuid4()
    clock = now()
    writer = saver(pool, fenced, 1)
    await writer.open()
    await graph.compile(checkpointer=writer).ainvoke(input_for({"id": "x"}, clock), config(fenced), durability="sync")
    await graph.compile(checkpointer=PooledSaver(pool, stored_types=STORED_TYPES)).ainvoke(
        input_for({"id": "x"}, clock), config(stock), durability="sync"
    )
    assert await count(pool, fenced) == await count(pool, stock)

    async with pool.connection() as connection:
        await connection.execute("set search_path = agent_checkpoints")
        reader = AsyncPostgresSaver(connection, serde=writer.serde)
        histories = [
            [
                (entry.checkpoint["channel_values"], entry.metadata["step"])
                async for entry in reader.alist(config(thread))
            ]
            for thread in (fenced, stock)
        ]
        await connection.execute("reset search_path")
    assert histories[0] == histories[1]
    assert len(histories[0]) == 5
    assert isinstance(histories[0][0][0]["recommendation"], Recommendation)


async def test_a_stale_token_writes_nothing_at_all(pool: Pool) -> None:
    thread = uuid4()
    reached, resume = asyncio.Event(), asyncio.Event()

    async def slow(state: object) -> dict[str, list[str]]:
        reached.set()
        await resume.wait()
        return {"steps": ["slow"]}

    first = saver(pool, thread, 1)
    await first.open()
    run = asyncio.create_task(
        chain(slow=slow).compile(checkpointer=first).ainvoke(input_for({}, now()), config(thread), durability="sync")
    )
    await reached.wait()
    assert await saver(pool, thread, 2).open() == "known"
    before = await count(pool, thread)
    resume.set()
    with pytest.raises(LeaseLost):
        await run
    assert await count(pool, thread) == before


async def test_an_older_token_cannot_open_a_thread_again(pool: Pool) -> None:
    thread = uuid4()
    assert await saver(pool, thread, 7).open() == "new"
    with pytest.raises(LeaseLost, match="token 6"):
        await saver(pool, thread, 6).open()


async def test_the_holder_itself_may_open_its_thread_again(pool: Pool) -> None:
    thread = uuid4()
    await saver(pool, thread, 7).open()
    assert await saver(pool, thread, 7).open() == "new"


async def test_runs_share_a_pool_without_waiting_for_each_other(pool: Pool) -> None:
    """The stock saver's one lock would let the second run wait for a connection held by the first."""
    together = asyncio.Barrier(3)

    async def meet(state: object) -> dict[str, list[str]]:
        await together.wait()
        return {"steps": ["met"]}

    async def run() -> dict[str, object]:
        thread = uuid4()
        writer = saver(pool, thread, 1)
        await writer.open()
        return (
            await chain(meet=meet)
            .compile(checkpointer=writer)
            .ainvoke(input_for({}, now()), config(thread), durability="sync")
        )

    finals = await asyncio.gather(run(), run(), run())
    assert [final["steps"] for final in finals] == [["met", "conclude"]] * 3


async def test_a_type_that_is_not_listed_is_not_built(pool: Pool) -> None:
    thread = uuid4()
    writer = saver(pool, thread, 1)
    await writer.open()
    await chain().compile(checkpointer=writer).ainvoke(input_for({}, now()), config(thread), durability="sync")
    stranger = PooledSaver(pool)
    found = await stranger.aget_tuple(config(thread))
    assert found is not None
    assert not isinstance(found.checkpoint["channel_values"]["recommendation"], Recommendation)


async def test_writes_survive_the_death_of_every_pooled_connection(pool: Pool) -> None:
    thread = uuid4()

    async def cut(state: object) -> dict[str, list[str]]:
        async with pool.connection() as connection:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and application_name = 'gridwise checkpoints'"
                " and pid <> pg_backend_pid()"
            )
        return {"steps": ["cut"]}

    writer = FencedSaver(pool, thread_id=thread, token=1, stored_types=STORED_TYPES)
    await writer.open()
    async with pool.connection(), pool.connection(), pool.connection():
        pass  # several connections exist
    final = (
        await chain(cut=cut, after=step("after"))
        .compile(checkpointer=writer)
        .ainvoke(input_for({}, now()), config(thread), durability="sync")
    )
    assert final["steps"] == ["cut", "after", "conclude"]


async def test_deleted_threads_are_gone_and_their_writers_refused(pool: Pool) -> None:
    thread, other = uuid4(), uuid4()
    for one in (thread, other):
        writer = saver(pool, one, 1)
        await writer.open()
        await chain().compile(checkpointer=writer).ainvoke(input_for({}, now()), config(one), durability="sync")
    await delete_threads(pool, [thread])
    assert await count(pool, thread) == {"checkpoints": 0, "checkpoint_blobs": 0, "checkpoint_writes": 0}
    assert (await count(pool, other))["checkpoints"] > 0
    with pytest.raises(LeaseLost):
        await saver(pool, thread, 1).aput_writes(
            {"configurable": {"thread_id": str(thread), "checkpoint_ns": "", "checkpoint_id": "c"}}, [("steps", 1)], "t"
        )


async def test_a_database_without_the_functions_says_what_to_do(empty_database_url: str) -> None:
    async with open_pool(empty_database_url, name="checkpoints", max_size=1) as pool:
        with pytest.raises(StoreError, match="gridwise migrate"):
            await saver(pool, uuid4(), 1).open()
