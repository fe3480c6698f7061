"""The three agents on the offline planner: from a problem to a decision, through every step's checkpoint."""

from collections.abc import Callable
from typing import Any

import pytest
from langgraph._internal import _serde
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agents.compute import COMPUTE
from agents.energy import ENERGY
from agents.head import HEAD
from agents.model.clients import Models
from agents.model.loop import agent_graph
from agents.state import AgentsState, Usage
from persistence.workload import Workload
from tools.errors import Infeasible
from tools.market import Market
from tools.placement import Problem
from tools.solver.candidates import energy_candidates, option_by_id

pytestmark = pytest.mark.anyio
Make = Callable[..., Problem]


def agents_graph(models: Models, **options: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
    builder = StateGraph(AgentsState)
    builder.add_node("compute", agent_graph(COMPUTE, models.compute))
    builder.add_node("energy", agent_graph(ENERGY, models.energy))
    builder.add_node("head", agent_graph(HEAD, models.head))
    for start, end in ((START, "compute"), ("compute", "energy"), ("energy", "head"), ("head", END)):
        builder.add_edge(start, end)
    return builder.compile(**options)


async def decide(workload: Workload, problem: Problem, market: Market, **options: Any) -> Any:
    graph = agents_graph(Models.offline(), **options)
    return await graph.ainvoke({"workload": workload, "problem": problem, "market": market})


async def test_the_exact_optimum_is_recommended_and_nothing_is_templated(
    workload: Callable[..., Workload], problem: Make, market: Market
) -> None:
    out = await decide(workload(), problem(), market)
    decision = out["decision"]
    best = energy_candidates(out["problem"], market)[0]
    assert decision.choices[0].option_id == "e1"
    assert option_by_id(out["problem"], market, "e1").objective_gbp == best.objective_gbp
    assert not decision.is_templated
    assert not decision.is_reordered
    assert not any(choice.is_templated for choice in decision.choices)
    assert not out["compute"].is_templated
    assert not out["energy"].is_templated
    assert "offline planner" in decision.decision_summary


async def test_six_calls_two_an_agent(workload: Callable[..., Workload], problem: Make, market: Market) -> None:
    out = await decide(workload(), problem(), market)
    assert {name: usage.calls for name, usage in out["usage"].items()} == {"compute": 2, "energy": 2, "head": 2}


async def test_words_of_the_request_reach_the_placement(
    workload: Callable[..., Workload], problem: Make, market: Market
) -> None:
    text = "Must stay in Wales, not before 20:00, can be paused."
    out = await decide(workload(request_text=text), problem(), market)
    read = [(item.constraint.kind, item.outcome) for item in out["compute"].constraints]
    assert read == [("region", "applied"), ("start", "applied"), ("pausing", "applied")]
    for choice in out["decision"].choices:
        option = option_by_id(out["problem"], market, choice.option_id)
        assert option.asset.region in {6, 7}
        assert option.start.hour >= 20 or option.start.day > 24


async def test_words_that_leave_no_placement_fail_with_what_binds(
    workload: Callable[..., Workload], problem: Make, market: Market
) -> None:
    with pytest.raises(Infeasible, match="What binds"):
        await decide(workload(request_text="It must stay in the East Midlands."), problem(), market)


async def test_the_same_input_gives_the_same_decision(
    workload: Callable[..., Workload], problem: Make, market: Market
) -> None:
    one = await decide(workload(), problem(), market)
    other = await decide(workload(), problem(), market)
    assert one["decision"] == other["decision"]


async def test_everything_stored_survives_a_strict_checkpoint(
    workload: Callable[..., Workload], problem: Make, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with LANGGRAPH_STRICT_MSGPACK=true, which langgraph reads when it is imported."""
    monkeypatch.setattr(_serde, "STRICT_MSGPACK_ENABLED", True)
    saver = InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    graph = agents_graph(Models.offline(), checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "1"}}
    given = {"workload": workload(request_text="Can be paused."), "problem": problem(), "market": market}
    out = await graph.ainvoke(given, config, durability="sync")
    stored = (await graph.aget_state(config)).values
    assert stored.keys() == {"workload", "problem", "market", "compute", "energy", "decision", "usage"}
    for key, value in out.items():
        assert type(stored[key]) is type(value)
        assert stored[key] == value


async def test_a_class_that_no_schema_names_would_not_survive() -> None:
    """The check above can fail: strictness does drop what the schemas do not name."""
    strict = JsonPlusSerializer(allowed_msgpack_modules=None)
    usage = Usage(calls=1, input_tokens=2, output_tokens=3)
    assert strict.loads_typed(strict.dumps_typed(usage)) != usage
