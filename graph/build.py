"""The graph: nodes and edges, nothing else."""

from langgraph.graph import END, START, StateGraph

from agents.compute import COMPUTE
from agents.energy import ENERGY
from agents.head import HEAD
from agents.model.clients import Models
from agents.model.loop import agent_graph
from graph.catalogue import Catalogue
from graph.nodes import Conclude, Prepare, after_prepare
from graph.problem import Policy
from graph.state import GraphInput, GraphOutput, State
from tools.market import MarketSource


def build_graph(
    *,
    models: Models,
    source: MarketSource,
    catalogue: Catalogue,
    policy: Policy = Policy(),  # noqa: B008  frozen
) -> StateGraph[State, None, GraphInput, GraphOutput]:
    """prepare → compute → energy → head → conclude; compile it with a checkpointer of your own.

    Without any figures `prepare` recommends by itself, and the run ends there.
    Node names are stored in checkpoints: add new ones, never rename.
    """
    builder = StateGraph(State, input_schema=GraphInput, output_schema=GraphOutput)
    builder.add_node("prepare", Prepare(source, catalogue, policy))
    builder.add_node("compute", agent_graph(COMPUTE, models.compute))
    builder.add_node("energy", agent_graph(ENERGY, models.energy))
    builder.add_node("head", agent_graph(HEAD, models.head))
    builder.add_node("conclude", Conclude(catalogue))
    builder.add_edge(START, "prepare")
    builder.add_conditional_edges("prepare", after_prepare)
    builder.add_edge("compute", "energy")
    builder.add_edge("energy", "head")
    builder.add_edge("head", "conclude")
    builder.add_edge("conclude", END)
    return builder
