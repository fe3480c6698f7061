"""Running now: what would happen without us, and so what every saving is measured against.

A run that the user could really make: in one go, as soon as the times that are allowed and the free power permit, at a
site that the limits leave in. Caps on carbon, share and cost are not asked: without us nobody would know them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import numpy as np

from tools.errors import NoDataError
from tools.market import Market
from tools.placement import Asset, Option, Problem, Segment
from tools.solver.contiguous import best_starts, contiguous_starts
from tools.solver.instance import Criterion, Instance
from tools.solver.options import to_options
from tools.solver.remember import remembered

Basis: TypeAlias = Literal["preferred", "only_site", "mean"]
MEAN_REGION = 0
"""Of the counterfactual over several sites: no region."""

_NO_CAPS: dict[str, object] = {
    "latest_start": None,
    "latest_finish": None,
    "carbon_cap_g": None,
    "max_intensity_g_per_kwh": None,
    "min_renewable_pct": None,
    "max_cost_gbp": None,
    "max_price_gbp_per_kwh": None,
    "max_mean_price_gbp_per_kwh": None,
}
_NO_SITE_LIMITS: dict[str, object] = {
    "max_deferral_hours": None,
    "carbon_intensity_cap_gco2_kwh": None,
    "min_renewable_threshold_pct": None,
}


@remembered
def runs_now(problem: Problem, market: Market) -> tuple[Option, ...]:
    """Running now at each site that the limits leave in and whose figures are known, in the problem's order."""
    free = problem.model_copy(
        update={
            "limits": problem.limits.model_copy(update=_NO_CAPS),
            "job": problem.job.model_copy(update={"pausable": False}),
            "assets": tuple(asset.model_copy(update=_NO_SITE_LIMITS) for asset in problem.assets),
        }
    )
    instance = Instance.of(free, market, priced=False)
    starts = best_starts(instance, contiguous_starts(instance), Criterion.SOONEST).tolist()
    plans = [(index, ((start, start + instance.minutes),)) for index, start in enumerate(starts) if start >= 0]
    priced = Instance.of(free, market)
    holes = priced.touches(plans, np.diff(priced.holes, axis=1) > 0).tolist() if plans else []
    known = [plan for plan, hole in zip(plans, holes, strict=True) if not hole]
    found: dict[int, Option] = {}
    for laid, some in ((instance, [plan for plan in plans if plan not in known]), (priced, known)):
        options = to_options(laid, some, option_id="now", label="now")
        found |= {index: option for (index, _), option in zip(some, options, strict=True)}
    return tuple(found[i].model_copy(update={"asset": problem.assets[i]}) for i in sorted(found))


@remembered
def counterfactual(problem: Problem, market: Market) -> Option | None:
    """Running now at the preferred site where it is allowed, else the mean over the sites that are.

    None where there are no figures for it. The mean's asset is none of the catalogue: region 0, no id.
    """
    options = runs_now(problem, market)
    kind = basis(problem)
    if kind == "preferred":
        return next((option for option in options if option.asset.name == problem.preferred_asset), None)
    if len(options) > 1:
        return _mean(options)
    return options[0] if options else None


def run_now(problem: Problem, market: Market) -> Option:
    """`counterfactual`. Raises `NoDataError` where there is none."""
    option = counterfactual(problem, market)
    if option is None:
        place = problem.preferred_asset if basis(problem) == "preferred" else "the places allowed"
        msg = (
            f"no carbon-intensity figures for {place} for the {problem.job.duration_minutes} minutes from "
            f"{max(problem.now, problem.limits.earliest_start):%Y-%m-%d %H:%M}Z, so running now cannot be measured"
        )
        raise NoDataError(msg)
    return option


def basis(problem: Problem) -> Basis:
    """What running now is measured at."""
    allowed = [asset for asset in problem.assets if problem.limits.allows(asset)]
    if any(asset.name == problem.preferred_asset for asset in allowed):
        return "preferred"
    return "only_site" if len(allowed) == 1 else "mean"


def run_now_at(problem: Problem, market: Market, asset: Asset) -> Option | None:
    """Running now at one site; None where it may not run there or its figures are unknown."""
    return next((option for option in runs_now(problem, market) if option.asset == asset), None)


def _mean(options: Sequence[Option]) -> Option:
    count = len(options)
    energy = sum(option.energy_kwh for option in options) / count
    carbon = sum(option.carbon_g for option in options) / count
    costs = [option.cost_gbp for option in options if option.cost_gbp is not None]
    shares = [option.renewable_pct for option in options if option.renewable_pct is not None]
    regions = {option.asset.region for option in options}
    region = regions.pop() if len(regions) == 1 else MEAN_REGION
    start = min(option.start for option in options)
    return Option(
        option_id="now",
        source="energy",
        asset=Asset(asset_id=None, name=f"the mean of {count} places", region=region, pue=1.0),
        segments=(Segment(start=start, end=_end(options, start)),),
        energy_kwh=energy,
        carbon_g=carbon,
        intensity_g_per_kwh=carbon / energy,
        renewable_pct=sum(shares) / count if len(shares) == count else None,
        cost_gbp=sum(costs) / count if len(costs) == count else None,
        price_is_estimated=any(option.price_is_estimated for option in options),
        objective_gbp=sum(option.objective_gbp for option in options) / count,
        label="now",
    )


def _end(options: Sequence[Option], start: datetime) -> datetime:
    return start + (options[0].end - options[0].start)
