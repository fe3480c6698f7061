"""The two nodes that no model has a part in: the facts at the start, the recommendation at the end."""

from datetime import UTC, datetime
from typing import Literal, NotRequired, TypedDict

from agents.brief import problem_from
from agents.reading.wishes import read_wishes
from agents.request import request_text
from agents.state import AgentsState
from agents.tighten import tighten
from graph.conclude import recommend, recommend_blind
from graph.places import Places
from graph.state import GraphInput, GraphOutput, State
from persistence.workload import Recommendation, Workload, parse_workload
from tools.blind import is_blind
from tools.candidates import option_by_id
from tools.capacity import commitments_of
from tools.market import Market, MarketSource
from tools.placement import Problem
from tools.search import optimum


class Prepared(TypedDict):
    """What the agents start from; with a recommendation already where there is nothing to weigh."""

    workload: Workload
    clock: datetime
    problem: Problem
    market: Market
    recommendation: NotRequired[Recommendation]


class Prepare:
    """Check the row, take the market's snapshot, set the problem."""

    def __init__(self, source: MarketSource, places: Places) -> None:
        self._source = source
        self._places = places

    async def __call__(self, state: GraphInput) -> Prepared:
        """Raises `InvalidWorkload` or `Infeasible` before a model is asked, where no wish in the text can help."""
        workload = parse_workload(state["row"])
        clock = state["clock"] or datetime.now(UTC)
        market = await self._source.market(clock)
        assets = await self._places.assets()
        promised = await self._places.commitments(market.start, market.end, besides=workload.id)
        # nothing is awaited from here to the reservation: the next run to get here has to see it
        problem = problem_from(workload, assets=assets, commitments=promised, now=clock)
        prepared: Prepared = {"workload": workload, "clock": clock, "problem": problem, "market": market}
        if is_blind(market):
            said, _ = tighten(problem, read_wishes(request_text(workload), clock))
            return {**prepared, "recommendation": recommend_blind(said, market)}
        best = optimum(_most_favourable(problem, workload), market)
        self._places.reserve(workload.id, commitments_of(problem, best))
        return prepared


def after_prepare(state: State) -> Literal["compute", "__end__"]:
    """Without any figures no agent is asked: the workload runs now, and says why."""
    return "__end__" if "recommendation" in state else "compute"


def _most_favourable(problem: Problem, workload: Workload) -> Problem:
    """Text can only tighten, but for one thing: it may say that the workload can be paused."""
    if workload.request_text is None:
        return problem
    return problem.model_copy(update={"job": problem.job.model_copy(update={"pausable": True})})


class Conclude:
    """Turn the decision's ids into the recommendation."""

    def __init__(self, places: Places) -> None:
        self._places = places

    async def __call__(self, state: AgentsState) -> GraphOutput:
        problem, market = state["problem"], state["market"]
        winner = option_by_id(problem, market, state["decision"].choices[0].option_id)
        self._places.reserve(state["workload"].id, commitments_of(problem, winner))
        return {"recommendation": recommend(state)}
