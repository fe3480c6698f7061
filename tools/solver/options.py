"""From a plan's minutes to everything that is said about it, and the order of what was found."""

from collections.abc import Sequence
from typing import NamedTuple

from tools.placement import Option, OptionSource, Segment
from tools.solver.instance import Grid, Minutes, Order


class SortKey(NamedTuple):
    """Order of options: value under the order, cost, start, region id, place in the problem."""

    value: float
    cost: float
    start: float
    region: int
    place: int


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
