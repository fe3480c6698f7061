"""`gridwise wait` and `gridwise sbatch` with real commands."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from persistence.store.open import open_postgres_store
from tests.integration.graph.command import gridwise, start

pytestmark = pytest.mark.anyio


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, Any]:
    return {"cwd": tmp_path, "GRIDWISE_SOURCES": "recorded"}


async def test_options_after_the_dashes_are_the_command_s_and_so_is_the_code(empty: dict[str, Any]) -> None:
    command = ("--", "sh", "-c", 'echo "$@"; exit 3', "sh", "--hours", "--json", "--", "-x")
    answer = await gridwise("wait", "--hours", "1", "--region", "London", "--max-wait", "0", *command, **empty)
    assert (answer.code, answer.out) == (3, "--hours --json -- -x\n")


async def test_a_dry_run_says_what_and_when_and_starts_nothing(empty: dict[str, Any]) -> None:
    answer = await gridwise("wait", "--hours", "1", "--region", "London", "--dry-run", "--", "touch", "x y", **empty)
    assert answer.code == 0
    assert "Would run then: touch 'x y'" in answer.out
    assert list(empty["cwd"].iterdir()) == []


async def test_a_wait_without_a_command_is_wrong_usage(empty: dict[str, Any]) -> None:
    answer = await gridwise("wait", "--hours", "1", **empty)
    assert answer.code == 2
    assert "after --" in answer.err


async def test_an_interrupted_wait_starts_nothing(empty: dict[str, Any]) -> None:
    later = (datetime.now(UTC) + timedelta(hours=6)).isoformat()
    process = await start(
        "wait", "--hours", "1", "--region", "London", "--earliest-start", later, "--", "touch", "ran", **empty
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while b"Waiting: starts" not in await process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 130
    assert not (empty["cwd"] / "ran").exists()


async def test_a_followed_workload_gets_what_really_ran(machine: dict[str, Any]) -> None:
    name = ("--hours", "1", "--urgency", "critical", "--deferral-mins", "0", "--json")
    (submitted,) = (await gridwise("submit", "held", *name, **machine)).records
    waiting = await start("wait", submitted["id"], "--max-wait", "20m", "--", "sh", "-c", "echo ran; exit 4", **machine)
    assert (await gridwise("run", "--until-empty", **machine)).code == 0
    async with open_postgres_store(machine["DATABASE_URL"]) as store:
        row = await store.operations.read(submitted["id"])
    assert row is not None
    starts = datetime.fromisoformat(str(row["recommended_time_window_start"]))
    if starts > datetime.now(UTC) + timedelta(seconds=5):  # later in this half-hour: not waited for here
        waiting.send_signal(signal.SIGTERM)
        await waiting.communicate()
        waiting = await start(
            "wait", submitted["id"], "--max-wait", "0", "--", "sh", "-c", "echo ran; exit 4", **machine
        )
    async with asyncio.timeout(90):
        out, err = await waiting.communicate()
    assert (waiting.returncode, out) == (4, b"ran\n"), err.decode()
    async with open_postgres_store(machine["DATABASE_URL"]) as store:
        row = await store.operations.read(submitted["id"])
    assert row is not None
    actual = row["metadata"]["actual_run"]  # type: ignore[index,call-overload]
    assert actual["exit_code"] == 4
    assert actual["start"] <= actual["end"]
    assert row["status"] == "queued"


async def test_a_failed_workload_starts_nothing(machine: dict[str, Any]) -> None:
    (submitted,) = (await gridwise("submit", "x", "--hours", "30", "--by", "in 2 hours", "--json", **machine)).records
    await gridwise("run", "--until-empty", **machine)
    answer = await gridwise("wait", submitted["id"], "--", "touch", "ran", **machine)
    assert answer.code == 1
    assert "failed" in answer.err
    assert not (machine["cwd"] / "ran").exists()


async def test_a_batch_script_gets_its_begin(empty: dict[str, Any]) -> None:
    script = empty["cwd"] / "job.sh"
    script.write_text("#!/bin/bash\n#SBATCH --time=02:00:00 --gres=gpu:2\nsrun true\n")
    answer = await gridwise("sbatch", "job.sh", "--region", "Manchester", **empty, TZ="UTC")
    assert answer.code == 0, answer.err
    begin = answer.out.splitlines()[1].removeprefix("#SBATCH --begin=")
    assert datetime.fromisoformat(begin + "+00:00") >= datetime.now(UTC) - timedelta(minutes=1)
    (record,) = (await gridwise("sbatch", "job.sh", "--region", "Manchester", "--json", **empty)).records
    assert (record["estimated_duration_hours"], record["required_gpu_mins"]) == (2, 240)
    assert (await gridwise("sbatch", "job.sh", "--region", "Manchester", "--write", **empty)).code == 0
    assert "--begin=" in script.read_text()
