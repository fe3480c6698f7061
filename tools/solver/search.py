"""The exact placement search: every asset, every start minute that can be optimal, with and without pauses."""

from collections.abc import Sequence

from tools.market import Market
from tools.placement import Option, Problem
from tools.solver.contiguous import best_starts, contiguous_starts
from tools.solver.infeasible import explain
from tools.solver.instance import Criterion, Instance, Intervals
from tools.solver.options import sort_key, to_options
from tools.solver.pausing.plans import with_pauses


def search(problem: Problem, market: Market, criterion: Criterion = Criterion.BEST) -> tuple[Option, ...]:
    """The best feasible placement on each asset under `criterion`, best first; empty where nothing is feasible.

    Windows whose price is unknown count only when no window at all has a known price: then carbon alone decides and
    `cost_gbp` is None. Under CHEAPEST they never count.
    """
    return search_all(problem, market, (criterion,))[criterion]


def search_all(problem: Problem, market: Market, criteria: Sequence[Criterion]) -> dict[Criterion, tuple[Option, ...]]:
    """`search` for several criteria at the price of laying out the instance once."""
    found = _search_instance(Instance.of(problem, market), criteria)
    if not any(found.values()):
        found = _search_instance(Instance.of(problem, market, priced=False), criteria)
        if Criterion.CHEAPEST in found:
            found[Criterion.CHEAPEST] = ()
    return found


def optimum(problem: Problem, market: Market) -> Option:
    """The one best placement. Raises `Infeasible`, with the binding limit and what would help, where there is none."""
    options = search(problem, market)
    if not options:
        raise explain(problem, market, search)
    return options[0]


def best_plans(instance: Instance, criteria: Sequence[Criterion]) -> dict[Criterion, list[Intervals | None]]:
    """The search itself: per criterion and asset the best plan in minutes, None where nothing is feasible."""
    starts = contiguous_starts(instance)
    found: dict[Criterion, list[Intervals | None]] = {}
    for criterion in criteria:
        best = best_starts(instance, starts, criterion)
        found[criterion] = [((int(s), int(s) + instance.minutes),) if s >= 0 else None for s in best]
    return with_pauses(instance, found) if instance.problem.job.pausable else found


def _search_instance(instance: Instance, criteria: Sequence[Criterion]) -> dict[Criterion, tuple[Option, ...]]:
    found: dict[Criterion, tuple[Option, ...]] = {}
    for criterion, plans in best_plans(instance, criteria).items():
        feasible = [(asset, plan) for asset, plan in enumerate(plans) if plan is not None]
        options = to_options(instance, feasible, label=criterion.value)
        keyed = [
            (sort_key(option, criterion, asset), option) for (asset, _), option in zip(feasible, options, strict=True)
        ]
        found[criterion] = tuple(option for _, option in sorted(keyed, key=lambda pair: pair[0]))
    return found
