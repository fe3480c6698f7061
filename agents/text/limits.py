"""How the first option keeps each limit of the request."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from agents.text.claims import Measure, Which
from agents.text.compare import figure, value
from agents.text.figures import clock, length, listed, power_price, spans
from agents.text.situation import Situation
from tools.market import prices_at
from tools.placement import Option
from tools.regions import region_name

ALWAYS: tuple[Which, ...] = ("deadline", "carbon", "intensity", "renewable", "cost", "price", "places", "hours")
"""Told of every decision that has them."""
_MOST_HOURS = 3


def limit_kept(which: Which, about: Situation) -> str | None:
    """A predicate of the first option; None where the request sets no such limit."""
    return _KEPT[which](about, about.options[0]) if about.options else None


def limits_kept(about: Situation) -> str | None:
    """All of them in one sentence."""
    kept = [words for which in ALWAYS if (words := limit_kept(which, about))]
    return f"within its limits, it {'; '.join(kept)}" if kept else None


def _deadline(about: Situation, option: Option) -> str | None:
    latest = about.problem.limits.latest_finish
    return None if latest is None else f"ends {_apart(option.end, latest, 'before')} the deadline, {clock(latest)}"


def _start(about: Situation, option: Option) -> str | None:
    limits = about.problem.limits
    said = []
    if limits.earliest_start > about.problem.now:
        said.append(f"starts {_apart(limits.earliest_start, option.start, 'after')} the earliest start")
    if limits.latest_start is not None:
        ahead = _apart(option.start, limits.latest_start, "before")
        said.append(f"starts {ahead} the latest start, {clock(limits.latest_start)}")
    return listed(said) or None


def _apart(early: datetime, late: datetime, side: str) -> str:
    minutes = round((late - early) / timedelta(minutes=1))
    return f"{length(minutes)} {side}" if minutes else "exactly at"


def _kept(has: float | None, allowed: float | None, told: str, shown: Callable[[float], str]) -> str | None:
    if has is None or allowed is None:
        return None
    if shown(abs(allowed - has)) == shown(0):
        return f"{told.format(shown(has))}, just at the limit of {shown(allowed)}"
    gap = f"{has - allowed:.1f} points above" if shown(0).endswith("%") else f"{shown(allowed - has)} below"
    return f"{told.format(shown(has))}, {gap} the limit of {shown(allowed)}"


def _cap(of: Measure, limit: str, told: str) -> Callable[[Situation, Option], str | None]:
    def kept(about: Situation, option: Option) -> str | None:
        return _kept(value(option, of), getattr(about.problem.limits, limit), told, partial(figure, of))

    return kept


def _price(about: Situation, option: Option) -> str | None:
    limits = about.problem.limits
    mean = None if option.cost_gbp is None else option.cost_gbp / option.energy_kwh
    said = (
        _kept(_highest(about, option), limits.max_price_gbp_per_kwh, "pays at most {} for power", power_price),
        _kept(mean, limits.max_mean_price_gbp_per_kwh, "pays {} for power on average", power_price),
    )
    return listed([words for words in said if words]) or None


def _highest(about: Situation, option: Option) -> float | None:
    if about.row(option) is None:
        return None
    prices = prices_at(about.market, option.asset)[0][about.minutes(option) > 0]
    return float(prices.max()) if prices.size and not np.isnan(prices).any() else None


def _places(about: Situation, _option: Option) -> str | None:
    limits, said = about.problem.limits, []
    if limits.required_regions is not None:
        said.append(f"stays in {_regions(limits.required_regions)}")
    if limits.excluded_regions:
        said.append(f"stays out of {_regions(limits.excluded_regions)}")
    if limits.required_sites is not None:
        said.append(f"runs at {listed(limits.required_sites, 'or')}, as required")
    if limits.excluded_sites:
        said.append(f"avoids {listed(limits.excluded_sites)}")
    return listed(said) or None


def _regions(regions: Sequence[int]) -> str:
    return listed([region_name(region) for region in regions], "or")


def _hours(about: Situation, _option: Option) -> str | None:
    forbidden = about.problem.limits.forbidden
    if not forbidden:
        return None
    more = len(forbidden) - _MOST_HOURS
    rest = f" and {more} more such time{'s' if more > 1 else ''}" if more > 0 else ""
    return f"keeps clear of {spans(forbidden[:_MOST_HOURS])}{rest}"


def _pauses(about: Situation, option: Option) -> str | None:
    job, pauses = about.problem.job, len(option.segments) - 1
    if not job.pausable:
        return "runs in one go"
    return None if job.max_pauses is None else f"pauses {pauses} of at most {job.max_pauses} times"


_KEPT: dict[Which, Callable[[Situation, Option], str | None]] = {
    "deadline": _deadline,
    "start": _start,
    "carbon": _cap("carbon", "carbon_cap_g", "emits {}"),
    "intensity": _cap("intensity", "max_intensity_g_per_kwh", "is at {}"),
    "renewable": _cap("renewable", "min_renewable_pct", "has {} renewable power"),
    "cost": _cap("cost", "max_cost_gbp", "costs {}"),
    "price": _price,
    "places": _places,
    "hours": _hours,
    "pauses": _pauses,
}
