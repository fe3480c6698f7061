"""The poller processes: the real poller around a small graph, forked from a process that has imported everything."""

import asyncio
import contextlib
import ctypes
import faulthandler
import json
import logging
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from graph.worker import breaker, worker
from graph.worker.heartbeat import Heartbeat
from graph.worker.producer import ProducerOptions
from persistence.connections.pool import open_pool
from persistence.errors import StoreError
from persistence.retry import Backoff, Fault
from persistence.store.open import open_store
from persistence.store.queue import Lease
from tests.chaos.mutations import Mutation, leave_trace
from tests.graphs import State, executor_config, recommendation
from tools.errors import GridwiseError

REFUSAL = "The model refuses the key."
BLOCKS_ONE_IN = 20
"""One workload in so many has a node that blocks the event loop for longer than a lease."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    url: str
    """Of the database; for checkpoints alone where the store is Supabase's."""
    supabase_url: str | None = None
    supabase_key: str | None = None
    owner: str
    calls: str
    """File that node calls are appended to: what was spent is spent, whatever becomes of the transaction."""
    log: str
    lease_seconds: int
    max_attempts: int
    concurrency: int = 4
    skew_seconds: float = 0
    poll_interval_seconds: float = 0.5
    mutation: Mutation | None = None


class Refused(GridwiseError):  # noqa: N818  what the model says
    """The model knows no such key."""

    cause = "model_access"
    is_certain = True


class Calls:
    """Appends whole lines; a line is on record once the call returns, even if the process dies the moment after."""

    def __init__(self, path: str, owner: str) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        self._owner = owner
        self._refusal = refusal_file(Path(path).parent)

    def note(self, node: str, runtime: Runtime[None], config: RunnableConfig) -> None:
        info = runtime.execution_info
        assert info is not None
        line = {
            "at": datetime.now(UTC).isoformat(),
            "thread": info.thread_id,
            "task": info.task_id,
            "node": node,
            "token": config["metadata"]["token"],
            "owner": self._owner,
        }
        os.write(self._file, (json.dumps(line) + "\n").encode())

    def ask_model(self) -> None:
        """Raises `Refused` while the nemesis says so."""
        if self._refusal.exists():
            raise Refused(REFUSAL)


def refusal_file(folder: Path) -> Path:
    """While it is there, the model refuses every key."""
    return folder / "the model refuses"


def build(calls: Calls, lease_seconds: float) -> StateGraph[Any, Any, Any, Any]:
    """draw → left, right → join → conclude. What `draw` draws is random: a step that is run again shows."""

    async def draw(state: State, runtime: Runtime[None], config: RunnableConfig) -> Mapping[str, Any]:
        calls.ask_model()
        calls.note("draw", runtime, config)
        await asyncio.sleep(random.uniform(0, 0.5))
        return {"steps": [f"draw {random.randrange(10**9)}"]}

    def side(name: str) -> Any:
        async def node(state: State, runtime: Runtime[None], config: RunnableConfig) -> Mapping[str, Any]:
            calls.ask_model()
            calls.note(name, runtime, config)
            await asyncio.sleep(random.uniform(0, 0.5))
            return {"steps": [f"{name} of {state['steps'][0]}"]}

        return node

    async def join(state: State, runtime: Runtime[None], config: RunnableConfig) -> Mapping[str, Any]:
        calls.note("join", runtime, config)
        if int(state["row"]["id"][:8], 16) % BLOCKS_ONE_IN == 0:
            time.sleep(1.3 * lease_seconds)
        return {"steps": [f"join {len(state['steps'])}"]}

    async def conclude(state: State, runtime: Runtime[None], config: RunnableConfig) -> Mapping[str, Any]:
        calls.note("conclude", runtime, config)
        found = recommendation(state["clock"], summary="; ".join(state["steps"]))
        answered = {**found.metadata, "answered_priority": state["row"].get("priority")}
        return {"recommendation": found.model_copy(update={"metadata": answered})}

    builder = StateGraph(State)
    for name, node in {"draw": draw, "left": side("left"), "right": side("right"), "join": join}.items():
        builder.add_node(name, node)
    builder.add_node("conclude", conclude)
    builder.add_edge(START, "draw")
    builder.add_edge("draw", "left")
    builder.add_edge("draw", "right")
    builder.add_edge(["left", "right"], "join")
    builder.add_edge("join", "conclude")
    builder.add_edge("conclude", END)
    return builder


