"""A small graph with the product's contract (`clock`, `recommendation` in its state) for tests of what runs graphs."""

import operator
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl

from graph.worker.executor import Executor, ExecutorConfig
from graph.worker.outcome import Report
from persistence.connections.pool import Pool
from persistence.store.open import Store
from persistence.store.queue import Claim
from persistence.workload import RankedOption, Recommendation

STORED_TYPES = (Recommendation, RankedOption)


class State(TypedDict, total=False):
    row: dict[str, Any]
    clock: datetime
    steps: Annotated[list[str], operator.add]
    recommendation: Recommendation


Node = Callable[[State], Awaitable[Mapping[str, Any]]]


def recommendation(
    clock: datetime, *, starts_in: timedelta = timedelta(hours=3), summary: str = "North Scotland"
) -> Recommendation:
    start = clock + starts_in
    option = RankedOption(
        region="North Scotland",
        region_number=1,
        carbon_intensity=Decimal("12.34"),
        renewable_mix=Decimal("98.70"),
        cost_gbp=Decimal("1.2345"),
        reason="low_carbon",
        start=start,
        end=start + timedelta(hours=1),
    )
    return Recommendation(
        options=(option,),
        source="energy",
        rank=1,
        confidence=Decimal("0.90"),
        decision_summary=summary,
        metadata={"head_decision": summary},
    )


def input_for(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {"row": dict(row), "clock": now, "steps": []}


async def conclude(state: State) -> Mapping[str, Any]:
    return {
        "recommendation": recommendation(state["clock"], summary=",".join(state["steps"]) or "none"),
        "steps": ["conclude"],
    }


def chain(**nodes: Node) -> StateGraph[State, None, Any, Any]:
    """The nodes in order, then `conclude`."""
    builder = StateGraph(State)
    previous = START
    for name, node in {**nodes, "conclude": conclude}.items():
        builder.add_node(name, node)
        builder.add_edge(previous, name)
        previous = name
    builder.add_edge(previous, END)
    return builder


def step(name: str, calls: list[str] | None = None) -> Node:
    async def node(state: State) -> Mapping[str, Any]:
        if calls is not None:
            calls.append(name)
        return {"steps": [name]}

    return node


def now() -> datetime:
    return datetime.now(UTC)


def executor_config(store: Store, pool: Pool, graph: StateGraph[Any, Any, Any, Any], **changes: Any) -> ExecutorConfig:
    """What the runs of such a graph share; `changes` to its fields. Compiled once, as the product does it."""
    compiled = graph.compile()
    config = ExecutorConfig(
        build=lambda saver: compiled.copy({"checkpointer": saver}),
        input_for=input_for,
        checkpoints=pool,
        new_thread=store.queue.new_thread,
        clock=now,
        random=Random(1),
        stored_types=STORED_TYPES,
    )
    return replace(config, **changes)


async def run_workload(claim: Claim, config: ExecutorConfig, control: RunControl) -> Report:
    return await Executor(claim, config, control).run()
