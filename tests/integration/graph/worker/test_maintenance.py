"""What a poller tidies up in passing, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from graph.worker import maintenance
from graph.worker.maintenance import Maintenance
from graph.worker.metrics import Metrics
from persistence.connections.pool import open_pool
from persistence.retry import Outage, Retrier
from persistence.store.open import Store

pytestmark = pytest.mark.anyio

DAY = 86400.0


@pytest.fixture
async def keep(database_url: str, store: Store) -> AsyncIterator[Callable[..., Maintenance]]:
    async with open_pool(database_url, name="checkpoints", max_size=2) as pool:

        def keeper(*, retention_days: float = 7, history_days: float = 90) -> Maintenance:
            log = structlog.get_logger()
            return Maintenance(
                store=store, checkpoints=pool, metrics=Metrics(), retry=Retrier(Outage(log)), log=log,
                retention_seconds=retention_days * DAY, history_seconds=history_days * DAY,
            )  # fmt: skip

        yield keeper


@pytest.fixture
def history(open_connection: Callable[[], Any]) -> Callable[..., Any]:
    """Attempts that ended that many days ago; without `days_ago`, the number that is left."""

    async def attempts(count: int = 0, *, days_ago: float = 0) -> int:
        async with open_connection() as connection:
            await connection.execute(
                "insert into agent.runs (workload_id, token, thread_id, attempt, outcome, claimed_at, ended_at)"
                " select gen_random_uuid(), nextval('agent.fence'), gen_random_uuid(), 1, 'queued', t, t"
                " from generate_series(1, %s), lateral (select now() - %s * interval '1 day') as m (t)",
                (count, days_ago),
            )
            (left,) = await (await connection.execute("select count(*) from agent.runs")).fetchone()
            return int(left)

    return attempts


async def test_history_goes_in_the_same_pass_as_the_checkpoints_that_held_it(
    keep: Callable[..., Maintenance], history: Any
) -> None:
    await history(3, days_ago=91)
    await history(2, days_ago=89)
    with capture_logs() as logs:
        await keep().once()
    assert await history() == 2
    assert ("Trimmed attempts from the history", 3) in [(entry["event"], entry["count"]) for entry in logs]


async def test_history_outlives_checkpoints_that_are_kept_for_longer(
    keep: Callable[..., Maintenance], history: Any
) -> None:
    await history(3, days_ago=200)
    await keep(retention_days=365, history_days=90).once()
    assert await history() == 3
    await keep(retention_days=150, history_days=90).once()
    assert await history() == 0


async def test_a_pass_is_bounded_and_the_next_goes_on(
    keep: Callable[..., Maintenance], history: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "TRIM_BATCH", 10)
    monkeypatch.setattr(maintenance, "TRIM_BATCHES", 3)
    await history(50, days_ago=100)
    keeper = keep()
    assert [await _left(keeper, history) for _ in range(3)] == [20, 0, 0]


async def _left(keeper: Maintenance, history: Any) -> int:
    await keeper.once()
    return int(await history())


async def test_a_long_backlog_of_threads_is_no_outage_and_bounded(
    keep: Callable[..., Maintenance], history: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call is timed, not the pass: a database that answers is never called unreachable."""
    monkeypatch.setattr(maintenance, "PRUNE_BATCH", 2)
    monkeypatch.setattr(maintenance, "PRUNE_BATCHES", 3)
    monkeypatch.setattr(maintenance, "STEP_SECONDS", 0.5)
    delete = maintenance.delete_threads

    async def slowly(*arguments: Any) -> None:
        await asyncio.sleep(0.3)
        await delete(*arguments)

    monkeypatch.setattr(maintenance, "delete_threads", slowly)
    await history(8, days_ago=8)
    with capture_logs() as logs:
        await keep().once()
        await keep().once()
    assert [(entry["event"], entry["count"]) for entry in logs] == [
        ("Pruned the checkpoints of finished runs", 6),
        ("Pruned the checkpoints of finished runs", 2),
    ]
