"""The exact placement search: every asset, every start minute that can be optimal, with and without pauses."""

from collections.abc import Sequence

from tools.market import Market
from tools.placement import Option, Problem
from tools.solver.contiguous import best_starts, contiguous_starts
from tools.solver.infeasible import explain
from tools.solver.instance import Grid, Minutes, Order
from tools.solver.options import sort_key, to_options
from tools.solver.pausing.plans import with_pauses


def search(problem: Problem, market: Market, order: Order = Order.BEST) -> tuple[Option, ...]:
    """The best feasible placement on each asset under `order`, best first; empty where nothing is feasible.

    Windows whose price is unknown count only when no window at all has a known price: then carbon alone decides and
    `cost_gbp` is None. Under CHEAPEST they never count.
    """
    return search_all(problem, market, (order,))[order]


def search_all(problem: Problem, market: Market, orders: Sequence[Order]) -> dict[Order, tuple[Option, ...]]:
    """`search` for several orders at the price of laying out the grid once."""
    found = _search_grid(Grid.of(problem, market), orders)
    if not any(found.values()):
        found = _search_grid(Grid.of(problem, market, priced=False), orders)
        if Order.CHEAPEST in found:
            found[Order.CHEAPEST] = ()
    return found


def optimum(problem: Problem, market: Market) -> Option:
    """The one best placement. Raises `Infeasible`, with the binding limit and what would help, where there is none."""
    options = search(problem, market)
    if not options:
        raise explain(problem, market, search)
    return options[0]


def best_plans(grid: Grid, orders: Sequence[Order]) -> dict[Order, list[Minutes | None]]:
    """The search itself: per order and asset the best plan in minutes, None where nothing is feasible."""
    starts = contiguous_starts(grid)
    found: dict[Order, list[Minutes | None]] = {}
    for order in orders:
        best = best_starts(grid, starts, order)
        found[order] = [((int(s), int(s) + grid.minutes),) if s >= 0 else None for s in best]
    return with_pauses(grid, found) if grid.problem.job.pausable else found


def _search_grid(grid: Grid, orders: Sequence[Order]) -> dict[Order, tuple[Option, ...]]:
    found: dict[Order, tuple[Option, ...]] = {}
    for order, plans in best_plans(grid, orders).items():
        feasible = [(asset, plan) for asset, plan in enumerate(plans) if plan is not None]
        options = to_options(grid, feasible, label=order.value)
        keyed = [(sort_key(option, order, asset), option) for (asset, _), option in zip(feasible, options, strict=True)]
        found[order] = tuple(option for _, option in sorted(keyed, key=lambda pair: pair[0]))
    return found
