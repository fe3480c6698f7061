"""One durable run of a workload: started, resumed, or only read back, as its checkpoint says.

A process may die between any two statements here. What the next holder of the lease does follows from what is stored
and from nothing else, so that no step is repeated that has finished, and nothing is recommended that has passed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, TypeAlias

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl
from pydantic import JsonValue

from graph.worker.outcome import Begun, Drained, Failed, Lost, Outcome, Recommended, Report, Retry
from persistence.checkpoint import FencedSaver
from persistence.connections.pool import Pool
from persistence.errors import InvalidWorkload, LeaseLost, StoreError
from persistence.retry import Backoff
from persistence.store.queue import Claim, Lease
from persistence.workload import Recommendation, Row
from tools.errors import GridwiseError, Infeasible, PowerTaken
from tools.slots import SLOT

GraphBuilder: TypeAlias = Callable[[BaseCheckpointSaver[Any]], CompiledStateGraph[Any, Any, Any, Any]]
InputFor: TypeAlias = Callable[[Row, datetime], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunServices:
    """What every run of one process shares."""

    build: GraphBuilder
    """The graph, compiled with the given saver. Its state has `clock` and, once it has succeeded, `recommendation`."""
    input_for: InputFor
    """The graph's input for a row; the second argument becomes the run's clock."""
    checkpoints: Pool
    new_thread: Callable[[Lease], Awaitable[Lease]]
    clock: Callable[[], datetime]
    random: Random
    stored_types: tuple[type, ...] = ()
    graph_version: str = "1"
    max_run_seconds: float = 900
    patience_seconds: float = 120
    """How long a run waits, in place, for the database to come back."""
    recursion_limit: int = 200


async def run_workload(
    claim: Claim, services: RunServices, control: RunControl, callbacks: list[BaseCallbackHandler] | None = None
) -> Report:
    """Run the claimed workload to its outcome; raises nothing but cancellation.

    A database that goes away is waited for in place: the run then goes on from its last checkpoint under the same
    lease, and no attempt is spent on it.
    """
    run = _Run(claim, services, control, callbacks or [])
    try:
        async with asyncio.timeout(services.max_run_seconds):
            outcome = await run.to_outcome()
    except TimeoutError:
        outcome = Retry(error=f"The run took longer than {services.max_run_seconds:.0f} s and was stopped.")
    return Report(lease=run.lease, outcome=outcome, begun=run.begun)


class _Run:
    def __init__(
        self, claim: Claim, services: RunServices, control: RunControl, callbacks: list[BaseCallbackHandler]
    ) -> None:
        self.lease = claim.lease
        self.begun: Begun | None = None
        self._row = claim.row
        self._services = services
        self._control = control
        self._callbacks = callbacks

    async def to_outcome(self) -> Outcome:
        backoff = Backoff(base_seconds=0.1, cap_seconds=2)
        loop = asyncio.get_running_loop()
        failures = 0
        first_failure_at = 0.0
        while True:
            try:
                return await self._attempt()
            except StoreError as error:
                now = loop.time()
                first_failure_at = first_failure_at if failures else now
                failures += 1
                if not error.retryable or now - first_failure_at > self._services.patience_seconds:
                    return classify(error)
                await asyncio.sleep(backoff.delay_seconds(failures, self._services.random))
            except Exception as error:
                return classify(error)

    async def _attempt(self) -> Outcome:
        """At most two threads: a plan that is too late, or whose power others have taken, is made anew, once."""
        values: Mapping[str, Any] = {}
        must_plan_anew = False
        try:
            values = await self._to_end()
        except PowerTaken:
            must_plan_anew = True
        if must_plan_anew or ("recommendation" not in values and self.begun != "started"):
            self.lease = await self._services.new_thread(self.lease)
            values = await self._to_end()
        if "recommendation" not in values:
            return Failed(error="Internal error: the run ended without a recommendation.")
        recommendation = values["recommendation"]
        if not isinstance(recommendation, Recommendation):
            msg = f"the state's recommendation is a {type(recommendation).__name__}"
            raise TypeError(msg)
        return Recommended(recommendation=recommendation)

    async def _to_end(self) -> Mapping[str, Any]:
        """The final state of the lease's thread; empty if that thread cannot or must not be continued."""
        services = self._services
        saver = FencedSaver(
            services.checkpoints,
            thread_id=self.lease.thread_id,
            token=self.lease.token,
            stored_types=services.stored_types,
        )
        state = await saver.open()
        graph = services.build(saver)
        config = self._config()
        if state == "new":
            self.begun = "started"
            return await self._invoke(graph, services.input_for(self._row, services.clock()), config)
        snapshot = await graph.aget_state(config)
        if is_too_late(snapshot.values, services.clock()):
            return {}
        if snapshot.next:
            self.begun = self.begun or "resumed"
            return await self._invoke(graph, None, config)
        self.begun = self.begun or "read back"
        return snapshot.values

    async def _invoke(
        self, graph: CompiledStateGraph[Any, Any, Any, Any], given: Mapping[str, Any] | None, config: RunnableConfig
    ) -> Mapping[str, Any]:
        return await graph.ainvoke(given, config, durability="sync", control=self._control) or {}

    def _config(self) -> RunnableConfig:
        lease = self.lease
        return {
            "configurable": {"thread_id": str(lease.thread_id)},
            "metadata": {
                "workload_id": str(lease.workload_id),
                "attempt": lease.attempt,
                "token": lease.token,
                "graph_version": self._services.graph_version,
            },
            "callbacks": self._callbacks,
            "recursion_limit": self._services.recursion_limit,
            "run_name": "gridwise",
        }


def is_too_late(values: Mapping[str, Any], now: datetime) -> bool:
    """Whether what this thread knows or has decided is of the past: its clock is over one slot old, or the window that
    it chose has begun. A window that began with the run itself may still be used within its half-hour.
    """
    clock = values.get("clock")
    if not isinstance(clock, datetime):
        return False
    if now - clock > SLOT:
        return True
    recommendation = values.get("recommendation")
    if not isinstance(recommendation, Recommendation):
        return False
    start = recommendation.options[0].start
    if start <= clock:
        return _slot(now) > _slot(start)
    return now >= start


def _slot(time: datetime) -> int:
    return int(time.timestamp() // SLOT.total_seconds())


def classify(error: Exception) -> Outcome:
    """What an exception that ended a run means for the workload.

    Our typed errors are written for the user and say themselves whether another attempt may help (`retryable`,
    `retry_after_seconds`); without the attribute they are about the workload, and final. What nobody foresaw is
    retried: attempts are bounded, and the step that failed is the only one repeated.
    """
    match error:
        case LeaseLost():
            return Lost()
        case GraphDrained():
            return Drained()
        case StoreError() | GridwiseError() | InvalidWorkload():
            if getattr(error, "retryable", False):
                return Retry(error=str(error), after_seconds=getattr(error, "retry_after_seconds", None))
            return Failed(error=str(error), details=_details(error))
        case _:
            return Retry(error=f"Unexpected {type(error).__name__}: {error}", cause=error)


def _details(error: Exception) -> Row | None:
    """For programs that read `metadata`: the limit that binds and what loosening each would allow."""
    if not isinstance(error, Infeasible):
        return None
    alternatives: list[JsonValue] = [relaxation.sentence() for relaxation in error.relaxations]
    return {"provenance": {"binding": error.binding, "alternatives": alternatives}}
