"""The hard limits one by one: how each is dropped, what the least is that must be given up, and its words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor

from pydantic import JsonValue

from tools.energy import asset_power_kw
from tools.placement import Option, Problem
from tools.regions import region_name
from tools.solver.instance import Criterion

Drop = Callable[[Problem], Problem]


@dataclass(frozen=True, slots=True)
class Loosening:
    """One hard limit."""

    name: str
    """The input column, or what a user calls it."""
    kind: str
    """As `agents.constraints` calls it."""
    limit: str
    """The field of `Limits` or `Job`; empty where the owner of the workload has no say."""
    criterion: Criterion
    """Under which the search finds the placements that ask for the least."""
    drop: Drop
    given: Callable[[Problem], str]
    needed: Callable[[Problem, Option], str]
    value: Callable[[Problem], JsonValue] = lambda _: None
    """As `Change.given`."""
    least: Callable[[Problem, Option], JsonValue] = lambda _p, _o: None
    """As `Change.needed`."""
    ask: Callable[[Option], float] | None = None
    """What the least is taken of, where it is not what the criterion goes by on one asset."""


def without(problem: Problem, *loosenings: Loosening) -> Problem:
    """The problem with these limits dropped."""
    for loosening in loosenings:
        problem = loosening.drop(problem)
    return problem


def limited(**update: object) -> Drop:
    """A problem with other limits."""
    return lambda p: p.model_copy(update={"limits": p.limits.model_copy(update=update)})


def _assets(**update: object) -> Drop:
    return lambda p: p.model_copy(update={"assets": tuple(a.model_copy(update=update) for a in p.assets)})


def _job(**update: object) -> Drop:
    return lambda p: p.model_copy(update={"job": p.job.model_copy(update=update)})


def _from_now(problem: Problem) -> Problem:
    if problem.limits.earliest_start <= problem.now:
        return problem
    return limited(earliest_start=problem.now)(problem)


def _time(instant: datetime | None) -> str:
    return "any time" if instant is None else f"{instant:%Y-%m-%d %H:%M}Z"


def _stamp(instant: datetime | None) -> JsonValue:
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _pence(gbp: float) -> float:
    return ceil(round(gbp * 100, 6)) / 100


def _tenth_of_a_penny(gbp: float) -> float:
    return ceil(round(gbp * 1000, 6)) / 1000


def _mean_price(option: Option) -> float:
    return float("inf") if option.cost_gbp is None else option.cost_gbp / option.energy_kwh


def _highest_price(problem: Problem) -> str:
    highest = problem.limits.max_price_gbp_per_kwh
    return "any price per kWh" if highest is None else f"{round(100 * highest, 4):g} p/kWh in every half-hour"


def _cost(option: Option) -> str:
    return "no limit (the price is unknown)" if option.cost_gbp is None else f"{_pence(option.cost_gbp):.2f} GBP"


def _share(option: Option) -> str:
    unknown = option.renewable_pct is None
    return "no limit (the generation mix is unknown)" if unknown else f"{floor(option.renewable_pct or 0)} %"


def _windows(problem: Problem) -> str:
    shown = [f"{one.start:%a %d %b %H:%M}-{one.end:%H:%M}Z" for one in problem.limits.forbidden]
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return "not " + ", ".join(shown[:3]) + more


def _segments(option: Option) -> JsonValue:
    return [[_stamp(part.start), _stamp(part.end)] for part in option.segments]


def _names(regions: tuple[int, ...] | None) -> str:
    return ", ".join(region_name(region) for region in regions or ()) or "none"


LOOSENINGS: tuple[Loosening, ...] = (
    Loosening(
        "deadline",
        "finish",
        "latest_finish",
        Criterion.SOONEST,
        limited(latest_finish=None),
        lambda p: f"finish by {_time(p.limits.latest_finish)}",
        lambda _, o: f"finish by {_time(o.end)}",
        lambda p: _stamp(p.limits.latest_finish),
        lambda _, o: _stamp(o.end),
    ),
    Loosening(
        "deferral_window_mins",
        "start",
        "latest_start",
        Criterion.SOONEST,
        limited(latest_start=None),
        lambda p: f"start by {_time(p.limits.latest_start)}",
        lambda _, o: f"start by {_time(o.start)}",
        lambda p: _stamp(p.limits.latest_start),
        lambda _, o: _stamp(o.start),
        lambda o: o.start.timestamp(),
    ),
    Loosening(
        "carbon_cap_gco2",
        "carbon_total",
        "carbon_cap_g",
        Criterion.CLEANEST,
        limited(carbon_cap_g=None),
        lambda p: f"{p.limits.carbon_cap_g:g} g for the run",
        lambda _, o: f"{ceil(round(o.carbon_g, 6))} g for the run",
        lambda p: p.limits.carbon_cap_g,
        lambda _, o: ceil(round(o.carbon_g, 6)),
    ),
    Loosening(
        "max_carbon_intensity_gco2_kwh",
        "carbon_intensity",
        "max_intensity_g_per_kwh",
        Criterion.CLEANEST,
        limited(max_intensity_g_per_kwh=None),
        lambda p: f"{p.limits.max_intensity_g_per_kwh:g} g/kWh",
        lambda _, o: f"{ceil(round(o.intensity_g_per_kwh, 6))} g/kWh",
        lambda p: p.limits.max_intensity_g_per_kwh,
        lambda _, o: ceil(round(o.intensity_g_per_kwh, 6)),
        lambda o: o.intensity_g_per_kwh,
    ),
    Loosening(
        "min_renewable_pct",
        "renewable_share",
        "min_renewable_pct",
        Criterion.RENEWABLE,
        limited(min_renewable_pct=None),
        lambda p: f"{p.limits.min_renewable_pct:g} %",
        lambda _, o: _share(o),
        lambda p: p.limits.min_renewable_pct,
        lambda _, o: None if o.renewable_pct is None else floor(round(o.renewable_pct, 6)),
    ),
    Loosening(
        "max_price_gbp",
        "cost_total",
        "max_cost_gbp",
        Criterion.CHEAPEST,
        limited(max_cost_gbp=None),
        lambda p: f"{p.limits.max_cost_gbp:.2f} GBP for the run",
        lambda _, o: _cost(o),
        lambda p: p.limits.max_cost_gbp,
        lambda _, o: None if o.cost_gbp is None else _pence(o.cost_gbp),
    ),
    Loosening(
        "price per kWh",
        "price_per_kwh",
        "max_price_gbp_per_kwh",
        Criterion.CHEAPEST,
        limited(max_price_gbp_per_kwh=None),
        _highest_price,
        lambda p, _: _highest_price(p),
        lambda p: p.limits.max_price_gbp_per_kwh,
        lambda p, _: p.limits.max_price_gbp_per_kwh,
    ),
    Loosening(
        "mean price per kWh",
        "price_per_kwh",
        "max_mean_price_gbp_per_kwh",
        Criterion.CHEAPEST,
        limited(max_mean_price_gbp_per_kwh=None),
        lambda p: f"{round(100 * (p.limits.max_mean_price_gbp_per_kwh or 0), 4):g} p/kWh on average",
        lambda _, o: f"{round(100 * _tenth_of_a_penny(_mean_price(o)), 4):g} p/kWh on average",
        lambda p: p.limits.max_mean_price_gbp_per_kwh,
        lambda _, o: _tenth_of_a_penny(_mean_price(o)),
        _mean_price,
    ),
    Loosening(
        "required regions",
        "region",
        "required_regions",
        Criterion.BEST,
        limited(required_regions=None),
        lambda p: f"only {_names(p.limits.required_regions)}",
        lambda _, o: region_name(o.asset.region),
        lambda p: list(p.limits.required_regions or ()),
        lambda _, o: [o.asset.region],
    ),
    Loosening(
        "excluded regions",
        "region",
        "excluded_regions",
        Criterion.BEST,
        limited(excluded_regions=()),
        lambda p: f"not {_names(p.limits.excluded_regions)}",
        lambda _, o: f"allow {region_name(o.asset.region)}",
        lambda p: list(p.limits.excluded_regions),
        lambda _, o: [o.asset.region],
    ),
    Loosening(
        "required sites",
        "site",
        "required_sites",
        Criterion.BEST,
        limited(required_sites=None),
        lambda p: f"only {', '.join(p.limits.required_sites or ()) or 'none'}",
        lambda _, o: o.asset.name,
        lambda p: list(p.limits.required_sites or ()),
        lambda _, o: [o.asset.name],
    ),
    Loosening(
        "excluded sites",
        "site",
        "excluded_sites",
        Criterion.BEST,
        limited(excluded_sites=()),
        lambda p: f"not {', '.join(p.limits.excluded_sites)}",
        lambda _, o: f"allow {o.asset.name}",
        lambda p: list(p.limits.excluded_sites),
        lambda _, o: [o.asset.name],
    ),
    Loosening(
        "forbidden hours",
        "hours",
        "forbidden",
        Criterion.SOONEST,
        limited(forbidden=()),
        _windows,
        lambda _, o: f"allow {o.start:%a %d %b %H:%M} to {o.end:%a %d %b %H:%M}Z",
        lambda p: [[_stamp(one.start), _stamp(one.end)] for one in p.limits.forbidden],
        lambda _, o: _segments(o),
    ),
    Loosening(
        "earliest_start",
        "start",
        "earliest_start",
        Criterion.BEST,
        _from_now,
        lambda p: f"start at {_time(p.limits.earliest_start)}",
        lambda _, o: f"start at {_time(o.start)}",
        lambda p: _stamp(p.limits.earliest_start),
        lambda _, o: _stamp(o.start),
    ),
    Loosening(
        "number of pauses",
        "pausing",
        "max_pauses",
        Criterion.BEST,
        lambda p: _job(max_pauses=None)(p) if p.job.pausable else p,
        lambda p: f"at most {p.job.max_pauses}",
        lambda _, o: f"{len(o.segments) - 1}",
        lambda p: p.job.max_pauses,
        lambda _, o: len(o.segments) - 1,
        lambda o: len(o.segments),
    ),
    Loosening(
        "capacity",
        "capacity",
        "",
        Criterion.SOONEST,
        lambda p: p.model_copy(update={"commitments": ()}),
        lambda _: "power already promised to other workloads",
        lambda p, o: f"{asset_power_kw(p, o.asset):.3g} kW freed on {o.asset.name}",
    ),
    Loosening(
        "asset power",
        "capacity",
        "",
        Criterion.SOONEST,
        _assets(rated_power_kw=None),
        lambda p: f"at most {max(a.rated_power_kw or 0 for a in p.assets):g} kW",
        lambda p, o: f"{asset_power_kw(p, o.asset):.3g} kW on {o.asset.name}",
    ),
    Loosening(
        "asset limits",
        "site_limits",
        "",
        Criterion.BEST,
        _assets(max_deferral_hours=None, carbon_intensity_cap_gco2_kwh=None, min_renewable_threshold_pct=None),
        lambda _: "the assets' own carbon cap, renewable threshold or longest deferral",
        lambda _, o: f"waived for {o.asset.name}",
    ),
)
"""When several must be dropped together, the first ones are given back first."""
