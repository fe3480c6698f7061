"""The one tool loop that the three agents share: a small state graph with a step and a checkpoint per model call.

    model → model → … → answer → (repair) → end

The model may call tools until each of the agent's tools has answered or its rounds are used up; then ONE request
with a JSON schema and without tools asks for the answer. The node that receives the answer validates it; an invalid
one is sent back once with the exact errors. Every model call is a task of its own, so that a call that has been paid
for is never repeated by a resumed run. What tools answer follows from the state, so they are called by the node that
goes on from their answers. Node names are append-only: threads in flight know them.
"""

import re
from collections.abc import Sequence
from typing import Generic, Literal, TypeAlias

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, RetryPolicy
from pydantic import ValidationError

from agents.model.agent import Agent, AnswerT, InvalidAnswerError, LoopOutput, LoopState
from agents.model.ask import ask
from agents.model.clients import AgentModel
from agents.model.errors import ModelError, is_retryable
from agents.state import AgentName, Usage
from tools.toolkit.tools import TOOLS, Given, call_tool

MAX_CALLS_PER_ROUND = 8
MAX_ANSWER_CHARS = 20_000
_FENCED = re.compile(r"^\s*```(?:json)?\s*\n(?P<json>.*?)\n?\s*```\s*$", re.DOTALL)
MAX_ATTEMPTS = 3
"""Of one call. Brief hiccups are tried again in place; what lasts longer ends the run, and the lease brings it back."""

_ANSWER_REQUEST = "Now give your answer as JSON by the schema. Name options by their ids. Call no tool."
_REPAIR_REQUEST = (
    "Your answer cannot be used:\n{faults}\nGive the whole answer again, corrected, as JSON by the schema."
)


class LoopUpdate(LoopOutput, total=False):
    """What a node of the loop writes."""

    messages: list[AnyMessage]
    rounds_left: int
    faults: tuple[str, ...]


LoopGraph: TypeAlias = CompiledStateGraph[LoopState, None, LoopState, LoopOutput]


def agent_graph(agent: Agent[AnswerT], model: AgentModel) -> LoopGraph:
    """The agent as a graph, to be added as a node of the main graph, whose checkpointer it uses."""
    loop = _Loop(agent, model)
    retry = RetryPolicy(
        initial_interval=model.first_retry_seconds, max_attempts=MAX_ATTEMPTS, jitter=False, retry_on=is_retryable
    )
    builder = StateGraph(LoopState, output_schema=LoopOutput)
    # a node that no edge reaches keeps Studio from drawing the loop, so `tools` is named as a destination
    builder.add_node("model", loop.call_model, retry_policy=retry, destinations=("model", "tools", "answer"))
    builder.add_node("tools", loop.tools)
    builder.add_node("answer", loop.answer, retry_policy=retry)
    builder.add_node("repair", loop.repair, retry_policy=retry)
    builder.add_edge(START, "model")
    builder.add_conditional_edges("tools", loop.after_tools, ["model", "answer"])
    builder.add_edge("repair", END)
    return builder.compile(name=agent.name)


