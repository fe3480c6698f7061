"""Threads begun by the code of earlier commits, as it stored them, are finished by this one.

How they were made: `make.py` beside each of tests/fixtures/threads_*, at several moments of a run and at its end.
Commit 4b9846c stored what every task wrote, 015b5af values by content; both had a step for tools.
"""

import json
import lzma
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langgraph.runtime import RunControl
from psycopg.types.json import Jsonb

from graph.app.runtime import Runtime, open_runtime
from graph.app.settings import Settings
from graph.state import STORED_TYPES, graph_input
from graph.worker.executor import Executor, ExecutorConfig
from graph.worker.outcome import Recommended
from persistence.store.queue import Claim

pytestmark = pytest.mark.anyio

FIXTURES = Path(__file__).parents[3] / "fixtures"


def stored_by(commit: str) -> dict[str, Any]:
    with lzma.open(FIXTURES / f"threads_{commit}/threads.json.xz", "rt", encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    return document


COMMITS = {commit: stored_by(commit) for commit in ("4b9846c", "015b5af")}
THREADS = [
    pytest.param(document, thread, id=f"{commit} after {thread['stopped_after']} writes")
    for commit, document in COMMITS.items()
    for thread in document["threads"]
]
CALLS = 6
"""Of the model in one run: each of the three agents asks for tools, and then answers."""


def answered(tables: dict[str, Any]) -> int:
    """Calls whose replies the old process had stored, each of a task of its own: in its writes, or in the checkpoint
    that the task led to."""
    written = {
        (write["checkpoint_ns"], write["task_path"])
        for write in tables["checkpoint_writes"]
        if write["checkpoint_ns"] and write["task_path"].endswith((", model", ", answer"))
    }
    nodes = [
        node
        for checkpoint in tables["checkpoints"]
        if checkpoint["checkpoint_ns"]
        for node in checkpoint["metadata"].get("nodes", ())
    ]
    return len(written) + nodes.count("model") + nodes.count("answer")


class CountCalls(AsyncCallbackHandler):
    calls = 0

    async def on_chat_model_start(self, *args: object, **kwargs: object) -> None:
        self.calls += 1


@pytest.fixture
async def runtime(machine: dict[str, Any]) -> AsyncIterator[Runtime]:
    given = {"DATABASE_URL": machine["DATABASE_URL"], "GRIDWISE_SOURCES": "recorded", "GRIDWISE_MODEL": "offline"}
    async with open_runtime(Settings(**given)) as runtime:
        yield runtime


async def restore(connection: psycopg.AsyncConnection[Any], thread: UUID, tables: dict[str, Any]) -> None:
    """Into LangGraph's tables, as they stood."""
    for table, rows in tables.items():
        for row in rows:
            values = {"thread_id": str(thread), **row}
            if values.get("blob") is not None:
                values["blob"] = b64decode(values["blob"])
            adapted = [Jsonb(value) if isinstance(value, dict) else value for value in values.values()]
            columns, marks = ", ".join(values), ", ".join(["%s"] * len(values))
            await connection.execute(f"insert into agent_checkpoints.{table} ({columns}) values ({marks})", adapted)


async def claim_on(runtime: Runtime, row: dict[str, Any], thread: UUID) -> Claim:
    await runtime.store.operations.submit([row])
    (claim,) = await runtime.store.queue.claim(owner="new", limit=1, lease_seconds=60, max_attempts=5)
    return replace(claim, lease=replace(claim.lease, thread_id=thread))


@pytest.mark.parametrize(("document", "thread"), THREADS)
async def test_an_old_thread_is_finished_without_repeating_a_call(
    runtime: Runtime, open_connection: Any, document: dict[str, Any], thread: dict[str, Any]
) -> None:
    clock = datetime.fromisoformat(document["clock"])
    thread_id = UUID(int=1)
    async with open_connection() as connection:
        await restore(connection, thread_id, thread["tables"])
    config = ExecutorConfig(
        build=runtime.build,
        input_for=graph_input,
        checkpoints=runtime.checkpoints,
        new_thread=runtime.store.queue.new_thread,
        clock=lambda: clock,
        random=Random(1),
        stored_types=STORED_TYPES,
    )
    counter = CountCalls()
    report = await Executor(await claim_on(runtime, document["row"], thread_id), config, RunControl(), [counter]).run()
    assert isinstance(report.outcome, Recommended), report
    assert report.lease.thread_id == thread_id, "not planned anew"
    assert report.begun == ("resumed" if thread["stopped_after"] else "read back")
    assert counter.calls == CALLS - answered(thread["tables"])
    first = report.outcome.recommendation.options[0]
    assert first.region != "London", "the wish that the old process or the new one read"
    assert first.start >= datetime.fromisoformat("2026-01-05T13:00:00+00:00")
