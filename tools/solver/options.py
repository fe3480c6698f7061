"""From a plan's minutes to everything that is said about it, and the order of what was found."""

from collections.abc import Sequence
from typing import NamedTuple

from tools.placement import Option, OptionSource, Segment
from tools.solver.instance import Criterion, Instance, Intervals


class SortKey(NamedTuple):
    """Order of options: value under the criterion, cost, start, region id, place in the problem."""

    value: float
    cost: float
    start: float
    region: int
    place: int


def to_options(
    instance: Instance,
    plans: Sequence[tuple[int, Intervals]],
    *,
    option_id: str = "",
    source: OptionSource = "energy",
    label: str = "",
) -> list[Option]:
    """Everything that is ever said about placements, computed from the figures of their minutes.

    Each plan is an asset's index and its intervals.
    """
    if not plans:
        return []
    options: list[Option] = []
    guessed = instance.touches(plans, instance.guessed).tolist() if instance.priced else [False] * len(plans)
    figures = zip(
        plans, instance.sums(plans).T.tolist(), guessed, instance.touches(plans, instance.mixless).tolist(), strict=True
    )
    for (asset, intervals), (intensity, renewable, price), is_estimated, is_mixless in figures:
        minutes = sum(end - start for start, end in intervals)
        rate = float(instance.kwh_per_minute[asset])
        carbon_g, cost_gbp = rate * intensity, rate * price
        option = Option(
            option_id=option_id,
            source=source,
            asset=instance.problem.assets[asset],
            segments=tuple(Segment(start=instance.time(start), end=instance.time(end)) for start, end in intervals),
            energy_kwh=rate * minutes,
            carbon_g=carbon_g,
            intensity_g_per_kwh=intensity / minutes,
            renewable_pct=None if is_mixless else renewable / minutes,
            cost_gbp=cost_gbp if instance.priced else None,
            price_is_estimated=is_estimated,
            objective_gbp=instance.objective(carbon_g, rate * renewable, cost_gbp if instance.priced else 0.0),
            label=label,
        )
        options.append(option)
    return options


def rounded(value: float) -> float:
    """To 12 significant digits and 9 decimals: a difference that is left is not a rounding error of a sum.

    Every comparison of options' figures that decides something goes through here.
    """
    return round(float(f"{value:.12g}"), 9)


def sort_key(option: Option, criterion: Criterion = Criterion.BEST, index: int = 0) -> SortKey:
    """Rounded, so that figures that differ by arithmetic noise tie."""
    value = {
        Criterion.BEST: option.objective_gbp,
        Criterion.CLEANEST: option.carbon_g,
        Criterion.CHEAPEST: option.cost_gbp or 0.0,
        Criterion.SOONEST: option.end.timestamp(),
        Criterion.RENEWABLE: -(option.renewable_pct or 0.0),
    }[criterion]
    cost = rounded(option.cost_gbp or 0.0)
    return SortKey(rounded(value), cost, option.start.timestamp(), option.asset.region, index)
