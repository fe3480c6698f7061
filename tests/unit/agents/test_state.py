"""What threads in flight know of the agents: stored classes, their fields, and node names."""

from typing import Any

import pytest
from pydantic import BaseModel

from agents import state
from agents.compute import COMPUTE
from agents.energy import ENERGY
from agents.head import HEAD
from agents.model.agent import Agent
from agents.model.clients import Models
from agents.model.loop import agent_graph

STORED = {
    "Finding": {"kind", "quote", "effect"},
    "ComputeAnalysis": {
        "energy_kwh",
        "duration_minutes",
        "power_kw",
        "assumptions",
        "findings",
        "unread",
        "option_ids",
        "analysis_summary",
        "is_templated",
        "model",
    },
    "EnergyAnalysis": {"option_ids", "analysis_summary", "is_templated", "model"},
    "RankedChoice": {"option_id", "reason", "reasoning", "is_templated"},
    "Decision": {"choices", "decision_summary", "is_templated", "is_reordered", "certainty", "model"},
    "Usage": {"calls", "input_tokens", "output_tokens"},
}
"""As first deployed. Add a field here only together with a default for it."""


@pytest.mark.parametrize("name", STORED)
def test_a_stored_class_stays_where_it_is_and_new_fields_have_defaults(name: str) -> None:
    found = getattr(state, name)
    assert issubclass(found, BaseModel)
    assert found.__module__ == "agents.state"
    assert STORED[name] <= found.model_fields.keys()
    added = found.model_fields.keys() - STORED[name]
    assert not [field for field in added if found.model_fields[field].is_required()]


@pytest.mark.parametrize("agent", [COMPUTE, ENERGY, HEAD])
def test_node_names_are_append_only(agent: Agent[Any]) -> None:
    graph = agent_graph(agent, Models.offline().head)
    assert {"model", "tools", "answer", "repair"} <= set(graph.nodes)


def test_usage_written_twice_counts_once() -> None:
    usage = state.Usage(calls=2, input_tokens=10, output_tokens=5)
    once = state.merge_usage({}, {"compute": usage})
    assert state.merge_usage(once, {"compute": usage}) == {"compute": usage}
