"""What a poller repeats in the background goes on whatever one round meets."""

import asyncio
from random import Random
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import FilteringBoundLogger

from graph.worker.periodic import periodically
from persistence.errors import StoreError

pytestmark = pytest.mark.anyio


async def test_a_round_that_fails_is_logged_and_followed_by_the_next() -> None:
    over = asyncio.Event()
    rounds: list[Any] = [StoreError("away", retryable=True), ValueError("nobody foresaw it"), 0.0]

    async def once() -> float:
        match rounds.pop(0) if rounds else None:
            case Exception() as error:
                raise error
            case float() as seconds:
                return seconds
        over.set()
        return 3600

    log: FilteringBoundLogger = structlog.get_logger()
    with capture_logs() as logs:
        task = asyncio.create_task(periodically("sweep", once, interval_seconds=0.01, random=Random(1), log=log))
        await asyncio.wait_for(over.wait(), 5)
        task.cancel()
        await asyncio.wait({task})
    assert [(entry["event"], entry["task"]) for entry in logs] == [("Background task failed", "sweep")] * 2
    assert logs[0]["error"] == "away"
    assert isinstance(logs[1]["exc_info"], ValueError)
