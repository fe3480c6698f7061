"""One durable run: what it does follows from the checkpoint alone."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl

from agents.model.errors import ModelError
from graph.worker.executor import ExecutorConfig
from graph.worker.outcome import Drained, Failed, Lost, Recommended, Report, Retry
from persistence.checkpoints.fenced import FencedSaver
from persistence.connections.pool import Pool
from persistence.errors import InvalidWorkload
from persistence.store.open import Store
from persistence.store.queue import Claim
from tests.graphs import State, chain, executor_config, recommendation, run_workload, step
from tools.errors import Infeasible, Relaxation

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 14, 10, 7, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Run = Callable[..., Any]


@pytest.fixture
def services(pool: Pool, store: Store, clock: Clock) -> Callable[[StateGraph[Any, Any, Any, Any]], ExecutorConfig]:
    def make(graph: StateGraph[Any, Any, Any, Any]) -> ExecutorConfig:
        return executor_config(store, pool, graph, clock=clock, patience_seconds=0.2)

    return make


@pytest.fixture
async def claim(store: Store) -> Claim:
    await store.operations.submit([{"workload_name": "nightly training"}])
    (claimed,) = await store.queue.claim(owner="first", limit=1, lease_seconds=60, max_attempts=5)
    return claimed


async def again(store: Store, claim: Claim) -> Claim:
    """What the next holder gets: the same thread under a newer token."""
    assert await store.queue.release([claim.lease]) == 1
    (claimed,) = await store.queue.claim(owner="second", limit=1, lease_seconds=60, max_attempts=5)
    assert claimed.lease.thread_id == claim.lease.thread_id
    return claimed


class HangsOnce:
    """A node in which the first run stays until it is killed."""

    def __init__(self, calls: list[str], name: str) -> None:
        self.calls, self.name = calls, name
        self.reached = asyncio.Event()

    async def __call__(self, state: object) -> Mapping[str, Any]:
        self.calls.append(self.name)
        if not self.reached.is_set():
            self.reached.set()
            await asyncio.Event().wait()
        return {"steps": [self.name]}

    async def kill(self, run: asyncio.Task[Report]) -> None:
        await self.reached.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run


async def test_a_new_workload_is_started_with_its_row_and_the_clock(services: Run, claim: Claim, clock: Clock) -> None:
    seen: list[dict[str, Any]] = []

    async def look(state: dict[str, Any]) -> Mapping[str, Any]:
        seen.append(dict(state))
        return {"steps": ["look"]}

    report = await run_workload(claim, services(chain(look=look)), RunControl())
    assert isinstance(report.outcome, Recommended)
    assert report.begun == "started"
    assert seen[0]["row"]["workload_name"] == "nightly training"
    assert seen[0]["clock"] == NOW


async def test_the_next_holder_resumes_behind_the_last_finished_step(
    services: Run, claim: Claim, store: Store, clock: Clock
) -> None:
    calls: list[str] = []
    second = HangsOnce(calls, "second")
    graph = services(chain(first=step("first", calls), second=second, third=step("third", calls)))
    await second.kill(asyncio.create_task(run_workload(claim, graph, RunControl())))
    clock.now += timedelta(minutes=5)
    report = await run_workload(await again(store, claim), graph, RunControl())
    assert report.begun == "resumed"
    assert calls == ["first", "second", "second", "third"]
    assert isinstance(report.outcome, Recommended)
    assert report.outcome.recommendation == recommendation(NOW, summary="first,second,third")


async def test_a_finished_thread_is_read_back_without_running_anything(
    services: Run, claim: Claim, store: Store
) -> None:
    calls: list[str] = []
    graph = services(chain(first=step("first", calls)))
    first = await run_workload(claim, graph, RunControl())
    second = await run_workload(await again(store, claim), graph, RunControl())
    assert second.begun == "read back"
    assert second.outcome == first.outcome
    assert calls == ["first"]


@pytest.mark.parametrize(
    ("late_by", "starts_in", "is_anew"),
    [
        (timedelta(minutes=31), timedelta(hours=3), True),
        (timedelta(minutes=29), timedelta(hours=3), False),
        (timedelta(minutes=10), timedelta(minutes=9), True),
        (timedelta(minutes=10), timedelta(0), False),
        (timedelta(minutes=24), timedelta(0), True),
    ],
    ids=["clock over one slot old", "still fresh", "window has begun", "same half-hour", "next half-hour"],
)
async def test_a_plan_that_has_become_the_past_is_made_anew_on_a_new_thread(
    services: Run,
    claim: Claim,
    store: Store,
    clock: Clock,
    late_by: timedelta,
    starts_in: timedelta,
    is_anew: bool,
) -> None:
    calls: list[str] = []

    async def decide(state: dict[str, Any]) -> Mapping[str, Any]:
        calls.append("decide")
        return {"recommendation": recommendation(state["clock"], starts_in=starts_in)}

    plan = services(_only(decide))
    await run_workload(claim, plan, RunControl())
    clock.now += late_by
    report = await run_workload(await again(store, claim), plan, RunControl())
    assert isinstance(report.outcome, Recommended)
    assert len(calls) == (2 if is_anew else 1)
    assert (report.lease.thread_id != claim.lease.thread_id) is is_anew
    if is_anew:
        assert report.begun == "started"
        assert report.outcome.recommendation.options[0].start == clock.now + starts_in


def _only(node: Any) -> StateGraph[Any, Any, Any, Any]:
    builder = StateGraph(State)
    builder.add_node("decide", node)
    builder.add_edge(START, "decide")
    builder.add_edge("decide", END)
    return builder


async def test_a_node_renamed_under_a_waiting_thread_does_not_pass_for_success(
    services: Run, claim: Claim, store: Store
) -> None:
    calls: list[str] = []
    old = HangsOnce(calls, "old")
    first = step("first", calls)
    await old.kill(asyncio.create_task(run_workload(claim, services(chain(first=first, old=old)), RunControl())))
    renamed = chain(first=first, new=step("new", calls))
    report = await run_workload(await again(store, claim), services(renamed), RunControl())
    assert isinstance(report.outcome, Recommended)
    assert report.lease.thread_id != claim.lease.thread_id
    assert calls == ["first", "old", "first", "new"]


async def test_a_run_that_was_taken_over_writes_no_checkpoint_and_says_lost(
    services: Run, claim: Claim, store: Store, pool: Pool
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait(state: object) -> Mapping[str, Any]:
        reached.set()
        await go_on.wait()
        return {"steps": ["late"]}

    run = asyncio.create_task(run_workload(claim, services(chain(wait=wait)), RunControl()))
    await reached.wait()
    taker = await again(store, claim)
    await FencedSaver(pool, thread_id=taker.lease.thread_id, token=taker.lease.token).open()
    go_on.set()
    assert (await run).outcome == Lost()


async def test_a_drain_stops_between_two_steps_and_the_next_holder_goes_on(
    services: Run, claim: Claim, store: Store
) -> None:
    calls: list[str] = []
    control = RunControl()

    async def ask(state: object) -> Mapping[str, Any]:
        control.request_drain()
        return {"steps": ["ask"]}

    graph = services(chain(ask=ask, after=step("after", calls)))
    assert (await run_workload(claim, graph, control)).outcome == Drained()
    assert calls == []
    report = await run_workload(await again(store, claim), graph, RunControl())
    assert isinstance(report.outcome, Recommended)
    assert calls == ["after"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidWorkload(("required_gpu_mins -5 is negative.",)), Failed(error="required_gpu_mins -5 is negative.")),
        (
            Infeasible(
                "No window.",
                binding="deadline",
                relaxations=(Relaxation(limit="deadline", given="12:00", needed="13:00", alternative="South Wales"),),
            ),
            Failed(
                error="No window.",
                details={
                    "provenance": {"binding": "deadline", "alternatives": ["deadline 12:00 → 13:00: South Wales"]},
                    "relaxations": [],
                },
            ),
        ),
        (ModelError("The key is wrong.", kind="unauthenticated"), Failed(error="The key is wrong.")),
        (
            ModelError("Too many requests.", kind="rate_limited", retryable=True, retry_after_seconds=27),
            Retry(error="Too many requests.", after_seconds=27),
        ),
        (ModelError("Timed out.", kind="timeout", retryable=True), Retry(error="Timed out.")),
    ],
    ids=["malformed row", "infeasible", "bad key", "rate limited", "timeout"],
)
async def test_what_a_node_raises_becomes_the_outcome(
    services: Run, claim: Claim, error: Exception, outcome: object
) -> None:
    async def fail(state: object) -> Mapping[str, Any]:
        raise error

    report: Report = await run_workload(claim, services(chain(fail=fail)), RunControl())
    assert report.outcome == outcome


async def test_an_exception_that_nobody_foresaw_is_retried_and_keeps_its_cause(services: Run, claim: Claim) -> None:
    async def fail(state: object) -> Mapping[str, Any]:
        raise KeyError("kw")

    outcome = (await run_workload(claim, services(chain(fail=fail)), RunControl())).outcome
    assert isinstance(outcome, Retry)
    assert outcome.error == "Unexpected KeyError: 'kw'"
    assert isinstance(outcome.cause, KeyError)


async def test_a_run_that_is_stuck_is_stopped(services: Run, claim: Claim) -> None:
    async def hang(state: object) -> Mapping[str, Any]:
        await asyncio.Event().wait()
        return {}

    bounded = replace(services(chain(hang=hang)), max_run_seconds=0.3)
    outcome = (await run_workload(claim, bounded, RunControl())).outcome
    assert isinstance(outcome, Retry)
    assert "took longer" in outcome.error


async def test_the_checkpoint_says_whose_it_is(services: Run, claim: Claim, pool: Pool) -> None:
    await run_workload(claim, services(chain()), RunControl())
    async with pool.connection() as connection:
        row = await (
            await connection.execute(
                "select metadata from agent_checkpoints.checkpoints order by checkpoint_id limit 1"
            )
        ).fetchone()
    metadata = row["metadata"]
    assert metadata["workload_id"] == str(claim.lease.workload_id)
    assert (metadata["attempt"], metadata["token"]) == (1, claim.lease.token)
