"""The canonical options of a problem and their ids.

Ids are a pure function of (problem, market): every tool call, agent and resumed run recomputes the same list, so no
registry is kept. `c1`… one per asset, in the problem's order; `e1`… the energy list; `now` the counterfactual.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tools.errors import UnknownOptionError
from tools.market import Market
from tools.placement import Option, Problem
from tools.solver.baseline import counterfactual, run_now, runs_now
from tools.solver.instance import Criterion
from tools.solver.options import sort_key
from tools.solver.policy import is_harmless
from tools.solver.remember import remembered
from tools.solver.savings import dominates
from tools.solver.search import search, search_all

CRITERIA = (Criterion.BEST, Criterion.CLEANEST, Criterion.CHEAPEST, Criterion.SOONEST)
DIVERSE = 3
APART = timedelta(hours=2)


@remembered
def compute_candidates(problem: Problem, market: Market) -> tuple[Option, ...]:
    """The soonest feasible placement of each asset that has one, in the problem's order.

    The id is `c` + the asset's place in `problem.assets` (from 1), so tightening limits removes ids but renames none.
    """
    soonest = {option.asset: option for option in search(problem, market, Criterion.SOONEST)}
    return tuple(
        soonest[asset].model_copy(update={"option_id": f"c{i}", "source": "compute", "label": "soonest"})
        for i, asset in enumerate(problem.assets, start=1)
        if asset in soonest
    )


@remembered
def energy_candidates(problem: Problem, market: Market) -> tuple[Option, ...]:
    """Per region the best, cleanest, cheapest and soonest placement and running now where that is feasible; the best
    that emit no more than running now, where the best emit more; and as many at other times as three apart take.

    `e1` is the exact optimum, `e1`-`e3` are the diverse top three, the rest follow by objective. Empty where nothing
    is feasible.
    """
    found = search_all(problem, market, CRITERIA)
    if not found[Criterion.BEST]:
        return ()
    pool = _pool(problem, market, found)
    top = _diverse(pool, [found[criterion][0] for criterion in CRITERIA if found[criterion]])
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


def all_apart(option: Option, others: Sequence[Option]) -> bool:
    return all(is_apart(option, other) for other in others)


def _pool(problem: Problem, market: Market, found: dict[Criterion, tuple[Option, ...]]) -> list[Option]:
    pool = [option for criterion in CRITERIA for option in _one_per_region(found[criterion])]
    now = counterfactual(problem, market)
    if not is_harmless(problem, found[Criterion.BEST][0], now) and now is not None:
        pool += _one_per_region(search(_no_dirtier(problem, now), market))
    soonest = found[Criterion.SOONEST]
    at_once = [one for one in runs_now(problem, market) if any(_same(one, other) for other in soonest)]
    if at_once:
        best = min(at_once, key=sort_key)
        pool += [best, *(one for one in at_once if one.asset.name == problem.preferred_asset)]
    if len({option.asset.region for option in found[Criterion.BEST]}) < DIVERSE:
        pool += [other for first in _distinct(pool) for other in _three_apart(problem, market, first)]
    index = {asset: i for i, asset in enumerate(problem.assets)}
    return sorted(_distinct(pool), key=lambda option: sort_key(option, Criterion.BEST, index[option.asset]))


def _one_per_region(options: Sequence[Option]) -> list[Option]:
    best: dict[int, Option] = {}
    for option in options:
        best.setdefault(option.asset.region, option)
    return list(best.values())


def _distinct(options: Sequence[Option]) -> list[Option]:
    """Of equal ones the first, but the label `now` wins over others than `best`."""
    distinct: list[Option] = []
    for option in options:
        place = next((i for i, other in enumerate(distinct) if _same(option, other)), None)
        if place is None:
            distinct.append(option)
        elif option.label == "now" and distinct[place].label != Criterion.BEST:
            distinct[place] = option
    return distinct


def _no_dirtier(problem: Problem, now: Option) -> Problem:
    cap = problem.limits.carbon_cap_g
    most = now.carbon_g if cap is None else min(cap, now.carbon_g)
    return problem.model_copy(update={"limits": problem.limits.model_copy(update={"carbon_cap_g": most})})


def _three_apart(problem: Problem, market: Market, first: Option) -> list[Option]:
    """Two more that are apart from the first and from each other, wherever two exist: the best, else the soonest."""
    for criterion in (Criterion.BEST, Criterion.SOONEST):
        chosen = [first]
        while len(chosen) < DIVERSE and (others := list(_elsewhere(problem, market, chosen, criterion))):
            chosen.append(min(others, key=lambda option: sort_key(option, criterion)))
        if len(chosen) == DIVERSE:
            break
    return chosen[1:]


def _elsewhere(problem: Problem, market: Market, chosen: Sequence[Option], criterion: Criterion) -> Iterator[Option]:
    """The best placement in every region and interval of time that is apart from all the chosen ones."""
    begin = max(problem.now, problem.limits.earliest_start)
    for region, hours in dict.fromkeys((asset.region, asset.max_deferral_hours) for asset in problem.assets):
        assets = tuple(a for a in problem.assets if (a.region, a.max_deferral_hours) == (region, hours))
        starts = sorted(option.start for option in chosen if option.asset.region == region)
        last = problem.limits.latest_start or market.end
        if hours is not None:  # counted from where the problem begins, not from where a gap does
            last = min(last, begin + timedelta(hours=hours))
        for earliest, latest in _gaps(begin, last, starts):
            update = {"earliest_start": earliest, "latest_start": latest}
            limits = problem.limits.model_copy(update=update)
            yield from search(problem.model_copy(update={"assets": assets, "limits": limits}), market, criterion)[:1]


def _gaps(begin: datetime, last: datetime, starts: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    for start in starts:
        if begin <= start - APART:
            yield begin, min(last, start - APART)
        begin = max(begin, start + APART)
    if begin <= last:
        yield begin, last


def _diverse(pool: Sequence[Option], roles: Sequence[Option]) -> list[Option]:
    """The optimum, then the other roles, then by objective: apart from each other, at most one dominated unless three
    take more."""
    chosen: list[Option] = []
    for most_dominated in (1, DIVERSE):
        for option in (*roles, *pool):
            if len(chosen) == DIVERSE:
                break
            if all_apart(option, chosen) and _dominated([*chosen, option]) <= most_dominated:
                chosen.append(option)
    head, *others = chosen
    return [head, *sorted(others, key=lambda option: sort_key(option))]


def _dominated(options: Sequence[Option]) -> int:
    return sum(any(dominates(other, option) for other in options) for option in options)


def _same(one: Option, other: Option) -> bool:
    return one.start == other.start and one.segments == other.segments and one.asset == other.asset
