"""Which placement may stand first: not simply the least objective, but one that is worth a shift and does no harm.

A shift away from running now must save at least `min_saving` of the objective and a penny, and be more likely right
than wrong by a margin. And unless cost comes first, it must not emit more than running now; where the problem says so,
it may for a large saving per tonne. The two rules on figures are for arrays too: the backtest asks them of whole years.
"""

from typing import Final

import numpy as np

from tools.market import FloatArray, Market
from tools.placement import Objective, Option, Problem
from tools.solver.confidence import confidence
from tools.solver.instance import GRAMS_PER_TONNE, BoolArray
from tools.solver.savings import savings

LIKELY: Final = 0.6
"""Least probability that a shift is right; one that is as often wrong has 0.5."""
ROUNDING: Final = 1e-9
"""Share by which carbon may exceed running now's: what arithmetic leaves, no more."""


FIRST_FACTOR: Final[dict[Objective, float]] = {"balanced": 1.0, "carbon": 5.0, "cost": 0.2}
"""On the carbon price, where carbon or cost is put first."""


def put_first(problem: Problem, first: Objective) -> Problem:
    """The problem of somebody who says what comes first: the carbon price follows, and with cost first a first choice
    may emit more than running now wherever that saves."""
    return problem.model_copy(
        update={
            "objective": first,
            "carbon_price_gbp_per_tonne": problem.carbon_price_gbp_per_tonne * FIRST_FACTOR[first],
            "dirtier_from_gbp_per_tonne": 0.0 if first == "cost" else None,
        }
    )


def saves_enough(
    saved_gbp: FloatArray, base_gbp: FloatArray, min_saving: float, min_saving_gbp: float = 0.01
) -> BoolArray:
    """Whether what is saved of an objective `base_gbp` is worth a shift."""
    enough: BoolArray = (saved_gbp >= min_saving * np.abs(base_gbp)) & (saved_gbp >= min_saving_gbp)
    return enough


def does_no_harm(
    carbon_g: FloatArray, now_carbon_g: FloatArray, saved_gbp: FloatArray, dirtier_from_gbp_per_tonne: float | None
) -> BoolArray:
    """Whether a run emits no more than running now, or saves at least so many GBP of cost per tonne more."""
    more_g = carbon_g - now_carbon_g
    harmless: BoolArray = more_g <= ROUNDING * np.abs(now_carbon_g)
    if dirtier_from_gbp_per_tonne is not None:
        harmless = harmless | (saved_gbp >= dirtier_from_gbp_per_tonne * more_g / GRAMS_PER_TONNE)
    return harmless


def is_harmless(problem: Problem, option: Option, now: Option | None) -> bool:
    """`does_no_harm` of one option; harmless where running now cannot be measured."""
    if now is None:
        return True
    saved = savings(option, now)
    figures = (np.array(figure) for figure in (option.carbon_g, now.carbon_g, saved.cost_gbp or 0.0))
    carbon_g, now_carbon_g, saved_gbp = figures
    return bool(does_no_harm(carbon_g, now_carbon_g, saved_gbp, problem.dirtier_from_gbp_per_tonne))


def worth_shifting(problem: Problem, market: Market, option: Option, over: Option) -> bool:
    """Whether the option is worth leaving `over` for: it saves enough, and probably does."""
    saved = savings(option, over)
    enough = bool(
        saves_enough(
            np.array(saved.objective_gbp), np.array(over.objective_gbp), problem.min_saving, problem.min_saving_gbp
        )
    )
    return enough and confidence(problem, market, option, over) >= LIKELY
