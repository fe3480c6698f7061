"""The graph: nodes and edges, nothing else."""

from langgraph.graph import END, START, StateGraph

from agents.compute import compute_agent
from agents.energy import energy_agent
from agents.head import head_agent
from agents.model.clients import Models
from graph.catalogue import Places
from graph.nodes import Conclude, Prepare, after_prepare
from graph.state import GraphInput, GraphOutput, State
from tools.market import MarketSource


def build_graph(
    *, models: Models, source: MarketSource, places: Places
) -> StateGraph[State, None, GraphInput, GraphOutput]:
    """prepare → compute → energy → head → conclude; compile it with a checkpointer of your own.

    Without any figures `prepare` recommends by itself, and the run ends there.
    Node names are stored in checkpoints: add new ones, never rename.
    """
    builder = StateGraph(State, input_schema=GraphInput, output_schema=GraphOutput)
    builder.add_node("prepare", Prepare(source, places))
    builder.add_node("compute", compute_agent(models.compute))
    builder.add_node("energy", energy_agent(models.energy))
    builder.add_node("head", head_agent(models.head))
    builder.add_node("conclude", Conclude(places))
    builder.add_edge(START, "prepare")
    builder.add_conditional_edges("prepare", after_prepare)
    builder.add_edge("compute", "energy")
    builder.add_edge("energy", "head")
    builder.add_edge("head", "conclude")
    builder.add_edge("conclude", END)
    return builder
