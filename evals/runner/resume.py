"""The resume suite: the process dies after every write to the checkpointer in turn, and another one goes on.

Whatever the moment, the decision is the undisturbed one, and the cassette shows that no answered call was made again.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from agents.model.clients import Models
from agents.state import Decision
from evals.cases.case import Case
from evals.recordings.cassettes import CassetteFile
from evals.runner.execute import RECURSION_LIMIT, Graph, graph_for, new_saver
from evals.runner.score import Score
from persistence.checkpoints.watched import WatchedSaver

MAX_DEATHS = 200


class KilledError(Exception):
    """The process is gone."""


class DyingSaver(WatchedSaver, InMemorySaver):
    """Keeps what is written, and dies right after the write with the given number."""

    def __init__(self, dies_after: int | None) -> None:
        super().__init__(serde=new_saver().serde)
        self.dies_after = dies_after
        self.written = 0

    @asynccontextmanager
    async def writing(self, thread_id: str) -> AsyncIterator[None]:
        yield
        self.written += 1
        if self.dies_after is not None and self.written > self.dies_after:
            raise KilledError


async def resume_case(case: Case, models: Models, file: CassetteFile) -> tuple[Score, ...]:
    """One score a moment of death."""
    graph = graph_for(case, models)
    undisturbed, total, _ = await _run(case, graph, file, None)
    scores = [Score("boundaries", 0 < total <= MAX_DEATHS, f"{total} writes", total)]
    for moment in range(total):
        decision, _, unplayed = await _run(case, graph, file, moment)
        scores.append(Score(f"decision after {moment}", decision == undisturbed, "another decision"))
        scores.append(Score(f"calls after {moment}", unplayed == 0, f"{unplayed} recorded calls were not made"))
    return tuple(scores)


async def _run(case: Case, compiled: Graph, file: CassetteFile, dies_after: int | None) -> tuple[Decision, int, int]:
    """Decision, writes, unplayed calls. A second call for an answer that was stored finds its interaction played."""
    saver = DyingSaver(dies_after)
    graph = compiled.copy({"checkpointer": saver})
    config: RunnableConfig = {"configurable": {"thread_id": "1"}, "recursion_limit": RECURSION_LIMIT}
    given = {"row": case.row, "clock": case.now}
    with file.play() as cassette:
        try:
            await graph.ainvoke(given, config, durability="sync")
        except KilledError:
            saver.dies_after = None
            snapshot = await graph.aget_state(config)
            begins = not snapshot.values and not snapshot.next
            await graph.ainvoke(given if begins else None, config, durability="sync")
        values = (await graph.aget_state(config)).values
    return values["decision"], saver.written, len(cassette) - cassette.play_count