class _Loop(Generic[AnswerT]):
    def __init__(self, agent: Agent[AnswerT], model: AgentModel) -> None:
        self._agent = agent
        self._name = model.name
        self._tools = frozenset(agent.tools)
        self._with_tools = model.with_tools([TOOLS[name] for name in agent.tools])
        self._model = model

    # nodes say themselves where to go on: a conditional edge would lay out the state once more

    async def call_model(self, state: LoopState) -> Command[Literal["model", "answer"]]:
        messages = state.get("messages") or []
        new: list[AnyMessage]
        if messages:
            new = self._called(state)
        else:
            new = [SystemMessage(self._agent.prompt), HumanMessage(self._agent.brief(state))]
        reply = await ask(self._with_tools, [*messages, *new])
        if len(reply.tool_calls) > MAX_CALLS_PER_ROUND:
            msg = f"The language model could not be used: it called {len(reply.tool_calls)} tools at once."
            raise ModelError(msg, kind="malformed_call", retryable=True)
        written = [*messages, *new, reply]
        left = state.get("rounds_left", self._agent.rounds) - bool(reply.tool_calls)
        update: LoopUpdate = {"messages": [*new, reply], "rounds_left": left, "usage": self._usage(written)}
        return Command(update=update, goto=self._after_model(written, left))

    def _after_model(self, messages: Sequence[AnyMessage], rounds_left: int) -> Literal["model", "answer"]:
        replies = [message for message in messages if isinstance(message, AIMessage)]
        asked = {call["name"] for reply in replies for call in reply.tool_calls}
        is_enough = asked >= self._tools or rounds_left <= 0 or not replies[-1].tool_calls
        return "answer" if is_enough else "model"

    async def tools(self, state: LoopState) -> LoopUpdate:
        """Where threads of the version before may stand, a task for each call: the next node sees to the calls."""
        return {}

    async def after_tools(self, state: LoopState) -> Literal["model", "answer"]:
        return self._after_model(state["messages"], state.get("rounds_left", 0))

    async def answer(self, state: LoopState) -> Command[Literal["model", "repair", "__end__"]]:
        called = self._called(state)
        messages = [*state["messages"], *called]
        if self._needs_tools(messages, state):
            return Command(update={"messages": called, "faults": ()}, goto="model")
        wanted = "\n".join(text for text in (self._asked(state)[1], _ANSWER_REQUEST) if text)
        request, reply, usage = await self._ask_for_answer(state, messages, wanted)
        update: LoopUpdate = {"messages": [*called, request, reply], "usage": usage, "faults": ()}
        try:
            return Command(update={**update, **self._conclude(reply, state, is_last=False)}, goto="__end__")
        except InvalidAnswerError as error:
            return Command(update={**update, "faults": error.faults}, goto="repair")

    def _called(self, state: LoopState) -> list[AnyMessage]:
        """What the tools answer that were called last and have not answered yet."""
        answered: set[str] = set()
        for message in reversed(state.get("messages") or []):
            if isinstance(message, AIMessage):
                given = Given(state["problem"], state["market"])
                calls = [call for call in message.tool_calls if call["id"] not in answered]
                return [call_tool(call, given, self._agent.tools) for call in calls]
            if isinstance(message, ToolMessage):
                answered.add(message.tool_call_id)
        return []

    def _needs_tools(self, messages: Sequence[AnyMessage], state: LoopState) -> bool:
        """Whether a tool that was asked refused its arguments and may be asked again."""
        if not isinstance(messages[-1], ToolMessage) or state.get("rounds_left", 0) <= 0:
            return False
        return not _answered(messages) >= self._tools

    async def repair(self, state: LoopState) -> LoopUpdate:
        faults = "\n".join(f"- {fault}" for fault in state["faults"])
        request, reply, usage = await self._ask_for_answer(
            state, state["messages"], _REPAIR_REQUEST.format(faults=faults)
        )
        try:
            concluded = self._conclude(reply, state, is_last=True)
        except InvalidAnswerError as error:
            msg = f"The {self._agent.name} agent's answer was invalid twice: {error}. Try the workload again."
            raise ModelError(msg, kind="invalid_answer") from error
        update: LoopUpdate = {"messages": [request, reply], "usage": usage, "faults": ()}
        return {**update, **concluded}

    def _asked(self, state: LoopState) -> tuple[type[AnswerT], str]:
        return self._agent.asks(state) if self._agent.asks is not None else (self._agent.answer, "")

    async def _ask_for_answer(
        self, state: LoopState, messages: Sequence[AnyMessage], text: str
    ) -> tuple[HumanMessage, AIMessage, dict[AgentName, Usage]]:
        request = HumanMessage(text)
        reply = await ask(self._model.with_schema(self._asked(state)[0]), [*messages, request])
        if reply.tool_calls:
            msg = "The language model could not be used: it called a tool where none was offered."
            raise ModelError(msg, kind="malformed_call", retryable=True)
        return request, reply, self._usage([*messages, reply])

    def _conclude(self, reply: AIMessage, state: LoopState, *, is_last: bool) -> LoopOutput:
        text = reply.text
        if len(text) > MAX_ANSWER_CHARS:
            raise InvalidAnswerError([f"the answer has {len(text)} characters; at most {MAX_ANSWER_CHARS} are read"])
        try:
            answer = self._asked(state)[0].model_validate_json(_unfenced(text))
        except ValidationError as error:
            raise InvalidAnswerError(_schema_faults(error)) from None
        return self._agent.conclude(answer, state, self._name, is_last)

    def _usage(self, messages: Sequence[AnyMessage]) -> dict[AgentName, Usage]:
        replies = [message for message in messages if isinstance(message, AIMessage)]
        counts = [reply.usage_metadata for reply in replies if reply.usage_metadata]
        usage = Usage(
            calls=len(replies),
            input_tokens=sum(count["input_tokens"] for count in counts),
            output_tokens=sum(count["output_tokens"] for count in counts),
        )
        return {self._agent.name: usage}


def _answered(messages: Sequence[AnyMessage]) -> set[str]:
    """Names of the tools that have given more than an error."""
    return {
        message.name or ""
        for message in messages
        if isinstance(message, ToolMessage) and message.status == "success" and not message.text.startswith('{"error"')
    }


def _unfenced(text: str) -> str:
    """Some models put JSON between fences, as in a chat."""
    match = _FENCED.search(text)
    return match["json"] if match else text


def _schema_faults(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in detail['loc']) or 'answer'}: {detail['msg']}"
        for detail in error.errors(include_url=False, include_input=False)
    ][:12]
