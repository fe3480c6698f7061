"""The fenced saver against a real PostgreSQL."""

import asyncio
from typing import Annotated, Any, TypedDict
from uuid import UUID, uuid4

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import END, START, StateGraph, add_messages

from persistence.checkpoints.fenced import FencedSaver
from persistence.checkpoints.pooled import PooledSaver
from persistence.checkpoints.threads import delete_threads, thread_steps
from persistence.connections.pool import Pool, open_pool
from persistence.errors import LeaseLost, StoreError
from persistence.workload import Recommendation
from tests.graphs import STORED_TYPES, chain, input_for, now, recommendation, step

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


async def test_every_step_that_costs_is_stored_and_each_value_once(pool: Pool) -> None:
    graph = chain(first=step("first"), second=step("second"))
    fenced, stock = uuid4(), uuid4()
    clock = now()
    writer = saver(pool, fenced, 1)
    await writer.open()
    await graph.compile(checkpointer=writer).ainvoke(input_for({"id": "x"}, clock), config(fenced), durability="sync")
    reader = PooledSaver(pool, stored_types=STORED_TYPES)
    await graph.compile(checkpointer=reader).ainvoke(input_for({"id": "x"}, clock), config(stock), durability="sync")
    histories = [
        [(entry.checkpoint["channel_values"], entry.metadata["step"]) async for entry in reader.alist(config(thread))]
        for thread in (fenced, stock)
    ]
    assert histories[0] == histories[1][:-2], "all but the two that only hold the input"
    assert [number for _, number in histories[0]] == [3, 2, 1]
    assert isinstance(histories[0][0][0]["recommendation"], Recommendation)
    stored = await count(pool, fenced)
    assert (stored["checkpoints"], stored["checkpoint_writes"]) == (3, 0)


class _Child(TypedDict, total=False):
    large: Recommendation
    messages: Annotated[list[AnyMessage], add_messages]
    asked: int


async def test_what_a_subgraph_is_given_is_stored_once_and_its_messages_one_by_one(pool: Pool) -> None:
    """The same value in parent and child, and a conversation that grows at each step."""
    large = recommendation(now(), summary="x" * 2000)
    text = "".join(f"{number} " for number in range(2000))

    async def ask(state: _Child) -> dict[str, Any]:
        return {"messages": [HumanMessage(text, id="q"), AIMessage("a" * 1000, id=f"a{state.get('asked', 0)}")],
                "asked": state.get("asked", 0) + 1}  # fmt: skip

    child = StateGraph(_Child)
    child.add_node("ask", ask)
    child.add_edge(START, "ask")
    child.add_conditional_edges("ask", lambda state: END if state["asked"] == 5 else "ask", ["ask", END])
    parent = StateGraph(_Child)
    parent.add_node("child", child.compile())
    parent.add_edge(START, "child")
    parent.add_edge("child", END)
    thread = uuid4()
    writer = saver(pool, thread, 1)
    await writer.open()
    graph = parent.compile(checkpointer=writer)
    final = await graph.ainvoke({"large": large}, config(thread), durability="sync")
    async with pool.connection() as connection:
        query = (
            "select count(*) as n, sum(length(blob)) as size from agent_checkpoints.checkpoint_blobs"
            " where {} thread_id = %s"
        )
        row = await (await connection.execute(query.format("channel = '=' and"), (str(thread),))).fetchone()
        whole = await (await connection.execute(query.format(""), (str(thread),))).fetchone()
    assert row["n"] == 1 + 1 + 5, "the recommendation, one question, five answers"
    assert whole["size"] < len(text), "compressed"
    again = saver(pool, thread, 2)
    assert await again.open() == "known"
    snapshot = await parent.compile(checkpointer=again).aget_state(config(thread))
    assert snapshot.values == final
    steps = [step.nodes for step in await thread_steps(pool, [thread])]
    assert steps == [*[("child/ask",)] * 4, ("child/ask", "child")], "its last checkpoint is the parent's"


async def test_a_stale_token_writes_nothing_at_all(pool: Pool) -> None:
    thread = uuid4()
    reached, resume = asyncio.Event(), asyncio.Event()

    async def slow(state: object) -> dict[str, list[str]]:
        reached.set()
        await resume.wait()
        return {"steps": ["slow"]}

    first = saver(pool, thread, 1)
    await first.open()
    graph = chain(first=step("first"), slow=slow).compile(checkpointer=first)
    run = asyncio.create_task(graph.ainvoke(input_for({}, now()), config(thread), durability="sync"))
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
