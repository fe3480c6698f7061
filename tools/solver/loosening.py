"""The hard limits one by one: how each is dropped, what the least is that must be given up, and its words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, inf
from operator import attrgetter
from typing import Any

from pydantic import JsonValue

from tools.energy import asset_power_kw
from tools.placement import Option, Problem, Segment
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


def _limit(
    name: str,
    kind: str,
    limit: str,
    criterion: Criterion,
    least: Callable[[Option], Any],
    words: Callable[[Any], str],
    *,
    needs: Callable[[Any], str] | None = None,
    plain: Callable[[Any], JsonValue] = lambda value: value,
    ask: Callable[[Option], float] | None = None,
    drop: Drop | None = None,
    unset: object = None,
    of: Callable[[Problem], object] = lambda problem: problem.limits,
) -> Loosening:
    """A limit whose value is a field: `least` is the value that an option needs, `words` says one, `needs` what is
    needed where that is said otherwise, `plain` makes JSON of it; `unset` is the field's value without the limit."""
    read, needed = attrgetter(limit), needs or words
    return Loosening(
        name=name,
        kind=kind,
        limit=limit,
        criterion=criterion,
        drop=drop or limited(**{limit: unset}),
        given=lambda problem: words(read(of(problem))),
        needed=lambda _, option: needed(least(option)),
        value=lambda problem: plain(read(of(problem))),
        least=lambda _, option: plain(least(option)),
        ask=ask,
    )


def _time(instant: datetime | None) -> str:
    return "any time" if instant is None else f"{instant:%Y-%m-%d %H:%M}Z"


def _stamp(instant: datetime | None) -> JsonValue:
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _up(value: float, digits: int = 0) -> float:
    """Rounded up to so many digits, but for arithmetic noise."""
    return float(ceil(round(value * 10**digits, 6)) / 10**digits)


def _number(value: float) -> str:
    """Without an exponent."""
    return f"{value:.12g}"


def _share(value: float | None) -> str:
    return "no limit (the generation mix is unknown)" if value is None else f"{_number(value)} %"


def _gbp(value: float | None) -> str:
    """To the penny, or with all the digits of a smaller amount."""
    if value is None:
        return "no limit (the price is unknown)"
    return f"{value:.2f} GBP" if round(value, 2) == round(value, 9) else f"{_number(value)} GBP"


def _mean_price(option: Option) -> float:
    return inf if option.cost_gbp is None else option.cost_gbp / option.energy_kwh


def _pence_per_kwh(gbp: float | None) -> str:
    return f"{round(100 * (gbp or 0), 4):g} p/kWh"


def _highest_price(problem: Problem) -> str:
    highest = problem.limits.max_price_gbp_per_kwh
    return "any price per kWh" if highest is None else f"{_pence_per_kwh(highest)} in every half-hour"


def _windows(forbidden: Sequence[Segment]) -> str:
    shown = [f"{one.start:%a %d %b %H:%M}-{one.end:%H:%M}Z" for one in forbidden]
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return "not " + ", ".join(shown[:3]) + more


def _pairs(segments: Sequence[Segment]) -> JsonValue:
    return [[_stamp(part.start), _stamp(part.end)] for part in segments]


def _listed(values: Sequence[JsonValue] | None) -> JsonValue:
    return list(values or ())


def _choices(
    what: str, kind: str, of: Callable[[Option], JsonValue], name: Callable[[Any], str]
) -> tuple[Loosening, Loosening]:
    """Regions or sites that a run must be in, and that it must not be in."""

    def names(values: Sequence[Any] | None) -> str:
        return ", ".join(name(value) for value in values or ()) or "none"

    def least(option: Option) -> tuple[JsonValue]:
        return (of(option),)

    required = _limit(
        f"required {what}",
        kind,
        f"required_{what}",
        Criterion.BEST,
        least,
        lambda values: f"only {names(values)}",
        needs=names,
        plain=_listed,
    )
    excluded = _limit(
        f"excluded {what}",
        kind,
        f"excluded_{what}",
        Criterion.BEST,
        least,
        lambda values: f"not {names(values)}",
        needs=lambda values: f"allow {names(values)}",
        plain=_listed,
        unset=(),
    )
    return required, excluded