class LoopHeartbeat(Heartbeat):
    """Mutation: the heartbeat as most would write it, a task of the loop that the runs share."""

    folder: Path

    def start(self, *, on_lost: Callable[[Lease], None]) -> None:
        self._on_lost = on_lost
        self._owner_loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        leave_trace(self.folder)
        self._task = asyncio.create_task(self._beats())

    async def _beats(self) -> None:
        async with self._open_store() as store:
            while not self._stopping.is_set():
                with contextlib.suppress(StoreError, TimeoutError):
                    await self._beat(store)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), self._lease_seconds / 3)

    async def stop(self) -> None:
        self._stopping.set()
        await self._task


class NoBreaker(breaker.Breaker):
    """Mutation: every fault is the workload's."""

    folder: Path

    def blames_system(self, fault: Fault, workload_id: UUID) -> bool:
        leave_trace(self.folder)
        return False


def _dump_tasks() -> None:
    """On SIGUSR1: what every task and thread waits for, into the log."""
    for task in asyncio.all_tasks():
        task.print_stack(file=sys.stderr)
    faulthandler.dump_traceback(file=sys.stderr)


async def work(spec: Spec) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _dump_tasks)
    LoopHeartbeat.folder = NoBreaker.folder = Path(spec.calls).parent
    breaker.PROBES = Backoff(base_seconds=0.2, cap_seconds=1)  # type: ignore[misc]
    if spec.mutation == "heartbeat on the event loop":
        worker.Heartbeat = LoopHeartbeat  # type: ignore[misc]
    elif spec.mutation == "no breaker":
        worker.Breaker = NoBreaker  # type: ignore[misc]
    connect = partial(open_store, database_url=spec.url, supabase_url=spec.supabase_url, supabase_key=spec.supabase_key)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(connect(max_connections=4))
        pool = await stack.enter_async_context(open_pool(spec.url, name="checkpoints", max_size=4, timeout_seconds=5))
        await worker.Worker(
            store=store,
            open_store=lambda: connect(max_connections=1),
            config=executor_config(
                store,
                pool,
                build(Calls(spec.calls, spec.owner), spec.lease_seconds),
                clock=lambda: datetime.now(UTC) + timedelta(seconds=spec.skew_seconds),
                random=random.Random(),
            ),
            options=ProducerOptions(
                owner=spec.owner,
                concurrency=spec.concurrency,
                poll_interval_seconds=spec.poll_interval_seconds,
                lease_seconds=spec.lease_seconds,
                max_attempts=spec.max_attempts,
                drain_grace_seconds=3,
                backoff=Backoff(base_seconds=0.1, cap_seconds=1),
            ),
            log=structlog.get_logger(),
        ).run()


def run(spec: Spec) -> None:
    with Path(spec.log).open("a", buffering=1) as log:
        os.dup2(log.fileno(), 2)
        logging.basicConfig(stream=log)
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(default=str),
            ],
            logger_factory=structlog.WriteLoggerFactory(file=log),
        )
        try:
            asyncio.run(work(spec))
        except BaseException:
            log.write(traceback.format_exc())
            raise


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def main() -> None:
    """Reads one `Spec` per line from standard input, forks a poller for it, answers with its process id; says of every
    poller that ends how it ended."""
    _die_with_parent()
    signal.signal(signal.SIGCHLD, lambda *_: _reap())
    for line in sys.stdin:
        spec = Spec(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _die_with_parent()
            code = 1
            try:
                run(spec)
                code = 0
            finally:
                os._exit(code)
        os.write(1, f"started {pid}\n".encode())


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        os.write(1, f"ended {pid} {os.waitstatus_to_exitcode(status)}\n".encode())


def encode(spec: Spec) -> bytes:
    return (json.dumps(asdict(spec)) + "\n").encode()


if __name__ == "__main__":
    main()
