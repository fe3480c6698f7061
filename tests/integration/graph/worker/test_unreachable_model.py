"""Gemini behind a closed port: every workload fails in the documented way, and no other model steps in."""

import asyncio
import signal
import socket
from typing import Any

import psycopg
import pytest

from tests.integration.graph.command import start

pytestmark = pytest.mark.anyio

KEY = "nonsense-key-0123456789"


async def test_workloads_fail_visibly_and_the_poller_goes_on(machine: dict[str, Any], open_connection: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        process = await start(
            "run",
            GEMINI_API_KEY=KEY,
            GEMINI_BASE_URL=f"http://127.0.0.1:{closed.getsockname()[1]}",
            GRIDWISE_MAX_ATTEMPTS="1",
            WORKLOAD_POLL_INTERVAL="0.2",
            **machine,
        )
        async with open_connection() as connection:
            for name in ("first", "second"):
                await connection.execute(
                    "insert into compute_workloads (workload_name, required_cpu_cores, estimated_duration_hours)"
                    " values (%s, 4, 1)",
                    (name,),
                )
                row = await _when_terminal(connection, name)
                assert row["status"] == row["agent_status"] == "failed"
                assert "language model" in row["agent_error"]
                assert row["decision_summary"] is None
                assert row["recommended_region"] is None
        assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert KEY not in out.decode() + err.decode()


async def _when_terminal(connection: psycopg.AsyncConnection[Any], name: str) -> dict[str, Any]:
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    async with asyncio.timeout(90):
        while True:
            await cursor.execute("select * from compute_workloads where workload_name = %s", (name,))
            row = await cursor.fetchone()
            if row is not None and row["status"] in {"failed", "queued"}:
                return row
            await asyncio.sleep(0.05)