LOOSENINGS: tuple[Loosening, ...] = (
    _limit(
        "deadline",
        "finish",
        "latest_finish",
        Criterion.SOONEST,
        lambda option: option.end,
        lambda time: f"finish by {_time(time)}",
        plain=_stamp,
    ),
    _limit(
        "deferral_window_mins",
        "start",
        "latest_start",
        Criterion.SOONEST,
        lambda option: option.start,
        lambda time: f"start by {_time(time)}",
        plain=_stamp,
        ask=lambda option: option.start.timestamp(),
    ),
    _limit(
        "carbon_cap_gco2",
        "carbon_total",
        "carbon_cap_g",
        Criterion.CLEANEST,
        lambda option: _up(option.carbon_g),
        lambda grams: f"{_number(grams)} g for the run",
    ),
    _limit(
        "max_carbon_intensity_gco2_kwh",
        "carbon_intensity",
        "max_intensity_g_per_kwh",
        Criterion.CLEANEST,
        lambda option: _up(option.intensity_g_per_kwh),
        lambda intensity: f"{_number(intensity)} g/kWh",
        ask=lambda option: option.intensity_g_per_kwh,
    ),
    _limit(
        "min_renewable_pct",
        "renewable_share",
        "min_renewable_pct",
        Criterion.RENEWABLE,
        lambda option: None if option.renewable_pct is None else floor(round(option.renewable_pct, 6)),
        _share,
    ),
    _limit(
        "max_price_gbp",
        "cost_total",
        "max_cost_gbp",
        Criterion.CHEAPEST,
        lambda option: None if option.cost_gbp is None else _up(option.cost_gbp, 2),
        lambda gbp: f"{_gbp(gbp)} for the run",
        needs=_gbp,
    ),
    Loosening(
        "price per kWh",
        "price_per_kwh",
        "max_price_gbp_per_kwh",
        Criterion.CHEAPEST,
        limited(max_price_gbp_per_kwh=None),
        _highest_price,
        lambda problem, _: _highest_price(problem),
        lambda problem: problem.limits.max_price_gbp_per_kwh,
        lambda problem, _: problem.limits.max_price_gbp_per_kwh,
    ),
    _limit(
        "mean price per kWh",
        "price_per_kwh",
        "max_mean_price_gbp_per_kwh",
        Criterion.CHEAPEST,
        lambda option: _up(_mean_price(option), 3),
        lambda price: f"{_pence_per_kwh(price)} on average",
        ask=_mean_price,
    ),
    *_choices("regions", "region", lambda option: option.asset.region, region_name),
    *_choices("sites", "site", lambda option: option.asset.name, str),
    _limit(
        "forbidden hours",
        "hours",
        "forbidden",
        Criterion.SOONEST,
        lambda option: option.segments,
        _windows,
        needs=lambda run: f"allow {run[0].start:%a %d %b %H:%M} to {run[-1].end:%a %d %b %H:%M}Z",
        plain=_pairs,
        unset=(),
    ),
    _limit(
        "earliest_start",
        "start",
        "earliest_start",
        Criterion.BEST,
        lambda option: option.start,
        lambda time: f"start at {_time(time)}",
        plain=_stamp,
        drop=_from_now,
    ),
    _limit(
        "number of pauses",
        "pausing",
        "max_pauses",
        Criterion.BEST,
        lambda option: len(option.segments) - 1,
        lambda pauses: f"at most {pauses}",
        needs=str,
        ask=lambda option: len(option.segments),
        drop=lambda problem: _job(max_pauses=None)(problem) if problem.job.pausable else problem,
        of=lambda problem: problem.job,
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
