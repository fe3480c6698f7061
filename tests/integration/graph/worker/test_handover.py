"""Runs handed to a real LangGraph Server, with kills of the poller and of the server in the middle."""

import asyncio
import os
import signal
import socket
import sys
import threading
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client

from evals.standin.script import Reply, Step, honest
from evals.standin.server import StandIn
from evals.standin.wire import GenerateRequest
from tests.integration.graph.command import OURS, gridwise, start

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[4]
NEVER = 10**9


class Gate:
    """A model that answers as the offline planner would; from call `closed_from` on only when the gate is opened."""

    def __init__(self) -> None:
        self.closed_from = NEVER
        self._opened = threading.Event()

    def script(self, _request: GenerateRequest, number: int) -> Step:
        def answer(request: GenerateRequest) -> Reply:
            if number >= self.closed_from:
                self._opened.wait(100)
            return honest(request)

        return answer

    def close(self, closed_from: int) -> None:
        self._opened.clear()
        self.closed_from = closed_from

    def open(self) -> None:
        self.closed_from = NEVER
        self._opened.set()


@pytest.fixture
def machine(machine: dict[str, Any]) -> dict[str, Any]:
    return {**machine, "GRIDWISE_LEASE_SECONDS": "3"}


@asynccontextmanager
async def langgraph_server(machine: dict[str, Any], port: int) -> AsyncIterator[Process]:
    """One that remembers no runs of a server before it: what goes on is in our checkpoints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    own = {name: value for name, value in machine.items() if name != "cwd"}
    with (machine["cwd"] / "server.log").open("a") as log:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "langgraph",
            *("dev", "--no-browser", "--no-reload", "--port", str(port)),
            cwd=ROOT,
            env={**environment, "HOME": str(machine["cwd"]), "LANGGRAPH_DISABLE_FILE_PERSISTENCE": "true", **own},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            async with httpx.AsyncClient() as client, asyncio.timeout(120):
                while True:
                    assert process.returncode is None, (machine["cwd"] / "server.log").read_text()
                    try:
                        if (await client.get(f"http://127.0.0.1:{port}/ok")).status_code == 200:
                            break
                    except httpx.TransportError:
                        await asyncio.sleep(0.1)
            yield process
        finally:
            await kill(process)


async def kill(server: Process) -> None:
    if server.returncode is None:
        os.killpg(server.pid, signal.SIGKILL)
    await server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not condition():
            await asyncio.sleep(0.05)


async def logged(poller: Process, words: str) -> None:
    assert poller.stderr is not None
    async with asyncio.timeout(90):
        while words not in (line := (await poller.stderr.readline()).decode()):
            assert line, f"the poller ended without a word of {words!r}"


async def shown(workload: dict[str, Any], machine: dict[str, Any]) -> dict[str, Any]:
    (row,) = (await gridwise("show", workload["id"], "--json", **machine)).records
    return row


async def test_a_killed_poller_is_followed_by_one_that_joins_the_same_run(machine: dict[str, Any]) -> None:
    gate = Gate()
    with StandIn(gate.script) as model:
        machine |= {"GEMINI_API_KEY": "key", "GEMINI_BASE_URL": model.base_url}
        port = free_port()
        handed = ("run", "--until-empty", "--server", f"http://127.0.0.1:{port}")
        async with langgraph_server(machine, port):
            (first,) = (await gridwise("submit", "undisturbed", "--hours", "1", "--json", **machine)).records
            (wrong,) = (
                await gridwise("submit", "no", "--hours", "2", "--max-price", "0.0001", "--json", **machine)
            ).records
            assert (await gridwise(*handed, **machine)).code == 0
            calls = len(model.requests)

            gate.close(calls + 1)
            (second,) = (await gridwise("submit", "disturbed", "--hours", "1", "--json", **machine)).records
            poller = await start(*handed, **machine)
            await until(lambda: len(model.requests) == calls + 2)
            poller.kill()
            await poller.communicate()
            follower = await start(*handed, **machine)
            await logged(follower, "Resuming")
            gate.open()
            await follower.communicate()
            assert follower.returncode == 0
            rows = {row["id"]: row for row in (await gridwise("list", "--json", **machine)).records}
            assert rows[first["id"]]["status"] == rows[second["id"]]["status"] == "queued"
            assert rows[second["id"]]["recommended_region"]
            assert rows[wrong["id"]]["status"] == "failed"
            assert "max_price_gbp" in rows[wrong["id"]]["agent_error"]
            assert len(model.requests) == 2 * calls  # no call was made again
            attempts = (await gridwise("history", second["id"], "--json", **machine)).records
            assert [attempt["outcome"] for attempt in attempts] == ["lost", "queued"]
            threads = {attempt["thread_id"] for attempt in attempts}
            assert len(threads) == 1
            async with get_client(url=f"http://127.0.0.1:{port}", api_key=None) as client:
                assert len(await client.runs.list(threads.pop())) == 1


async def test_work_of_a_killed_server_goes_back_and_is_gone_on_with_by_the_next(machine: dict[str, Any]) -> None:
    gate = Gate()
    with StandIn(gate.script) as model:
        machine |= {"GEMINI_API_KEY": "key", "GEMINI_BASE_URL": model.base_url}
        port = free_port()
        handed = ("run", "--until-empty", "--server", f"http://127.0.0.1:{port}")
        (workload,) = (await gridwise("submit", "night", "--hours", "1", "--json", **machine)).records
        async with langgraph_server(machine, port) as server:
            gate.close(3)
            poller = await start(*handed, **machine)
            await until(lambda: len(model.requests) == 4)
            await kill(server)
        await logged(poller, "put back")
        poller.send_signal(signal.SIGINT)
        await poller.communicate()
        assert (await shown(workload, machine))["status"] in ("pending", "processing")
        gate.open()
        async with langgraph_server(machine, port):
            assert (await gridwise(*handed, **machine)).code == 0
        assert (await shown(workload, machine))["status"] == "queued"
        repeated = [number for number, body in enumerate(model.bodies) if body in model.bodies[:number]]
        assert repeated == [4]  # the call that was cut off with the server, and none that was answered
        attempts = (await gridwise("history", workload["id"], "--json", **machine)).records
        assert len({attempt["thread_id"] for attempt in attempts}) == 1
