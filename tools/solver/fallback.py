"""The last rung: no figures at all, so the workload runs as soon as allowed where its owner would have run it."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tools.errors import Infeasible
from tools.market import FloatArray, Market
from tools.placement import Asset, Problem, Segment, Value
from tools.solver.instance import Criterion, Instance
from tools.solver.search import best_plans

FIGURE_LIMITS: tuple[tuple[str, str], ...] = (
    ("carbon_cap_g", "carbon_cap_gco2"),
    ("max_intensity_g_per_kwh", "max_carbon_intensity_gco2_kwh"),
    ("min_renewable_pct", "min_renewable_pct"),
    ("max_cost_gbp", "max_price_gbp"),
    ("max_price_gbp_per_kwh", "the limit on the price per kWh"),
    ("max_mean_price_gbp_per_kwh", "the limit on the mean price per kWh"),
)
"""Limits that cannot knowingly be kept without figures, with their columns."""
ASSET_LIMITS: dict[str, None] = {"carbon_intensity_cap_gco2_kwh": None, "min_renewable_threshold_pct": None}


class BlindPlacement(Value):
    """Where and when, without a number: none is known."""

    asset: Asset
    start: datetime
    end: datetime
    why: str
    """The fault of the source, in words."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        return (Segment(start=self.start, end=self.end),)


def is_blind(market: Market) -> bool:
    """Nothing at all is known of carbon: not even a daily profile."""
    return market.carbon.mode == "none"


def run_blind(problem: Problem, market: Market) -> BlindPlacement:
    """Soonest start on the preferred asset, else on the first asset that can start soonest; windows and capacity hold.

    Raises `Infeasible` where a limit on carbon, renewable share or cost is set, since it could be broken unseen, and
    where time or capacity leave no place.
    """
    why = market.carbon.detail or f"{market.carbon.name} gave no figures"
    asked = [column for field, column in FIGURE_LIMITS if getattr(problem.limits, field) is not None]
    if asked:
        msg = f"There are no carbon-intensity figures now ({why}), so {' and '.join(asked)} cannot be checked."
        raise Infeasible(msg, binding="data")
    assets = tuple(asset.model_copy(update=ASSET_LIMITS) for asset in problem.assets)
    instance = Instance.of(problem.model_copy(update={"assets": assets}), _Flat.like(market), priced=False)
    plans = best_plans(instance, (Criterion.SOONEST,))[Criterion.SOONEST]
    found = [
        (plan[0][0], problem.assets[i].name != problem.preferred_asset, i, plan)
        for i, plan in enumerate(plans)
        if plan is not None
    ]
    if not found:
        msg = f"There are no carbon-intensity figures now ({why}), and no asset is free within the workload's window."
        raise Infeasible(msg, binding="data")
    _, _, index, plan = min(found, key=lambda item: item[:3])
    return BlindPlacement(
        asset=problem.assets[index], start=instance.time(plan[0][0]), end=instance.time(plan[-1][1]), why=why
    )


@dataclass(frozen=True)
class _Flat:
    """Figures that prefer no time and no place; what is computed from them is never shown."""

    start: datetime
    regions: tuple[int, ...]
    slots: int

    @classmethod
    def like(cls, market: Market) -> "_Flat":
        return cls(market.start, market.regions, market.slots)

    @property
    def intensity(self) -> FloatArray:
        return np.zeros((len(self.regions), self.slots))

    renewable = intensity
    price_gbp_per_kwh = intensity

    @property
    def price_estimated(self) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
        return np.zeros((len(self.regions), self.slots), np.bool_)
