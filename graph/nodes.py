"""The two nodes that no model has a part in: the facts at the start, the recommendation at the end."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Literal, NotRequired, TypedDict

from langchain_core.runnables import RunnableConfig
from pydantic import JsonValue

from agents.constraints import Constraint, JobFacts, Pausing, ReadConstraint, reading_record
from agents.request.apply import apply
from agents.request.reader import Reading, read
from agents.request.text import request_text
from agents.state import AgentsState
from graph.catalogue import Catalogue
from graph.problem import Policy, problem_from
from graph.recommend import recommend, recommend_blind
from graph.state import GraphInput, GraphOutput, State
from persistence.workload import Recommendation, Workload, parse_workload
from tools.errors import Infeasible, PowerTaken
from tools.market import Market, MarketSource
from tools.placement import Option, Problem
from tools.solver.candidates import option_by_id
from tools.solver.capacity import commitments_of
from tools.solver.fallback import BlindPlacement, is_blind, run_blind
from tools.solver.search import optimum, search

TRIES = 20
"""Plans that other processes may be quicker than; each of them then has got what it wanted."""


class Prepared(TypedDict):
    """What the agents start from; with a recommendation already where there is nothing to weigh."""

    workload: Workload
    clock: datetime
    problem: Problem
    market: Market
    recommendation: NotRequired[Recommendation]


class Prepare:
    """Check the row, take the market's snapshot, set the problem, reserve the power of what will probably be chosen."""

    def __init__(self, source: MarketSource, catalogue: Catalogue, policy: Policy = Policy()) -> None:  # noqa: B008  frozen
        self._source = source
        self._catalogue = catalogue
        self._policy = policy
        self._one_at_a_time = asyncio.Lock()
        """Runs of one process would only snatch the power from each other."""

    async def __call__(self, state: GraphInput, config: RunnableConfig) -> Prepared:
        """Raises `InvalidWorkload` or `Infeasible` before a model is asked, where no wish in the text can help;
        `PowerTaken` where other processes are quicker, time and again."""
        workload = parse_workload(state["row"])
        clock = state["clock"] or datetime.now(UTC)
        market = await self._source.market(clock)
        assets = await self._catalogue.assets()
        async with self._one_at_a_time:
            for _ in range(TRIES):
                promised = await self._catalogue.commitments(market.start, market.end, besides=workload.id)
                problem = problem_from(workload, assets=assets, commitments=promised, now=clock, policy=self._policy)
                prepared: Prepared = {"workload": workload, "clock": clock, "problem": problem, "market": market}
                if is_blind(market):
                    problem, placed, reading = _placed_blind(problem, workload, market)
                    prepared["recommendation"] = recommend_blind(problem, market, placed, reading)
                    wanted = commitments_of(problem, placed)
                else:
                    wanted = commitments_of(problem, _probable(problem, workload, market))
                if await self._catalogue.reserve(workload.id, wanted, token=_token(config)):
                    return prepared
        raise PowerTaken


def _token(config: RunnableConfig) -> int | None:
    """Of the lease under which the run goes; the development server has none."""
    token = config.get("metadata", {}).get("token")
    return token if isinstance(token, int) else None


async def after_prepare(state: State) -> Literal["compute", "__end__"]:
    """Without any figures no agent is asked: the workload runs now, and says why."""
    return "__end__" if "recommendation" in state else "compute"


def _placed_blind(
    problem: Problem, workload: Workload, market: Market
) -> tuple[Problem, BlindPlacement, dict[str, JsonValue]]:
    """Without figures, within what the rules read in the request."""
    reading = _read(problem, workload)
    words = [ReadConstraint(constraint=item, read_by="rules") for item in reading.constraints]
    tightened, constraints = apply(problem, words, workload, market, has_place=partial(_has_place, market))
    record = reading_record(constraints, reading.not_understood)
    try:
        return tightened, run_blind(tightened, market), record
    except Infeasible as error:
        error.request_reading = record
        raise


def _has_place(market: Market, problem: Problem) -> bool:
    try:
        run_blind(problem, market)
    except Infeasible:
        return False
    return True


def _read(problem: Problem, workload: Workload) -> Reading:
    return read(request_text(workload), problem.now, [asset.name for asset in problem.assets])


def _probable(problem: Problem, workload: Workload, market: Market) -> Option:
    """The best placement before the agents have read the request. Raises `Infeasible` where no words can help.

    Text can only tighten, but for two things: it may say that the workload can be paused, and what it needs.
    """
    if workload.request_text is None:
        return optimum(problem, market)
    loosening = [item for item in _read(problem, workload).constraints if _loosens(item)]
    likely = search(_said(problem, loosening, workload, market), market)
    if likely:
        return likely[0]
    return optimum(_said(problem, [Pausing(quote="", allowed=True), *loosening], workload, market), market)


def _loosens(said: Constraint) -> bool:
    return isinstance(said, JobFacts) or (isinstance(said, Pausing) and said.allowed)


def _said(problem: Problem, words: Sequence[Constraint], workload: Workload, market: Market) -> Problem:
    return apply(problem, [ReadConstraint(constraint=one, read_by="rules") for one in words], workload, market)[0]


class Conclude:
    """Turn the decision's ids into the recommendation, and make sure of the power that it takes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def __call__(self, state: AgentsState, config: RunnableConfig) -> GraphOutput:
        problem, market = state["problem"], state["market"]
        winner = option_by_id(problem, market, state["decision"].choices[0].option_id)
        wanted = commitments_of(problem, winner)
        if not await self._catalogue.reserve(state["workload"].id, wanted, token=_token(config)):
            raise PowerTaken
        return {"recommendation": recommend(state)}
