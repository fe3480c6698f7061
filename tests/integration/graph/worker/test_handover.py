"""Runs handed to a real LangGraph Server, with kills of the poller and of the server in the middle."""

import asyncio
import os
import signal
import socket
import sys
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


class Gated:
    """Answers as the offline planner would, each call only when it is let through."""

    def __init__(self) -> None:
        self.open_until = 0

    def script(self, _request: GenerateRequest, number: int) -> Step:
        def answer(request: GenerateRequest) -> Reply:
            reply = honest(request)
            delay = 0.0 if number < self.open_until else 3.0
            return Reply(reply.body, status=reply.status, headers=reply.headers, delay_seconds=delay)

        return answer


@pytest.fixture
def machine(machine: dict[str, Any]) -> dict[str, Any]:
    return {**machine, "GRIDWISE_LEASE_SECONDS": "3"}


@asynccontextmanager
async def langgraph_server(machine: dict[str, Any], port: int) -> AsyncIterator[Process]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    own = {name: value for name, value in machine.items() if name != "cwd"}
    with (machine["cwd"] / "server.log").open("a") as log:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "langgraph",
            *("dev", "--no-browser", "--no-reload", "--port", str(port)),
            cwd=ROOT,
            env={**environment, "HOME": str(machine["cwd"]), **own},
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
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not condition():
            await asyncio.sleep(0.05)


async def test_placed_failed_and_a_killed_poller_is_followed_by_one_that_joins_the_same_run(
    machine: dict[str, Any],
) -> None:
    gate = Gated()
    with StandIn(gate.script) as model:
        machine |= {"GEMINI_API_KEY": "key", "GEMINI_BASE_URL": model.base_url}
        port = free_port()
        handed = ("run", "--until-empty", "--server", f"http://127.0.0.1:{port}")
        async with langgraph_server(machine, port):
            gate.open_until = 10**9
            (first,) = (await gridwise("submit", "undisturbed", "--hours", "1", "--json", **machine)).records
            (wrong,) = (
                await gridwise("submit", "no", "--hours", "2", "--max-price", "0.0001", "--json", **machine)
            ).records
            assert (await gridwise(*handed, **machine)).code == 0
            (shown,) = (await gridwise("show", first["id"], "--json", **machine)).records
            assert shown["status"] == "queued"
            assert shown["recommended_region"]
            (failed,) = (await gridwise("show", wrong["id"], "--json", **machine)).records
            assert failed["status"] == "failed"
            assert "max_price_gbp" in failed["agent_error"]
            calls = len(model.requests)

            gate.open_until = calls + 1
            (second,) = (await gridwise("submit", "disturbed", "--hours", "1", "--json", **machine)).records
            poller = await start(*handed, **machine)
            await until(lambda: len(model.requests) >= calls + 2)
            poller.kill()
            await poller.communicate()
            assert (await gridwise(*handed, **machine)).code == 0
            (shown,) = (await gridwise("show", second["id"], "--json", **machine)).records
            assert shown["status"] == "queued"
            assert len(model.requests) == 2 * calls  # no call was made again
            attempts = (await gridwise("history", second["id"], "--json", **machine)).records
            assert [attempt["outcome"] for attempt in attempts] == ["lost", "queued"]
            threads = {attempt["thread_id"] for attempt in attempts}
            assert len(threads) == 1
            async with get_client(url=f"http://127.0.0.1:{port}", api_key=None) as client:
                assert len(await client.runs.list(threads.pop())) == 1
