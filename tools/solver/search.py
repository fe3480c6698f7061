"""The exact placement search: every asset, every start minute that can be optimal, with and without pauses."""

from collections.abc import Sequence
from typing import NamedTuple

from tools.errors import NoDataError
from tools.market import Market
from tools.placement import Option, OptionSource, Problem, Segment
from tools.slots import SLOT_MINUTES
from tools.solver.contiguous import best_starts, contiguous_starts
from tools.solver.infeasible import explain
from tools.solver.instance import Grid, Minutes, Order, minute_up
from tools.solver.pausing.closed_form import with_pauses


class SortKey(NamedTuple):
    """Order of options: value under the order, cost, start, region id, place in the problem."""

    value: float
    cost: float
    start: float
    region: int
    place: int


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


def run_now(problem: Problem, market: Market) -> Option:
    """The counterfactual: start as soon as allowed, without a pause, on the preferred asset, else on the first one.

    It is what would happen without us, so caps, deadline and capacity are not asked. Raises `NoDataError` where the
    market has no figures for its place and time.
    """
    names = [asset.name for asset in problem.assets]
    index = names.index(problem.preferred_asset) if problem.preferred_asset in names else 0
    open_problem = problem.model_copy(update={"limits": problem.limits.model_copy(update=_NO_REGION_LIMITS)})
    for priced in (True, False):
        grid = Grid.of(open_problem, market, priced=priced)
        start = minute_up(max(problem.now, problem.limits.earliest_start), market.start)
        end = start + grid.minutes
        if grid.row[index] >= 0 and start >= 0 and end <= market.slots * SLOT_MINUTES:
            holes = grid.holes[grid.row[index]]
            if holes[-(-end // SLOT_MINUTES)] == holes[start // SLOT_MINUTES]:
                return to_options(grid, [(index, ((start, end),))], option_id="now", label="now")[0]
    place = problem.assets[index].name
    msg = (
        f"no carbon-intensity figures for {place} for the {problem.job.duration_minutes} minutes from "
        f"{max(problem.now, problem.limits.earliest_start):%Y-%m-%d %H:%M}Z, so running now cannot be measured"
    )
    raise NoDataError(msg)


def counterfactual(problem: Problem, market: Market) -> Option | None:
    """`run_now`; None where it cannot be measured."""
    try:
        return run_now(problem, market)
    except NoDataError:
        return None


def to_options(
    grid: Grid,
    plans: Sequence[tuple[int, Minutes]],
    *,
    option_id: str = "",
    source: OptionSource = "energy",
    label: str = "",
) -> list[Option]:
    """Everything that is ever said about placements, computed from the figures of their minutes.

    Each plan is an asset's index and its stretches.
    """
    if not plans:
        return []
    options: list[Option] = []
    guessed = grid.touches(plans, grid.guessed).tolist() if grid.priced else [False] * len(plans)
    figures = zip(plans, grid.sums(plans).T.tolist(), guessed, grid.touches(plans, grid.mixless).tolist(), strict=True)
    for (asset, stretches), (intensity, renewable, price), is_estimated, is_mixless in figures:
        minutes = sum(end - start for start, end in stretches)
        rate = float(grid.kwh_per_minute[asset])
        carbon_g, cost_gbp = rate * intensity, rate * price
        option = Option(
            option_id=option_id,
            source=source,
            asset=grid.problem.assets[asset],
            segments=tuple(Segment(start=grid.time(start), end=grid.time(end)) for start, end in stretches),
            energy_kwh=rate * minutes,
            carbon_g=carbon_g,
            intensity_g_per_kwh=intensity / minutes,
            renewable_pct=None if is_mixless else renewable / minutes,
            cost_gbp=cost_gbp if grid.priced else None,
            price_is_estimated=is_estimated,
            objective_gbp=grid.objective(carbon_g, rate * renewable, cost_gbp if grid.priced else 0.0),
            label=label,
        )
        options.append(option)
    return options


def sort_key(option: Option, order: Order, index: int = 0) -> SortKey:
    """Rounded, so that figures that differ by arithmetic noise tie."""
    value = {
        Order.BEST: option.objective_gbp,
        Order.CLEANEST: option.carbon_g,
        Order.CHEAPEST: option.cost_gbp or 0.0,
        Order.SOONEST: option.end.timestamp(),
        Order.RENEWABLE: -(option.renewable_pct or 0.0),
    }[order]
    cost = round(option.cost_gbp or 0.0, 9)
    return SortKey(round(value, 9), cost, option.start.timestamp(), option.asset.region, index)


_NO_REGION_LIMITS: dict[str, object] = {"required_regions": None, "excluded_regions": ()}


def _search_grid(grid: Grid, orders: Sequence[Order]) -> dict[Order, tuple[Option, ...]]:
    found: dict[Order, tuple[Option, ...]] = {}
    for order, plans in best_plans(grid, orders).items():
        feasible = [(asset, plan) for asset, plan in enumerate(plans) if plan is not None]
        options = to_options(grid, feasible, label=order.value)
        keyed = [(sort_key(option, order, asset), option) for (asset, _), option in zip(feasible, options, strict=True)]
        found[order] = tuple(option for _, option in sorted(keyed, key=lambda pair: pair[0]))
    return found
