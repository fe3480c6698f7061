"""Scripts: which turn of which agent misbehaves, and how often."""

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from agents.state import AgentName
from evals.standin.script import Script, Step, edited, honest
from evals.standin.wire import GenerateRequest, Json

_TOOLS: dict[AgentName, str] = {"compute": "find_assets", "energy": "find_windows", "head": "compare_options"}


def on_answer(agent: AgentName, first: Step, repair: Step | None = None) -> Script:
    """The agent's answer, and its answer to the faults; without the second it is as bad as the first."""

    def script(request: GenerateRequest, _number: int) -> Step:
        if not _answers(request, agent):
            return honest
        return (repair or first) if _is_repair(request) else first

    return script


def on_first_answer(agent: AgentName, first: Step) -> Script:
    """Only once: sent back, the model does better."""
    return on_answer(agent, first, honest)


def on_tools(agent: AgentName, step: Step, *, turns: int = 1) -> Script:
    """The agent's first turns with tools."""

    def script(request: GenerateRequest, _number: int) -> Step:
        taken = sum(isinstance(message, AIMessage) for message in request.messages)
        return step if _TOOLS[agent] in request.tools and taken < turns else honest

    return script


def on_attempt(agent: AgentName, step: Step, *, attempts: int) -> Script:
    """The agent's first calls over HTTP, whatever they ask; later ones are answered."""
    seen: list[GenerateRequest] = []

    def script(request: GenerateRequest, _number: int) -> Step:
        if _TOOLS[agent] not in request.tools or len(seen) >= attempts:
            return honest
        seen.append(request)
        return step

    return script


def sets(**fields: Any) -> Step:  # noqa: ANN401  any JSON
    """An honest answer with these top-level fields."""
    return edited(lambda answer: answer.update(fields))


def claims(*picked: Json) -> Step:
    """An honest answer with these claims."""
    return sets(claims=list(picked))


def reverses(answer: Json) -> None:
    """Rank the worst first."""
    answer["choices"].reverse()


def _answers(request: GenerateRequest, agent: AgentName) -> bool:
    called = {message.name for message in request.messages if isinstance(message, ToolMessage)}
    return request.schema is not None and _TOOLS[agent] in called


def _is_repair(request: GenerateRequest) -> bool:
    last = request.messages[-1]
    return isinstance(last, HumanMessage) and last.text.startswith("Your answer cannot be used")
