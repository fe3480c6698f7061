"""Run one case through the real graph, and keep what there is to look at."""

import time
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph.state import CompiledStateGraph

from agents.model.clients import Models
from agents.state import AgentName
from evals.cases.case import Case
from evals.cases.world import EvalCatalogue, EvalSource
from graph.build import build_graph
from graph.state import STORED_TYPES, State
from tools.errors import GridwiseError

Graph: TypeAlias = CompiledStateGraph[Any, Any, Any, Any]
RECURSION_LIMIT = 60


@dataclass
class Outcome:
    """What came of a case."""

    state: State = field(default_factory=lambda: State())
    """Empty where the run failed before its first step was stored."""
    error: GridwiseError | None = None
    calls: dict[AgentName, list[str]] = field(default_factory=dict)
    """Per agent, the names of the tools it called, in order."""
    asked: int = 0
    """Model calls that were made, answered or not."""
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    @property
    def is_placed(self) -> bool:
        return self.error is None and "recommendation" in self.state


def graph_for(case: Case, models: Models) -> Graph:
    """The product's own graph; only the source of figures and the catalogue are the case's."""
    catalogue = EvalCatalogue(case.taken, case.renamed, case.sites)
    return build_graph(models=models, source=EvalSource(case.market), catalogue=catalogue).compile()


def new_saver() -> InMemorySaver:
    """Refuses what a strict checkpoint refuses."""
    return InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=STORED_TYPES))


async def run_case(case: Case, models: Models) -> Outcome:
    """A failure that a user would read is part of the outcome; any other exception is not caught."""
    graph = graph_for(case, models).copy({"checkpointer": new_saver()})
    outcome, begun = Outcome(), time.perf_counter()
    config: RunnableConfig = {
        "configurable": {"thread_id": str(case.workload_id)},
        "recursion_limit": RECURSION_LIMIT,
        "callbacks": [_Watch(outcome)],
    }
    given = {"row": case.row, "clock": case.now}
    try:
        await graph.ainvoke(given, config)
    except GridwiseError as error:
        outcome.error = error
    outcome.seconds = time.perf_counter() - begun
    outcome.state = (await graph.aget_state(config)).values  # type: ignore[assignment]  # the graph's own channels
    return outcome


class _Watch(AsyncCallbackHandler):
    """Counts what the models answered; the messages themselves stay inside the agents."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._agents: dict[UUID, AgentName] = {}

    async def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ANN401  the base class's signature
    ) -> None:
        self._outcome.asked += 1
        namespace = str((metadata or {}).get("langgraph_checkpoint_ns", ""))
        self._agents[run_id] = namespace.partition(":")[0]  # type: ignore[assignment]  # node names are the agents'

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ANN401
        generation = response.generations[0][0]
        if not isinstance(generation, ChatGeneration) or not isinstance(generation.message, AIMessage):
            return
        message = generation.message
        called = self._outcome.calls.setdefault(self._agents[run_id], [])
        called.extend(call["name"] for call in message.tool_calls)
        if message.usage_metadata:
            self._outcome.input_tokens += message.usage_metadata["input_tokens"]
            self._outcome.output_tokens += message.usage_metadata["output_tokens"]
