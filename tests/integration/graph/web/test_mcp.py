"""The protocol's server, asked by the package's own client over standard input and output and over HTTP."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.integration.graph.command import OURS, gridwise, start

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def over_stdio(cwd: Path, **environment: str) -> AsyncIterator[Client]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "graph.cli", "mcp"],
        cwd=cwd,
        env={**inherited, "HOME": str(cwd), **environment},
    )
    async with Client(server) as client:
        yield client


@asynccontextmanager
async def over_http(cwd: Path, **environment: str) -> AsyncIterator[Client]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await start("mcp", "--http", "--port", str(port), cwd=cwd, **environment)
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    assert process.returncode is None
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    await writer.wait_closed()
                    break
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            yield client
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def recorded(tmp_path: Path) -> dict[str, Any]:
    return {"cwd": tmp_path, "GRIDWISE_SOURCES": "recorded"}


@pytest.mark.parametrize("connected", [over_stdio, over_http])
async def test_a_client_plans_without_any_database(tmp_path: Path, connected: Any) -> None:
    async with connected(**recorded(tmp_path)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools.keys() == {"plan", "submit", "list", "show", "relax", "cancel"}
        assert all(tool.output_schema and tool.description for tool in tools.values())
        found = await client.call_tool("plan", {"region": "London", "workload": {"hours": 2, "gpus": 1}})
        assert not found.is_error
        assert found.structured_content["region"] == "London"
        refused = await client.call_tool("plan", {"workload": {"hours": 6, "deadline": "in 2 hours"}})
        assert refused.is_error
        assert "\n1. deadline" in refused.content[0].text
        unknown = await client.call_tool("plan", {"workload": {"durationn": 3}})
        assert unknown.is_error
        assert "durationn" in unknown.content[0].text


async def test_a_client_submits_looks_and_cancels(machine: dict[str, Any]) -> None:
    async with over_stdio(**machine) as client:
        submitted = await client.call_tool("submit", {"name": "from an editor", "workload": {"hours": 1}})
        workload_id = submitted.structured_content["id"]
        listed = (await client.call_tool("list", {})).structured_content["workloads"]
        assert [(one["id"], one["status"]) for one in listed] == [(workload_id, "pending")]
        assert (await gridwise("run", "--until-empty", **machine)).code == 0
        shown = (await client.call_tool("show", {"workload": "from an editor"})).structured_content
        assert shown["status"] == "queued"
        assert shown["recommended_region"]
        assert shown["decision_summary"]
        cancelled = await client.call_tool("cancel", {"workload": workload_id[:8]})
        assert cancelled.structured_content == {"id": workload_id, "cancelled": True}
        again = await client.call_tool("cancel", {"workload": workload_id})
        assert again.structured_content["cancelled"] is False
        missing = await client.call_tool("show", {"workload": "nothing of the kind"})
        assert missing.is_error


async def test_a_failed_workload_says_what_would_help_and_runs_once_that_is_accepted(machine: dict[str, Any]) -> None:
    async with over_stdio(**machine) as client:
        workload = {"hours": 3, "max_price": 0.0001}
        await client.call_tool("submit", {"name": "too dear", "workload": workload})
        assert (await gridwise("run", "--until-empty", **machine)).code == 0
        shown = (await client.call_tool("show", {"workload": "too dear"})).structured_content
        assert shown["status"] == "failed"
        assert shown["agent_error"]
        assert [one["n"] for one in shown["relaxations"]][:1] == [1]
        assert (await client.call_tool("relax", {"workload": "too dear", "n": 99})).is_error
        relaxed = await client.call_tool("relax", {"workload": "too dear", "n": 1})
        assert relaxed.structured_content["status"] == "pending"
        assert (await gridwise("run", "--until-empty", **machine)).code == 0
        placed = (await client.call_tool("show", {"workload": "too dear"})).structured_content
        assert placed["status"] == "queued"
        assert placed["recommended_region"]
