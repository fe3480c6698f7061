"""Groups of results: whatever becomes of one, each caller gets an answer of its own."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from graph.worker.completer import BatchCompleter
from persistence.retry import Backoff, Outage, Retrier
from persistence.store.queue import Completed, Lease
from tests.bench.queue_alone import Silent
from tests.graphs import recommendation

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def lease(token: int) -> Lease:
    return Lease(workload_id=uuid4(), thread_id=uuid4(), token=token, owner="me", attempt=1, until=NOW)


class Faulty:
    """Fault injection in place of the store: a token below ten is written, the others are not foreseen."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.busy: set[int] = set()

    async def complete_all(self, results: Sequence[tuple[Lease, Any]]) -> Completed:
        tokens = [one.token for one, _ in results]
        self.groups.append(tokens)
        if max(tokens) >= 10:
            raise ZeroDivisionError
        busy, self.busy = self.busy & set(tokens), set()
        return Completed(written=frozenset(set(tokens) - busy), busy=frozenset(busy))


@pytest.fixture
def store() -> Faulty:
    return Faulty()


@pytest.fixture
def completer(store: Faulty) -> BatchCompleter:
    return BatchCompleter(
        store, Retrier(Outage(Silent()), Random(1)), max_attempts=5, backoff=Backoff(), random=Random(1)
    )  # type: ignore[arg-type]


async def test_an_error_that_nobody_foresaw_reaches_its_own_caller(completer: BatchCompleter, store: Faulty) -> None:
    answer = recommendation(NOW)
    async with asyncio.timeout(10):
        found = await asyncio.gather(
            *(completer.write(lease(token), answer) for token in (1, 2, 10, 3)), return_exceptions=True
        )
        assert [type(one) for one in found] == [bool, bool, ZeroDivisionError, bool]
        assert await completer.write(lease(4), answer), "the next group is written"
    assert [1, 2, 10, 3] in store.groups or [2, 10, 3] in store.groups


async def test_a_busy_result_is_sent_again_and_holds_nobody_up(completer: BatchCompleter, store: Faulty) -> None:
    store.busy = {1}
    answer = recommendation(NOW)
    async with asyncio.timeout(10):
        assert await asyncio.gather(*(completer.write(lease(token), answer) for token in (1, 2))) == [True, True]
    assert sum(1 in group for group in store.groups) == 2
    assert sum(2 in group for group in store.groups) == 1


async def test_nobody_waits_for_a_writer_that_was_stopped(completer: BatchCompleter, store: Faulty) -> None:
    stuck = asyncio.Event()

    async def never(results: Sequence[tuple[Lease, Any]]) -> Completed:
        stuck.set()
        await asyncio.Event().wait()
        raise AssertionError

    store.complete_all = never  # type: ignore[method-assign]
    waiting = asyncio.create_task(completer.write(lease(1), recommendation(NOW)))
    await stuck.wait()
    writer = completer._writer
    assert writer is not None
    writer.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await waiting
