"""Why a workload was placed where it was: its row, and the problem and figures that its run decided on."""

from dataclasses import dataclass, field
from uuid import UUID

from langchain_core.runnables import RunnableConfig

from graph.state import STORED_TYPES
from persistence.checkpoints.pooled import PooledSaver
from persistence.connections.pool import open_pool
from persistence.store.open import Store
from persistence.workload import Row
from tools.errors import GridwiseError
from tools.market import Market
from tools.placement import Option, Problem
from tools.solver.baseline import counterfactual
from tools.solver.candidates import energy_candidates, option_by_id
from tools.solver.confidence import confidence
from tools.solver.savings import Savings, savings


@dataclass(frozen=True)
class Judged:
    """An option beside running now; None where running now cannot be measured."""

    option: Option
    rank: int | None
    """1-3 where it was recommended."""
    savings: Savings | None
    confidence: float | None


@dataclass(frozen=True)
class Explanation:
    """`problem` and `market` are None once the run's checkpoints are pruned, or where it failed before it had them."""

    row: Row
    problem: Problem | None = None
    market: Market | None = None
    now: Option | None = None
    options: tuple[Judged, ...] = field(default=())
    """The recommended ones by rank, then the others of the canonical list."""

    @property
    def winner(self) -> Option | None:
        return next((judged.option for judged in self.options if judged.rank == 1), None)


async def explain(store: Store, database_url: str, workload_id: UUID) -> Explanation | None:
    """Reads the row and the newest run's checkpoint; None where there is no such workload."""
    row = await store.operations.read(workload_id)
    if row is None:
        return None
    attempts = await store.operations.history(workload_id)
    threads = [str(attempt["thread_id"]) for attempt in attempts if attempt.get("thread_id")]
    values = await _state(database_url, threads[-1]) if threads else {}
    problem, market = values.get("problem"), values.get("market")
    if not isinstance(problem, Problem) or not isinstance(market, Market):
        return Explanation(row)
    chosen = getattr(values.get("decision"), "choices", ())
    return judge(row, problem, market, tuple(str(choice.option_id) for choice in chosen))


def judge(row: Row, problem: Problem, market: Market, recommended: tuple[str, ...]) -> Explanation:
    """The recommended option ids, best first, among all others of the problem."""
    now = counterfactual(problem, market)
    options = [_resolve(problem, market, option_id) for option_id in recommended]
    ranked = [(option, rank) for rank, option in enumerate(options, start=1) if option is not None]
    others = [
        (option, None)
        for option in energy_candidates(problem, market)
        if not any(option.asset == o.asset and option.segments == o.segments for o, _ in ranked)
    ]
    return Explanation(
        row,
        problem,
        market,
        now,
        tuple(
            Judged(
                option,
                rank,
                None if now is None else savings(option, now),
                None if now is None else confidence(problem, market, option, now),
            )
            for option, rank in [*ranked, *others]
        ),
    )


def _resolve(problem: Problem, market: Market, option_id: str) -> Option | None:
    try:
        return option_by_id(problem, market, option_id)
    except GridwiseError:
        return None


async def _state(database_url: str, thread_id: str) -> dict[str, object]:
    """The channels of a thread's newest checkpoint; empty where it is gone."""
    config: RunnableConfig = {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}
    async with open_pool(database_url, name="explain", max_size=1) as pool:
        found = await PooledSaver(pool, stored_types=STORED_TYPES).aget_tuple(config)
    return {} if found is None else dict(found.checkpoint["channel_values"])
