"""What LangGraph's server does with a run, on a graph of two steps."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from graph.state import State
from graph.web.studio_graph import PlanAnew, RunFailed, StudioGraph
from tools.errors import GridwiseError, PowerTaken

pytestmark = pytest.mark.anyio
ROW = {"workload_name": "night", "required_gpu_mins": 60}


class Steps:
    """The second fails as told, once each."""

    def __init__(self, *failures: Exception) -> None:
        self.seen: list[str] = []
        self._failures = list(failures)

    def graph(self) -> StudioGraph:
        builder = StateGraph(State)
        builder.add_node("first", self._first)
        builder.add_node("second", self._second)
        builder.add_edge(START, "first")
        builder.add_edge("first", "second")
        builder.add_edge("second", END)
        return StudioGraph(**vars(builder.compile(checkpointer=InMemorySaver())))

    async def _first(self, _state: State) -> dict[str, Any]:
        self.seen.append("first")
        return {}

    async def _second(self, _state: State) -> dict[str, Any]:
        self.seen.append("second")
        if self._failures:
            raise self._failures.pop(0)
        return {}


async def run(graph: StudioGraph, run_id: str) -> None:
    async for _ in graph.astream({"row": ROW}, {"configurable": {"thread_id": "thread", "run_id": run_id}}):
        pass


async def test_a_run_that_the_server_repeats_after_it_died_goes_on_where_it_was() -> None:
    steps = Steps(SystemError("killed"))
    graph = steps.graph()
    with pytest.raises(SystemError):
        await run(graph, "one")
    await run(graph, "one")
    assert steps.seen == ["first", "second", "second"]


async def test_another_run_on_the_same_thread_begins_anew() -> None:
    steps = Steps(SystemError("killed"))
    graph = steps.graph()
    with pytest.raises(SystemError):
        await run(graph, "one")
    await run(graph, "two")
    assert steps.seen == ["first", "second", "first", "second"]


@pytest.mark.parametrize(
    ("error", "told"), [(PowerTaken(), PlanAnew), (GridwiseError("No such place."), RunFailed)], ids=["taken", "final"]
)
async def test_the_kind_of_a_failure_says_what_may_be_done(error: GridwiseError, told: type[RunFailed]) -> None:
    with pytest.raises(RunFailed, match=str(error)) as caught:
        await run(Steps(error).graph(), "one")
    assert type(caught.value) is told
