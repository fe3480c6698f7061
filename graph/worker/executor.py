"""One durable run of a workload: started, resumed, or only read back, as its checkpoint says.

A process may die between any two statements here. What the next holder of the lease does follows from what is stored
and from nothing else, so that no step is repeated that has finished, and nothing is recommended that has passed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
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
from structlog.typing import FilteringBoundLogger

from graph.relaxations import relaxations_of
from graph.worker.outcome import Begun, Drained, Failed, Lost, Outcome, Recommended, Report, Retry
from persistence.checkpoints.fenced import FencedSaver
from persistence.connections.pool import Pool
from persistence.errors import DamagedCheckpoint, InvalidWorkload, LeaseLost, StoreError
from persistence.log import default_log
from persistence.retry import Backoff, Fault, Outage, Retrier, Until, is_retryable
from persistence.store.queue import Claim, Lease
from persistence.workload import Recommendation, Row
from tools.errors import GridwiseError, Infeasible, PowerTaken
from tools.slots import SLOT

GraphBuilder: TypeAlias = Callable[[BaseCheckpointSaver[Any]], CompiledStateGraph[Any, Any, Any, Any]]
InputFor: TypeAlias = Callable[[Row, datetime], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutorConfig:
    """What every run of one process shares."""

    build: GraphBuilder
    """The graph, compiled with the given saver. Its state has `clock` and, once it has succeeded, `recommendation`."""
    input_for: InputFor
    """The graph's input for a row, which it keeps as `row`; the second argument becomes the run's clock."""
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
    turn: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    """Entered by each run when it may begin; bounds how many compute at a time."""


class Executor:
    """Runs one claimed workload to its outcome. Call `run` once."""

    def __init__(
        self,
        claim: Claim,
        config: ExecutorConfig,
        control: RunControl,
        callbacks: Sequence[BaseCallbackHandler] = (),
        outage: Outage | None = None,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._lease = claim.lease
        """Its thread changes when the run is planned again."""
        self._begun: Begun | None = None
        """How the run began; set by the first `_to_end`, read by `_attempt` and for the report."""
        self._fault: Fault | None = None
        """Set where the run ends with one that may be the system's; read for the report."""
        self._row = claim.row
        self._config = config
        self._control = control
        self._callbacks = list(callbacks)
        self._outage = outage
        self._log = log or default_log()
        self._part = f"run {claim.lease.token}"
        self._retry = Retrier(outage, config.random, backoff=Backoff(base_seconds=0.1, cap_seconds=2))

    async def run(self) -> Report:
        """Raises nothing but cancellation.

        A database that goes away is waited for in place: the run then goes on from its last checkpoint under the same
        lease, and no attempt is spent on it.
        """
        seconds = self._config.max_run_seconds
        try:
            async with self._config.turn(), asyncio.timeout(seconds):
                outcome = await self._to_outcome()
        except TimeoutError:
            outcome = Retry(error=f"The run took longer than {seconds:.0f} s and was stopped.", kind="too_long")
        finally:
            if self._outage is not None:  # whatever it met, it waits no longer
                self._outage.end(self._part)
        return Report(lease=self._lease, outcome=outcome, begun=self._begun, fault=self._fault)

    async def _to_outcome(self) -> Outcome:
        try:
            return await self._retry(self._part, self._attempt, until=Until(seconds=self._config.patience_seconds))
        except Exception as error:
            if isinstance(error, Fault) and error.cause is not None:
                self._fault = error
            return classify(error, self._row)

    async def _attempt(self) -> Outcome:
        """At most two threads: a plan that is too late, whose power others have taken, that is for other inputs, or of
        which a part was lost or changed in the database, is made again, once. So is one whose thread somebody else has
        taken while the lease is ours, which a database that was restored to an earlier moment brings about."""
        values: Mapping[str, Any] = {}
        must_plan_anew = False
        try:
            values = await self._to_end()
        except (PowerTaken, DamagedCheckpoint, LeaseLost):  # a lease that is really lost gets no new thread
            must_plan_anew = True
        if must_plan_anew or ("recommendation" not in values and self._begun != "started"):
            self._lease = await self._config.new_thread(self._lease)
            self._log.debug("Planning again on a new thread", thread=str(self._lease.thread_id))
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
        config = self._config
        saver = FencedSaver(
            config.checkpoints,
            thread_id=self._lease.thread_id,
            token=self._lease.token,
            stored_types=config.stored_types,
            outage=self._outage,
            part=self._part,
            log=self._log,
        )
        state = await saver.open()
        self._log.debug("Thread opened", thread=str(self._lease.thread_id), state=state)
        graph = config.build(saver)
        run_config = self._run_config()
        given = config.input_for(self._row, config.clock())
        if state == "new":
            self._begun = "started"
            return await self._invoke(graph, given, run_config)
        snapshot = await graph.aget_state(run_config)
        if is_too_late(snapshot.values, config.clock()) or snapshot.values.get("row") != given["row"]:
            return {}
        if snapshot.next or "recommendation" not in snapshot.values:  # `next` leaves out nodes whose writes are stored
            self._begun = self._begun or "resumed"
            return await self._invoke(graph, None, run_config)
        self._begun = self._begun or "read back"
        return snapshot.values

    async def _invoke(
        self, graph: CompiledStateGraph[Any, Any, Any, Any], given: Mapping[str, Any] | None, config: RunnableConfig
    ) -> Mapping[str, Any]:
        return await graph.ainvoke(given, config, durability="sync", control=self._control) or {}

    def _run_config(self) -> RunnableConfig:
        lease = self._lease
        return {
            "configurable": {"thread_id": str(lease.thread_id)},
            "metadata": {
                "workload_id": str(lease.workload_id),
                "attempt": lease.attempt,
                "token": lease.token,
                "graph_version": self._config.graph_version,
            },
            "callbacks": self._callbacks,
            "recursion_limit": self._config.recursion_limit,
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


def classify(error: Exception, row: Row) -> Outcome:
    """What an exception that ended a run means for the workload.

    Our typed errors are written for the user and say themselves whether another attempt may help (`retryable`,
    `retry_after_seconds`); without the attribute they are about the workload, and final. What nobody foresaw is
    retried: attempts are bounded, and the step that failed is the only one repeated.
    """
    kind = str(getattr(error, "kind", None) or type(error).__name__)
    match error:
        case LeaseLost():
            return Lost()
        case GraphDrained():
            return Drained()
        case StoreError() | GridwiseError() | InvalidWorkload():
            if is_retryable(error):
                return Retry(error=str(error), after_seconds=getattr(error, "retry_after_seconds", None), kind=kind)
            return Failed(error=str(error), details=_details(error, row), kind=kind)
        case _:
            return Retry(error=f"Unexpected {type(error).__name__}: {error}", cause=error, kind=kind)


def _details(error: Exception, row: Row) -> Row | None:
    """For programs that read `metadata`: the limit that binds and what loosening each would allow."""
    if not isinstance(error, Infeasible):
        return None
    alternatives: list[JsonValue] = [relaxation.sentence() for relaxation in error.relaxations]
    reading = error.request_reading
    return {
        **({} if reading is None else {"request_reading": reading}),
        "provenance": {"binding": error.binding, "alternatives": alternatives},
        "relaxations": relaxations_of(error, row),
    }
