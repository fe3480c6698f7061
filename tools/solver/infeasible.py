"""Why no placement exists, and what it would take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, floor

import numpy as np

from tools.energy import asset_power_kw
from tools.errors import Infeasible, Relaxation
from tools.market import Market
from tools.placement import Limits, Option, Problem
from tools.regions import region_name
from tools.slots import SLOT
from tools.solver.instance import Order

Search = Callable[[Problem, Market, Order], Sequence[Option]]
Words = Callable[[Problem, Option | None], str]
"""A limit in words: as given (no option) or as a placement would need it."""


@dataclass(frozen=True, slots=True)
class Loosening:
    """One hard limit: how to drop it, which order finds the least that must be given up, and its words."""

    name: str
    """The input column, or what a user calls it."""
    order: Order
    drop: Callable[[Problem], Problem]
    words: Words


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
    free = problem
    for loosening in given:
        free = loosening.drop(free)
    ideal = search(free, market, Order.BEST)
    if not ideal:
        return _beyond_the_figures(problem, market)
    alone = [(loosening, search(loosening.drop(problem), market, loosening.order)) for loosening in given]
    relaxations = [_relaxation(problem, loosening, options[0], ideal[0]) for loosening, options in alone if options]
    if not relaxations:
        relaxations = [_together(problem, market, search, given, ideal[0])]
    if any(relaxation.limit == "capacity" for relaxation in relaxations):
        relaxations = [relaxation for relaxation in relaxations if relaxation.limit != "asset power"]
    relaxations.sort(key=lambda relaxation: round(relaxation.extra_gbp or 0.0, 9))
    message = "No placement keeps every hard limit. " + _sentences(relaxations)
    message += _intensity_typed_as_grams(problem, market, search)
    return Infeasible(message, binding=relaxations[0].limit, relaxations=tuple(relaxations))


def _silent(problem: Problem, market: Market) -> tuple[int, ...]:
    """The regions in which the workload may run, where none of them has a figure in its time; else none.

    What is missing then is data: to give up a limit is no remedy.
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


def _together(
    problem: Problem, market: Market, search: Search, given: Sequence[Loosening], ideal: Option
) -> Relaxation:
    """Drops limits one after the other until a placement exists, then takes back those that were not needed."""
    dropped = list(given)
    for loosening in given:
        fewer = [other for other in dropped if other is not loosening]
        candidate = problem
        for other in fewer:
            candidate = other.drop(candidate)
        if search(candidate, market, Order.BEST):
            dropped = fewer
    loosened = problem
    for loosening in dropped:
        loosened = loosening.drop(loosened)
    option = search(loosened, market, Order.BEST)[0]
    return Relaxation(
        limit=" + ".join(loosening.name for loosening in dropped),
        given=", ".join(loosening.words(problem, None) for loosening in dropped),
        needed=", ".join(loosening.words(problem, option) for loosening in dropped),
        alternative=_placement(option),
        extra_gbp=option.objective_gbp - ideal.objective_gbp,
    )


