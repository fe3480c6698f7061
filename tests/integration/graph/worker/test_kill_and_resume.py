"""The walkthrough of docs/operations.md: kill a poller, watch another one go on where it stopped."""

import asyncio
import json
import signal
from asyncio.subprocess import DEVNULL
from typing import Any

import psycopg
import pytest

from tests.integration.graph.command import gridwise, start

pytestmark = pytest.mark.anyio

COUNT = 12


@pytest.fixture
def machine(machine: dict[str, Any]) -> dict[str, Any]:
    return {**machine, "GRIDWISE_LEASE_SECONDS": "3"}


async def test_a_killed_poller_is_followed_by_one_that_resumes(machine: dict[str, Any]) -> None:
    rows = "\n".join(
        json.dumps({"workload_name": f"night {number}", "required_gpu_mins": 60, "estimated_duration_hours": 1})
        for number in range(COUNT)
    )
    submitted = await gridwise("submit", "--file", "-", "--json", given=rows, **machine)
    assert submitted.code == 0, submitted.err

    await _kill_in_the_middle(machine)
    (status,) = (await gridwise("status", "--json", **machine)).records
    held = [lease["workload_id"] for lease in status["leases"] if lease["owner"]]
    assert held

    rest = await gridwise("run", "--until-empty", **machine)
    assert rest.code == 0, rest.err
    (status,) = (await gridwise("status", "--json", **machine)).records
    assert {count["status"]: count["count"] for count in status["counts"]} == {"queued": COUNT}

    histories = [(await gridwise("history", one, "--json", **machine)).records for one in held]
    assert all([entry["outcome"] for entry in history] == ["lost", "queued"] for history in histories)
    resumed = [history for history in histories if history[1]["resumed"]]
    assert resumed
    first, second = resumed[0]
    assert first["thread_id"] == second["thread_id"]
    assert first["steps"][0] == "prepare"
    assert "prepare" not in second["steps"]
    assert second["steps"][-1] == "conclude"

    text = (await gridwise("history", first["workload_id"], **machine)).out
    assert "lease lost" in text
    assert f"resumed at {second['steps'][0]}" in text


async def _kill_in_the_middle(machine: dict[str, Any]) -> None:
    """A poller, at a moment at which one of its runs has finished a step and not yet all."""
    query = (
        "select exists (select from agent.queue as l join agent_checkpoints.checkpoints as c"
        " on c.thread_id = l.thread_id::text where l.owner is not null and (c.metadata ->> 'step')::int > 0)"
    )
    poller = await start("run", stdout=DEVNULL, stderr=DEVNULL, **machine)
    async with await psycopg.AsyncConnection.connect(machine["DATABASE_URL"], autocommit=True) as connection:
        async with asyncio.timeout(60):
            while not (await (await connection.execute(query)).fetchone() or (False,))[0]:
                assert poller.returncode is None, "the poller ended by itself"
    poller.send_signal(signal.SIGKILL)
    await poller.wait()


async def test_a_failed_workload_gets_another_chance(machine: dict[str, Any]) -> None:
    row = json.dumps({"workload_name": "too dear", "estimated_energy_kwh": 100, "max_price_gbp": 0.01})
    submitted = await gridwise("submit", "--file", "-", "--json", given=row, **machine)
    (one,) = [record["id"] for record in submitted.records]
    await gridwise("run", "--until-empty", **machine)
    assert (await gridwise("show", one, **machine)).code == 1

    taken = await gridwise("retry", one, **machine)
    assert (taken.code, taken.out.strip()) == (0, f"{one} is pending again")
    await gridwise("run", "--until-empty", **machine)
    outcomes = [entry["outcome"] for entry in (await gridwise("history", one, "--json", **machine)).records]
    assert outcomes == ["failed", "failed"]

    unknown = "00000000-0000-0000-0000-000000000000"
    assert (await gridwise("retry", unknown, **machine)).code == 1
    assert (await gridwise("history", unknown, **machine)).code == 1
