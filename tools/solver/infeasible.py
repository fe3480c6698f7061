"""Why no placement exists, and what it would take."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np

from tools.errors import Change, Infeasible, Relaxation
from tools.market import Market, prices_at
from tools.placement import Option, Problem
from tools.regions import region_name
from tools.slots import SLOT
from tools.solver.instance import Criterion
from tools.solver.loosening import LOOSENINGS, Loosening, limited, without
from tools.solver.options import rounded

Search = Callable[[Problem, Market, Criterion], Sequence[Option]]


def explain(problem: Problem, market: Market, search: Search) -> Infeasible:
    """The error for a problem without a feasible placement: the binding limit and the cheapest relaxation of each.

    Every limit is dropped alone; those that open a placement are reported with the least change that does, cheapest
    first. Where no single one helps, limits are dropped together until a placement appears, and all of them bind.
    """
    silent = _silent(problem, market)
    if silent:
        return Infeasible(
            f"There are no carbon-intensity figures for {' and '.join(map(region_name, silent))} while the workload "
            f"may run ({market.carbon.name}), so no placement there can be computed. Submit it again later.",
            binding="data",
        )
    given = [loosening for loosening in LOOSENINGS if loosening.drop(problem) != problem]
    ideal = search(without(problem, *given), market, Criterion.BEST)
    if not ideal:
        return _beyond_the_figures(problem, market)
    alone = [(loosening, _least(problem, market, search, loosening)) for loosening in given]
    relaxations = [_relaxation(problem, [one], *found, ideal[0]) for one, found in alone if found is not None]
    if not relaxations:
        relaxations = [_together(problem, market, search, given, ideal[0])]
    if any(relaxation.limit == "capacity" for relaxation in relaxations):
        relaxations = [relaxation for relaxation in relaxations if relaxation.limit != "asset power"]
    relaxations.sort(key=lambda relaxation: rounded(relaxation.extra_gbp or 0.0))
    message = "No placement keeps every hard limit. " + _sentences(relaxations)
    message += _intensity_typed_as_grams(problem, market, search)
    return Infeasible(message, binding=relaxations[0].limit, relaxations=tuple(relaxations))


def _silent(problem: Problem, market: Market) -> tuple[int, ...]:
    """The regions in which the workload may run, where none of them has a figure in its time; else none.

    What is missing then is data: giving up a limit would not help.
    """
    limits = problem.limits
    allowed = sorted({asset.region for asset in problem.assets if limits.allows(asset)})
    first = max(0, (max(problem.now, limits.earliest_start) - market.start) // SLOT)
    last = (
        market.slots if limits.latest_finish is None else max(first, -((market.start - limits.latest_finish) // SLOT))
    )
    if first >= market.slots or last <= first or market.carbon.mode == "none":
        return ()
    known = {
        region
        for region, row in zip(market.regions, market.intensity, strict=True)
        if not np.isnan(row[first:last]).all()
    }
    return () if known.intersection(allowed) else tuple(allowed)


def _sentences(relaxations: Sequence[Relaxation]) -> str:
    first, *others = relaxations
    text = f"What binds is {first.limit} ({first.given}); nearest feasible: {first.needed}, {first.alternative}."
    if others:
        text += " Or change " + "; or ".join(f"{r.limit} ({r.given}) to {r.needed}" for r in others[:3]) + "."
    return text


def _least(problem: Problem, market: Market, search: Search, loosening: Loosening) -> tuple[Problem, Option] | None:
    """The problem with the one limit dropped, and the placement that asks for the least; None where there is none."""
    freed = without(problem, loosening)
    options = search(freed, market, loosening.criterion)
    if not options:
        return None
    if loosening.limit == "max_price_gbp_per_kwh":
        return _least_price(problem, market, search)
    return freed, options[0] if loosening.ask is None else min(options, key=loosening.ask)


def _least_price(problem: Problem, market: Market, search: Search) -> tuple[Problem, Option] | None:
    """The lowest price of a half-hour that opens a placement, by bisection: prices are steps, and so is the answer."""
    asset_prices = [prices_at(market, asset)[0] for asset in problem.assets]
    prices = np.unique(np.concatenate(asset_prices))
    prices = prices[~np.isnan(prices)]
    low, high, best = 0, len(prices) - 1, None
    while low <= high:
        middle = (low + high) // 2
        loosened = limited(max_price_gbp_per_kwh=float(prices[middle]))(problem)
        if options := search(loosened, market, Criterion.BEST):
            best, high = (loosened, options[0]), middle - 1
        else:
            low = middle + 1
    return best


def _together(
    problem: Problem, market: Market, search: Search, given: Sequence[Loosening], ideal: Option
) -> Relaxation:
    """Drops limits one after the other until a placement exists, then takes back those that were not needed."""
    dropped = list(given)
    for loosening in given:
        fewer = [other for other in dropped if other is not loosening]
        if search(without(problem, *fewer), market, Criterion.BEST):
            dropped = fewer
    freed = without(problem, *dropped)
    return _relaxation(problem, dropped, freed, search(freed, market, Criterion.BEST)[0], ideal)


def _relaxation(
    problem: Problem, loosenings: Sequence[Loosening], freed: Problem, option: Option, ideal: Option
) -> Relaxation:
    return Relaxation(
        limit=" + ".join(one.name for one in loosenings),
        given=", ".join(one.given(problem) for one in loosenings),
        needed=", ".join(one.needed(freed, option) for one in loosenings),
        alternative=_placement(option),
        extra_gbp=option.objective_gbp - ideal.objective_gbp,
        changes=tuple(
            Change(kind=one.kind, limit=one.limit, given=one.value(problem), needed=one.least(freed, option))
            for one in loosenings
        ),
        option=option,
    )


def _beyond_the_figures(problem: Problem, market: Market) -> Infeasible:
    hours = problem.job.duration_minutes / 60
    ahead = (market.end - problem.now) / timedelta(hours=1)
    if market.carbon.mode == "none":
        binding, why = "data", f"there are no carbon-intensity figures ({market.carbon.detail or market.carbon.name})"
    elif hours > ahead:
        binding = "duration"
        why = f"the run takes {hours:g} h, but carbon-intensity figures reach only {max(ahead, 0):.1f} h ahead"
    else:
        binding, why = "data", "the carbon-intensity figures of every possible window have holes"
    return Infeasible(f"No placement can be computed: {why}.", binding=binding)


def _intensity_typed_as_grams(problem: Problem, market: Market, search: Search) -> str:
    """Some users type g/kWh into the cap that is grams for the whole run; say so where that would explain it."""
    cap = problem.limits.carbon_cap_g
    if cap is None or not search(limited(carbon_cap_g=None)(problem), market, Criterion.CLEANEST):
        return ""
    other = problem.limits.max_intensity_g_per_kwh
    as_intensity = limited(carbon_cap_g=None, max_intensity_g_per_kwh=cap if other is None else min(cap, other))
    if not search(as_intensity(problem), market, Criterion.CLEANEST):
        return ""
    return (
        f" carbon_cap_gco2 counts grams for the whole run; if {cap:g} was meant as g/kWh, it can be met: put it into "
        "max_carbon_intensity_gco2_kwh instead."
    )


def _placement(option: Option) -> str:
    place = f"{option.asset.name} ({region_name(option.asset.region)})"
    return f"{place} {option.start:%d %b %H:%M} to {option.end:%d %b %H:%M}Z"
