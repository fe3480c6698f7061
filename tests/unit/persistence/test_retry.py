"""The one loop that repeats calls: what it repeats, when it ends, and what it says of the database."""

import asyncio
from collections.abc import Callable
from random import Random
from uuid import uuid4

import pytest

from persistence.errors import RowBusy, StoreError
from persistence.retry import Backoff, Outage, Retrier, Until
from tests.integration.graph.rig import Log

pytestmark = pytest.mark.anyio
QUICK = Backoff(base_seconds=0.001, cap_seconds=0.001)


class Failing:
    """Raises what it is given, one after the other, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def away() -> StoreError:
    return StoreError("away", retryable=True)


@pytest.fixture
async def retry() -> Callable[[], tuple[Retrier, Outage, Log]]:
    def make() -> tuple[Retrier, Outage, Log]:
        log = Log()
        outage = Outage(log)
        return Retrier(outage, Random(1), backoff=QUICK), outage, log

    return make


async def test_what_may_pass_is_repeated_until_it_answers_and_said_once(retry) -> None:
    retrier, outage, log = retry()
    call = Failing(away(), away(), away())
    assert await retrier("claim", call) == "answer"
    assert call.calls == 4
    assert not outage.is_on
    assert log.events == ["Database unreachable, retrying until it is back", "Database reachable again"]


async def test_what_cannot_pass_is_raised_at_once(retry) -> None:
    retrier, outage, _ = retry()
    call = Failing(StoreError("no such function"))
    with pytest.raises(StoreError, match="no such function"):
        await retrier("claim", call)
    assert call.calls == 1
    assert not outage.is_on


async def test_attempts_are_counted(retry) -> None:
    retrier, _, _ = retry()
    call = Failing(*(away() for _ in range(5)))
    with pytest.raises(StoreError, match="away"):
        await retrier("claim", call, until=Until(attempts=3))
    assert call.calls == 3


async def test_the_time_counts_from_the_first_failure() -> None:
    call = Failing(*(away() for _ in range(10_000)))
    with pytest.raises(StoreError):
        await asyncio.wait_for(Retrier(random=Random(1), backoff=QUICK)("run", call, until=Until(seconds=0.05)), 5)
    assert call.calls > 1


async def test_a_call_without_an_answer_counts_as_failed_and_an_outage(retry) -> None:
    retrier, outage, log = retry()
    answers = iter([asyncio.Event().wait, Failing()])
    assert await retrier("claim", lambda: next(answers)(), timeout=0.05) == "answer"
    assert log.entries[0][1]["error"] == "The database did not answer within 0.05 s."
    assert not outage.is_on


async def test_a_time_out_of_the_callers_own_is_not_the_databases(retry) -> None:
    retrier, outage, _ = retry()
    with pytest.raises(TimeoutError):
        await retrier("run", Failing(TimeoutError()), timeout=5)
    assert not outage.is_on


async def test_a_row_that_is_locked_is_no_outage(retry) -> None:
    retrier, _, log = retry()
    assert await retrier("complete", Failing(RowBusy(uuid4()))) == "answer"
    assert log.events == []
