"""What a run carries from node to node, and what goes in and comes out."""

from datetime import datetime
from typing import TypedDict

from pydantic import JsonValue

from agents.state import AgentsState, ComputeAnalysis, Decision, EnergyAnalysis, Usage
from persistence.workload import Recommendation, Urgency, Workload
from tools.market import Market
from tools.placement import Problem


class GraphInput(TypedDict):
    """Given exactly once, when a thread starts."""

    row: dict[str, JsonValue]
    """The columns of `compute_workloads`, as JSON."""
    clock: datetime | None
    """The run's now, aware UTC; None: the time at which the first node runs."""


class GraphOutput(TypedDict):
    """Present exactly when the run succeeded."""

    recommendation: Recommendation


class State(AgentsState, total=False):
    """Every channel of the graph; the agents' own are documented in `agents.state`."""

    row: dict[str, JsonValue]
    """The input, as given."""
    clock: datetime
    """The run's now: fixed when it starts, so that a resumed run decides as the first one would."""
    recommendation: Recommendation
    """Written by `conclude`, read by whoever runs the graph."""


STORED_TYPES: tuple[type, ...] = (
    Workload,
    Urgency,
    Recommendation,
    Problem,
    Market,
    ComputeAnalysis,
    EnergyAnalysis,
    Decision,
    Usage,
)
"""Classes that a checkpoint may hold beside plain data and messages; nothing else is ever deserialised."""
