"""The exact placement search: every asset, every start minute that can be optimal, with and without pauses."""

from collections.abc import Sequence
from functools import cached_property

from tools.market import Market
from tools.placement import Option, Problem
from tools.solver.contiguous import Starts, best_starts, contiguous_starts
from tools.solver.infeasible import explain
from tools.solver.instance import Criterion, Instance, Intervals
from tools.solver.options import sort_key, to_options
from tools.solver.pausing.plans import with_pauses
from tools.solver.remember import remembered


def search(problem: Problem, market: Market, criterion: Criterion = Criterion.BEST) -> tuple[Option, ...]:
    """The best feasible placement on each asset under `criterion`, best first; empty where nothing is feasible.

    Windows whose price is unknown count only when no window at all has a known price: then carbon alone decides and
    `cost_gbp` is None. Under CHEAPEST they never count.
    """
    return search_all(problem, market, (criterion,))[criterion]


def search_all(problem: Problem, market: Market, criteria: Sequence[Criterion]) -> dict[Criterion, tuple[Option, ...]]:
    """`search` for several criteria at the price of laying out the instance once."""
    searched = _searched(problem, market)
    found = {criterion: searched.found(criterion) for criterion in criteria}
    if not any(found.values()):
        unpriced = _searched_unpriced(problem, market)
        found = {
            criterion: () if criterion is Criterion.CHEAPEST else unpriced.found(criterion) for criterion in criteria
        }
    return found


def optimum(problem: Problem, market: Market) -> Option:
    """The one best placement. Raises `Infeasible`, with the binding limit and what would help, where there is none."""
    options = search(problem, market)
    if not options:
        raise explain(problem, market, search)
    return options[0]


def best_plans(instance: Instance, criteria: Sequence[Criterion]) -> dict[Criterion, list[Intervals | None]]:
    """The search itself: per criterion and asset the best plan in minutes, None where nothing is feasible."""
    return _best_plans(instance, contiguous_starts(instance), criteria)


def _best_plans(
    instance: Instance, starts: Starts, criteria: Sequence[Criterion]
) -> dict[Criterion, list[Intervals | None]]:
    found: dict[Criterion, list[Intervals | None]] = {}
    for criterion in criteria:
        best = best_starts(instance, starts, criterion)
        found[criterion] = [((int(s), int(s) + instance.minutes),) if s >= 0 else None for s in best]
    return with_pauses(instance, found) if instance.problem.job.pausable else found


class _Searched:
    """One instance, and what was found on it: each criterion once."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._found: dict[Criterion, tuple[Option, ...]] = {}

    def found(self, criterion: Criterion) -> tuple[Option, ...]:
        if criterion not in self._found:
            self._found[criterion] = self._search(criterion)
        return self._found[criterion]

    @cached_property
    def _starts(self) -> Starts:
        return contiguous_starts(self._instance)

    def _search(self, criterion: Criterion) -> tuple[Option, ...]:
        plans = _best_plans(self._instance, self._starts, (criterion,))[criterion]
        feasible = [(asset, plan) for asset, plan in enumerate(plans) if plan is not None]
        options = to_options(self._instance, feasible, label=criterion.value)
        keyed = [
            (sort_key(option, criterion, asset), option) for (asset, _), option in zip(feasible, options, strict=True)
        ]
        return tuple(option for _, option in sorted(keyed, key=lambda pair: pair[0]))


@remembered
def _searched(problem: Problem, market: Market) -> _Searched:
    return _Searched(Instance.of(problem.model_copy(), market))


@remembered
def _searched_unpriced(problem: Problem, market: Market) -> _Searched:
    return _Searched(Instance.of(problem.model_copy(), market, priced=False))
