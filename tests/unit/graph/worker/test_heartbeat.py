"""What the heartbeat tells of the database when there is nothing left to extend."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from graph.worker.heartbeat import Heartbeat
from persistence.errors import StoreError
from persistence.retry import Outage
from persistence.store.queue import Lease
from tests.integration.graph.rig import Log

pytestmark = pytest.mark.anyio
LEASE = Lease(
    workload_id=uuid4(), thread_id=uuid4(), token=1, owner="me", attempt=1, until=datetime(2026, 1, 5, tzinfo=UTC)
)


class Away:
    """Fault injection in place of the store: no lease can be extended, anything else is answered."""

    async def extend(self, leases: Sequence[Lease], *, lease_seconds: float) -> set[int]:
        if not leases:
            return set()
        msg = "the database is away"
        raise StoreError(msg, retryable=True)

    async def depth(self) -> dict[str, Any]:
        return {}


async def test_an_outage_that_it_met_is_over_even_if_nothing_is_left_to_extend() -> None:
    @asynccontextmanager
    async def open_store() -> AsyncIterator[Any]:
        away = Away()
        yield SimpleNamespace(queue=away, operations=away)

    log = Log()
    outage = Outage(log)
    heartbeat = Heartbeat(open_store, lease_seconds=0.3, outage=outage, log=log)
    heartbeat.watch(LEASE)
    heartbeat.start(on_lost=lambda _: None)
    try:
        await log.seen("Database unreachable")
        heartbeat.forget(LEASE)
        await log.seen("Database reachable again")
        assert not outage.is_on
    finally:
        await asyncio.wait_for(heartbeat.stop(), 10)
