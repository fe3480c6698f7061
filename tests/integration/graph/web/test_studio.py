"""`langgraph dev`, offline and without keys: a run through its HTTP API ends with a recommendation."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from graph.cli.samples import sample_rows
from tests.integration.graph.command import start

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server(home: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (home["cwd"] / "server.log").open("w+") as log:
        process = await start("dev", "--port", str(port), stdout=log, stderr=log, **home)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                async with asyncio.timeout(60):
                    while not await _is_up(client):
                        assert process.returncode is None, (home["cwd"] / "server.log").read_text()
                yield client
        finally:
            process.terminate()
            await process.wait()
    assert not list(home["cwd"].glob("data/**/postmaster.pid"))


async def _is_up(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/ok")).status_code == 200
    except httpx.TransportError:
        return False


async def test_a_sample_workload_is_placed_through_the_api_and_every_step_is_seen(server: httpx.AsyncClient) -> None:
    now = datetime.now(UTC)
    row: dict[str, Any] = {**sample_rows(now, run="dev")[0], "submitted_at": now.isoformat()}
    thread = (await server.post("/threads", json={})).json()["thread_id"]
    answer = await server.post(
        f"/threads/{thread}/runs/wait", json={"assistant_id": "placement", "input": {"row": row, "clock": None}}
    )
    assert answer.status_code == 200, answer.text
    recommendation = answer.json()["recommendation"]
    assert recommendation["decision_summary"]
    assert 1 <= len(recommendation["options"]) <= 3
    assistants = (await server.post("/assistants/search", json={"graph_id": "placement"})).json()
    graph = (await server.get(f"/assistants/{assistants[0]['assistant_id']}/graph", params={"xray": "true"})).json()
    nodes = {node["id"] for node in graph["nodes"]}
    for agent in ("compute", "energy", "head"):
        assert {f"{agent}:model", f"{agent}:tools", f"{agent}:answer"} <= nodes
