"""The canonical options of a problem and their ids.

Ids are a pure function of (problem, market): every tool call, agent and resumed run recomputes the same list, so no
registry is kept. `c1`… one per asset, in the problem's order; `e1`… the energy list; `now` the counterfactual.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import lru_cache, wraps
from typing import Final, TypeAlias

from tools.errors import NoDataError, UnknownOptionError
from tools.market import Market
from tools.placement import Option, Problem
from tools.solver.instance import Order
from tools.solver.savings import dominates
from tools.solver.search import run_now, search, search_all, sort_key

ORDERS = (Order.BEST, Order.CLEANEST, Order.CHEAPEST, Order.SOONEST)
DIVERSE = 3
APART = timedelta(hours=2)


Candidates: TypeAlias = Callable[[Problem, Market], tuple[Option, ...]]

_REMEMBERED: Final = 128
"""Lists kept per function: those of the runs in flight, each asked for a dozen times."""


class _Same:
    """Equal to itself only: a key by identity, which keeps its object alive while it is one."""

    __slots__ = ("value",)

    def __init__(self, value: Problem | Market) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value


def _remembered(compute: Candidates) -> Candidates:
    """Not computed again for the very same (frozen) objects, as the nodes of one run hand them on."""

    @lru_cache(maxsize=_REMEMBERED)
    def cached(problem: _Same, market: _Same) -> tuple[Option, ...]:
        if not isinstance(problem.value, Problem) or not isinstance(market.value, Market):
            raise TypeError
        return compute(problem.value, market.value)

    @wraps(compute)
    def remembering(problem: Problem, market: Market) -> tuple[Option, ...]:
        return cached(_Same(problem), _Same(market))

    return remembering


@_remembered
def compute_candidates(problem: Problem, market: Market) -> tuple[Option, ...]:
    """The soonest feasible placement of each asset that has one, in the problem's order.

    The id is `c` + the asset's place in `problem.assets` (from 1), so tightening limits removes ids but renames none.
    """
    soonest = {option.asset: option for option in search(problem, market, Order.SOONEST)}
    return tuple(
        soonest[asset].model_copy(update={"option_id": f"c{i}", "source": "compute", "label": "soonest"})
        for i, asset in enumerate(problem.assets, start=1)
        if asset in soonest
    )


@_remembered
def energy_candidates(problem: Problem, market: Market) -> tuple[Option, ...]:
    """Per region the best, cleanest, cheapest and soonest placement, and running now where that is feasible.

    `e1` is the exact optimum, `e1`-`e3` are the diverse top three, the rest follow by objective. Empty where nothing
    is feasible.
    """
    found = search_all(problem, market, ORDERS)
    if not found[Order.BEST]:
        return ()
    pool = _pool(problem, market, found)
    top = _diverse(pool, [found[order][0] for order in ORDERS if found[order]])
    rest = [option for option in pool if not any(_same(option, chosen) for chosen in top)]
    return tuple(
        option.model_copy(update={"option_id": f"e{i}", "source": "energy"})
        for i, option in enumerate([*top, *rest], start=1)
    )


def option_by_id(problem: Problem, market: Market, option_id: str) -> Option:
    """Resolves `c…`, `e…` and `now` by recomputation. Raises `UnknownOptionError`, naming the ids that exist."""
    if option_id == "now":
        return run_now(problem, market)
    candidates = compute_candidates if option_id.startswith("c") else energy_candidates
    for option in candidates(problem, market):
        if option.option_id == option_id:
            return option
    known = [o.option_id for o in (*compute_candidates(problem, market), *energy_candidates(problem, market))]
    msg = f"there is no option {option_id!r}; there are {', '.join([*known, 'now'])}"
    raise UnknownOptionError(msg)


def is_apart(one: Option, other: Option) -> bool:
    """Different enough to be worth showing both: another region, or two hours between the starts."""
    return one.asset.region != other.asset.region or abs(one.start - other.start) >= APART


def _pool(problem: Problem, market: Market, found: dict[Order, tuple[Option, ...]]) -> list[Option]:
    pool: list[Option] = []
    for order in ORDERS:
        seen: set[int] = set()
        for option in found[order]:
            if option.asset.region not in seen:
                seen.add(option.asset.region)
                if not any(_same(option, other) for other in pool):
                    pool.append(option)
    now = _now_if_feasible(problem, market, found[Order.SOONEST])
    if now is not None:
        pool = [now if _same(option, now) and option.label != Order.BEST else option for option in pool]
        if not any(_same(option, now) for option in pool):
            pool.append(now)
    index = {asset: i for i, asset in enumerate(problem.assets)}
    return sorted(pool, key=lambda option: sort_key(option, Order.BEST, index[option.asset]))


def _now_if_feasible(problem: Problem, market: Market, soonest: Sequence[Option]) -> Option | None:
    """The counterfactual, where it keeps every limit: then it is the soonest placement of its own asset."""
    try:
        now = run_now(problem, market)
    except NoDataError:
        return None
    return now if any(_same(option, now) for option in soonest) else None


def _diverse(pool: Sequence[Option], roles: Sequence[Option]) -> list[Option]:
    """The optimum, then the other roles, then by objective: apart from each other, at most one dominated."""
    chosen: list[Option] = []
    for option in (*roles, *pool):
        if len(chosen) == DIVERSE:
            break
        if all(is_apart(option, other) for other in chosen) and _dominated([*chosen, option]) <= 1:
            chosen.append(option)
    head, *others = chosen
    return [head, *sorted(others, key=lambda option: sort_key(option, Order.BEST))]


def _dominated(options: Sequence[Option]) -> int:
    return sum(any(dominates(other, option) for other in options) for option in options)


def _same(one: Option, other: Option) -> bool:
    return one.start == other.start and one.segments == other.segments and one.asset == other.asset