def _relaxation(problem: Problem, loosening: Loosening, option: Option, ideal: Option) -> Relaxation:
    return Relaxation(
        limit=loosening.name,
        given=loosening.words(problem, None),
        needed=loosening.words(problem, option),
        alternative=_placement(option),
        extra_gbp=option.objective_gbp - ideal.objective_gbp,
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
    if cap is None or search(_limits(carbon_cap_g=None)(problem), market, Order.CLEANEST) == ():
        return ""
    other = problem.limits.max_intensity_g_per_kwh
    as_intensity = _limits(carbon_cap_g=None, max_intensity_g_per_kwh=cap if other is None else min(cap, other))
    if not search(as_intensity(problem), market, Order.CLEANEST):
        return ""
    return (
        f" carbon_cap_gco2 counts grams for the whole run; if {cap:g} was meant as g/kWh, it can be met: put it into "
        "max_carbon_intensity_gco2_kwh instead."
    )


def _placement(option: Option) -> str:
    place = f"{option.asset.name} ({region_name(option.asset.region)})"
    return f"{place} {option.start:%d %b %H:%M} to {option.end:%d %b %H:%M}Z"


def _limits(**update: object) -> Callable[[Problem], Problem]:
    return lambda p: p.model_copy(update={"limits": p.limits.model_copy(update=update)})


def _assets(**update: object) -> Callable[[Problem], Problem]:
    return lambda p: p.model_copy(update={"assets": tuple(a.model_copy(update=update) for a in p.assets)})


def _from_now(problem: Problem) -> Problem:
    if problem.limits.earliest_start <= problem.now:
        return problem
    return _limits(earliest_start=problem.now)(problem)


def _limit(limits: Limits, field: str, unit: str) -> str:
    return f"{getattr(limits, field):g} {unit}"


def _regions_given(problem: Problem) -> str:
    if problem.limits.required_regions is not None:
        return "only " + (", ".join(region_name(i) for i in problem.limits.required_regions) or "none")
    return ""


LOOSENINGS: tuple[Loosening, ...] = (
    Loosening(
        "deadline",
        Order.SOONEST,
        _limits(latest_finish=None),
        lambda p, o: f"finish by {(o.end if o else p.limits.latest_finish):%Y-%m-%d %H:%M}Z",
    ),
    Loosening(
        "deferral_window_mins",
        Order.SOONEST,
        _limits(latest_start=None),
        lambda p, o: f"start by {(o.start if o else p.limits.latest_start):%Y-%m-%d %H:%M}Z",
    ),
    Loosening(
        "carbon_cap_gco2",
        Order.CLEANEST,
        _limits(carbon_cap_g=None),
        lambda p, o: f"{ceil(o.carbon_g)} g for the run" if o else _limit(p.limits, "carbon_cap_g", "g for the run"),
    ),
    Loosening(
        "max_carbon_intensity_gco2_kwh",
        Order.CLEANEST,
        _limits(max_intensity_g_per_kwh=None),
        lambda p, o: (
            f"{ceil(o.intensity_g_per_kwh)} g/kWh" if o else _limit(p.limits, "max_intensity_g_per_kwh", "g/kWh")
        ),
    ),
    Loosening(
        "min_renewable_pct",
        Order.RENEWABLE,
        _limits(min_renewable_pct=None),
        lambda p, o: (
            ("no limit (the generation mix is unknown)" if o.renewable_pct is None else f"{floor(o.renewable_pct)} %")
            if o
            else _limit(p.limits, "min_renewable_pct", "%")
        ),
    ),
    Loosening(
        "max_price_gbp",
        Order.CHEAPEST,
        _limits(max_cost_gbp=None),
        lambda p, o: (
            ("no limit (the price is unknown)" if o.cost_gbp is None else f"{ceil(o.cost_gbp * 100) / 100:.2f} GBP")
            if o
            else f"{p.limits.max_cost_gbp:.2f} GBP for the run"
        ),
    ),
    Loosening(
        "required regions",
        Order.BEST,
        _limits(required_regions=None),
        lambda p, o: region_name(o.asset.region) if o else _regions_given(p),
    ),
    Loosening(
        "excluded regions",
        Order.BEST,
        _limits(excluded_regions=()),
        lambda p, o: (
            f"allow {region_name(o.asset.region)}"
            if o
            else "not " + ", ".join(region_name(i) for i in p.limits.excluded_regions)
        ),
    ),
    Loosening(
        "earliest_start",
        Order.BEST,
        _from_now,
        lambda p, o: f"start at {(o.start if o else p.limits.earliest_start):%Y-%m-%d %H:%M}Z",
    ),
    Loosening(
        "capacity",
        Order.SOONEST,
        lambda p: p.model_copy(update={"commitments": ()}),
        lambda p, o: (
            f"{asset_power_kw(p, o.asset):.3g} kW freed on {o.asset.name}"
            if o
            else "power already promised to other workloads"
        ),
    ),
    Loosening(
        "asset power",
        Order.SOONEST,
        _assets(rated_power_kw=None),
        lambda p, o: (
            f"{asset_power_kw(p, o.asset):.3g} kW on {o.asset.name}"
            if o
            else f"at most {max(a.rated_power_kw or 0 for a in p.assets):g} kW"
        ),
    ),
    Loosening(
        "asset limits",
        Order.BEST,
        _assets(max_deferral_hours=None, carbon_intensity_cap_gco2_kwh=None, min_renewable_threshold_pct=None),
        lambda _, o: (
            f"waived for {o.asset.name}" if o else "the assets' own carbon cap, renewable threshold or longest deferral"
        ),
    ),
)
"""When several must be dropped together, the first ones are given back first."""
