"""What a run carries from node to node, and what goes in and comes out."""

from datetime import datetime
from typing import Final, TypedDict

from pydantic import JsonValue

from agents.state import AgentsState, ComputeAnalysis, Decision, EnergyAnalysis, Usage
from persistence.columns import mapping
from persistence.workload import Recommendation, Relaxed, Row, Urgency, Workload, parse_workload
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
    Relaxed,
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


_ENOUGH: Final = ("id", *sorted(set(Workload.model_fields) - {"id", "finish_by", "request_text", "relaxed"}))
_DEADLINES: Final = ("deadline", "latest_completion")
_METADATA: Final = ("user_request", "relaxed")


def graph_input(row: Row, now: datetime) -> GraphInput:
    """The row's input columns and the run's clock, without what others keep in the row.

    Raises `InvalidWorkload` before a thread is opened: what cannot be worked on leaves no checkpoint.
    """
    parse_workload(row)
    metadata = mapping(row.get("metadata"))
    kept: dict[str, JsonValue] = {key: metadata[key] for key in _METADATA if key in metadata}
    columns = {name: row[name] for name in (*_ENOUGH, *_DEADLINES) if row.get(name) is not None}
    return {"row": {**columns, "metadata": kept}, "clock": now}
