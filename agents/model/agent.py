"""What an agent is: prompt, tools, answer, and what is done with it. Without LangGraph, which is slow to import."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, Generic, TypedDict, TypeVar

from langchain_core.messages import AnyMessage
from pydantic import BaseModel

from agents.state import AgentName, AgentsState, ComputeAnalysis, Decision, EnergyAnalysis, Usage
from tools.placement import Problem

AnswerT = TypeVar("AnswerT", bound=BaseModel)


def _add_messages(left: Any, right: Any) -> Any:  # noqa: ANN401  a reducer's signature
    """LangGraph's reducer, imported when a graph runs."""
    from langgraph.graph import add_messages

    return add_messages(left, right)


class LoopState(AgentsState, total=False):
    """The shared channels, and what an agent keeps to itself."""

    messages: Annotated[list[AnyMessage], _add_messages]
    """The agent's own conversation, each message whole."""
    rounds_left: int
    """Tool rounds that may still be asked for. In the state, since a recursion limit is refreshed on resume."""
    faults: tuple[str, ...]
    """What is wrong with the first answer; empty when it was taken."""


class LoopOutput(TypedDict, total=False):
    """What an agent hands to the graph it is part of."""

    problem: Problem
    compute: ComputeAnalysis
    energy: EnergyAnalysis
    decision: Decision
    usage: dict[AgentName, Usage]


def prompt(name: str) -> str:
    """The instructions of `agents/prompts`."""
    return files("agents").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")


class InvalidAnswerError(Exception):
    """An answer that has the right shape and cannot be used; `faults` are written for the model."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def unknown_options(field: str, ids: Sequence[str], known: Iterable[str], told: str) -> list[str]:
    """A fault for each id that no option has."""
    names = list(known)
    return [f"{field}: there is no option {i!r}; {told} {', '.join(names)}" for i in ids if i not in names]


@dataclass(frozen=True)
class Agent(Generic[AnswerT]):
    """What differs between the agents."""

    name: AgentName
    prompt: str
    """Instructions only: nothing of a request is ever part of it."""
    tools: tuple[str, ...]
    """Names, as `tools.toolkit` has them."""
    answer: type[AnswerT]
    rounds: int
    """Tool rounds at most."""
    brief: Callable[[LoopState], str]
    """The first user message, with the request as delimited data."""
    conclude: Callable[[AnswerT, LoopState, str, bool], LoopOutput]
    """Answer, state, model name, whether this is the last try → what is stored. Raises `InvalidAnswerError`."""
    asks: Callable[[LoopState], tuple[type[AnswerT], str]] | None = None
    """What is asked for of this state: `answer` or a narrower type, and instructions that only the answer needs."""
