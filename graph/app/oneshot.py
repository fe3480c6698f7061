"""One answer at once, without queue, database or server: the nodes, agents and sources that the poller's runs have.

With the offline planner the nodes are called one after the other, since LangGraph alone takes longer to import than
they take to run; a test holds both ways to the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage

from agents.compute import COMPUTE
from agents.energy import ENERGY
from agents.head import HEAD
from agents.model.agent import Agent, LoopState
from agents.offline.rules import OFFLINE_NAME, answer_for, arguments_for
from agents.state import Usage
from graph.app.policy import policy_of
from graph.app.settings import Settings
from graph.catalogue import DEFAULT_PUE, Catalogue, FixedCatalogue
from graph.nodes import Conclude, Prepare
from graph.problem import Policy
from graph.state import GraphInput, State, graph_input
from persistence.workload import Recommendation, Row
from tools.market import Market, MarketSource
from tools.placement import Asset, Problem
from tools.regions import REGIONS
from tools.toolkit.answers import answer

AGENTS: Final[tuple[Agent[Any], ...]] = (COMPUTE, ENERGY, HEAD)


@dataclass(frozen=True)
class Answered:
    """What a one-shot run was about and what it recommends."""

    row: Row
    problem: Problem
    """As the request's words left it."""
    market: Market
    recommendation: Recommendation
    chosen: tuple[str, ...]
    """Option ids, the winner first; empty where there were no figures to choose by."""


def regions_as_sites(allowed: Sequence[int] | None = None) -> FixedCatalogue:
    """The 14 regions, or some of them, for commands that know no catalogue."""
    return FixedCatalogue(
        [
            Asset(asset_id=None, name=region.name, region=region.region_id, pue=DEFAULT_PUE)
            for region in REGIONS
            if allowed is None or region.region_id in allowed
        ]
    )


async def answer_once(settings: Settings, row: Row, now: datetime, *, regions: Sequence[int] | None = None) -> Answered:
    """The recommendation for a row, within `regions` where given.

    Raises:
        InvalidWorkload, WorkloadInputError: the row cannot be worked on as it is.
        Infeasible: no placement keeps every limit; it has the relaxations.
        ModelError: Gemini is configured and could not be used.
    """
    source = open_source(settings)
    try:
        state = await _answered(settings, source, regions_as_sites(regions), graph_input(row, now))
    finally:
        await source.aclose()
    decision = state.get("decision")
    chosen = () if decision is None else tuple(choice.option_id for choice in decision.choices)
    return Answered(row, state["problem"], state["market"], state["recommendation"], chosen)


def open_source(settings: Settings) -> MarketSource:
    """Live figures through the user's cache folder, or the recorded day."""
    if settings.sources == "recorded":
        from tools.sources.recorded import RecordedSource

        return RecordedSource()
    from tools.sources.file_cache import FileCache
    from tools.sources.live import live_source

    return live_source(
        neso_base_url=str(settings.neso_base_url),
        octopus_base_url=str(settings.octopus_base_url),
        cache=FileCache(settings.cache_folder),
    )


async def _answered(settings: Settings, source: MarketSource, catalogue: Catalogue, given: GraphInput) -> State:
    if settings.model_kind == "offline":
        return await walk(given, source, catalogue, policy_of(settings))
    # some seconds of imports, beside which a model takes longer still
    from graph.app.runtime import open_models
    from graph.build import build_graph

    models = open_models(settings)
    try:
        graph = build_graph(models=models, source=source, catalogue=catalogue, policy=policy_of(settings)).compile()
        keys = ["problem", "market", "decision", "recommendation"]
        return cast("State", await graph.ainvoke(given, output_keys=keys))
    finally:
        await models.aclose()


async def walk(
    given: GraphInput,
    source: MarketSource,
    catalogue: Catalogue,
    policy: Policy = Policy(),  # noqa: B008  frozen
) -> State:
    """The graph's nodes in the graph's order, with the offline planner's rules for a model."""
    state = cast("State", {**given, **await Prepare(source, catalogue, policy)(given, {})})
    if "recommendation" in state:
        return state
    for agent in AGENTS:
        state = cast("State", {**state, **_asked(agent, state)})
    return cast("State", {**state, **await Conclude(catalogue)(state, {})})


def _asked(agent: Agent[Any], state: State) -> dict[str, Any]:
    """The agent's conversation as its loop would lead it: one round of tools, one answer."""
    messages: list[AnyMessage] = [SystemMessage(agent.prompt), HumanMessage(agent.brief(cast("LoopState", state)))]
    calls = [ToolCall(name=name, args=arguments_for(name, messages), id=f"{name}-1") for name in agent.tools]
    messages.append(AIMessage("", tool_calls=calls))
    for call in calls:
        said = answer(call["name"], state["problem"], state["market"], call["args"])
        messages.append(ToolMessage(said, name=call["name"], tool_call_id=call["id"] or ""))
    reply = agent.answer.model_validate_json(answer_for({"properties": agent.answer.model_fields}, messages))
    concluded = agent.conclude(reply, cast("LoopState", {**state, "messages": messages}), OFFLINE_NAME, True)
    usage = Usage(calls=2, input_tokens=0, output_tokens=0)
    return {**concluded, "usage": {**state.get("usage", {}), agent.name: usage}}
