"""How sure it is that a placement beats running now, once the actual carbon intensity is known.

Errors of a region's forecast spread with the root of its level, hang together over hours within a region and partly
between regions. The difference of two windows then has a spread too, and the probability follows from how many spreads
the expected saving is wide. Figures: `tools/data/forecast_error.json`; how they were fitted and how well they hold:
docs/placement.md.
"""

import json
from functools import cache
from importlib.resources import files
from math import copysign, exp, inf, sqrt
from typing import Literal

import numpy as np

from tools.market import FloatArray, Market, prices_at
from tools.placement import Option, Problem, Value
from tools.slots import SLOT_MINUTES
from tools.solver.instance import GRAMS_PER_TONNE
from tools.solver.remember import remembered


class ErrorModel(Value):
    """Error of forecasts in words of spread; fitted where its file says so, assumed where it says that."""

    sd_per_root_g: float
    """Standard deviation of a forecast's error over the root of the mean intensity, both in g/kWh."""
    floor_g_per_kwh: float
    """Least standard deviation: a region that is at 0 g most of the day is not certain to stay there."""
    profile_sd_per_root_g: float
    """The same for yesterday's profile in place of a forecast."""
    growth_per_hour: float
    """Growth of the standard deviation per hour of the answer's age, as a share of it."""
    correlation_hours: float
    """Lag at which the correlation of errors of one region has fallen to 1/e."""
    profile_correlation_hours: float
    between_regions: float
    """Correlation of the errors of two regions in the same slot."""
    price_sd_gbp_per_kwh: float
    """Standard deviation of an estimated price; published ones are certain."""
    price_correlation_hours: float
    slope: float
    """Scale of the logistic link from spreads to probability: heavier-tailed than the normal, as the errors are."""
    optimism: float = 0.0
    """Spreads that a chosen window's gain is too large on average, because the best of many forecasts was chosen."""


@cache
def error_model(kind: Literal["live", "archive"] = "live") -> ErrorModel:
    """The fitted figures in `tools/data/forecast_error.json`: of forecasts as published, or of an archive's.

    An archive keeps the last revision of each forecast, which errs less than what was published.
    """
    text = files("tools").joinpath("data/forecast_error.json").read_text(encoding="utf-8")
    table = json.loads(text)
    return ErrorModel.model_validate({**table["common"], **table[kind]})


def confidence(problem: Problem, market: Market, option: Option, now: Option, model: ErrorModel | None = None) -> float:
    """P(option is no worse than `now` in the objective once actual intensities are known), 0-1.

    1 where the option is running now itself. Lower for old or patchy data.
    """
    if option.asset == now.asset and option.segments == now.segments:
        return 1.0
    if model is not None:
        return _confidence(problem, market, option, now, model)
    known, key = _confidences(problem, market), (id(option), id(now))
    if key not in known:
        known[key] = option, now, _confidence(problem, market, option, now, error_model())
    return known[key][2]


@remembered
def _confidences(problem: Problem, market: Market) -> dict[tuple[int, int], tuple[Option, Option, float]]:
    """What has been computed, by the two options' identity, with the options, which keep it theirs."""
    return {}


def _confidence(problem: Problem, market: Market, option: Option, now: Option, model: ErrorModel) -> float:
    wide = model.slope * (spreads(problem, market, option, now, model) - model.optimism)
    raw = 1 / (1 + exp(-max(-40.0, min(40.0, wide))))
    return 0.5 + (raw - 0.5) * min(1.0, max(0.0, market.carbon.coverage))


def spreads(problem: Problem, market: Market, option: Option, now: Option, model: ErrorModel) -> float:
    """The expected gain over `now` in standard deviations of its error; infinite where nothing is uncertain."""
    spread, gain = _spread_gbp(problem, market, option, now, model), _gain_gbp(option, now)
    return gain / spread if spread > 0 else copysign(inf, gain) if gain else 0.0


def _gain_gbp(option: Option, now: Option) -> float:
    if option.cost_gbp is None or now.cost_gbp is None:
        return (now.objective_gbp - (now.cost_gbp or 0.0)) - (option.objective_gbp - (option.cost_gbp or 0.0))
    return now.objective_gbp - option.objective_gbp


def _spread_gbp(problem: Problem, market: Market, option: Option, now: Option, model: ErrorModel) -> float:
    """Standard deviation of the error of the difference between the two objectives."""
    u, v = (_kwh_per_slot(market, o) for o in (option, now))
    slots = np.flatnonzero((u != 0) | (v != 0))
    u, v = u[slots], v[slots]
    lag_hours = np.abs(slots[:, None] - slots[None, :]) * SLOT_MINUTES / 60
    stale = market.carbon.mode in ("profile", "recorded")
    correlation = np.exp(-lag_hours / (model.profile_correlation_hours if stale else model.correlation_hours))
    u_g, v_g = u * _carbon_sd(market, option, model), v * _carbon_sd(market, now, model)
    rho = 1.0 if option.asset.region == now.asset.region else model.between_regions
    variance_g = u_g @ correlation @ u_g + v_g @ correlation @ v_g - 2 * rho * (u_g @ correlation @ v_g)
    guessed = u * _estimated(market, option)[slots] - v * _estimated(market, now)[slots]
    variance_p = guessed @ np.exp(-lag_hours / model.price_correlation_hours) @ guessed
    per_g = problem.carbon_price_gbp_per_tonne / GRAMS_PER_TONNE
    priced = option.cost_gbp is not None and now.cost_gbp is not None
    price_sd = model.price_sd_gbp_per_kwh if priced else 0.0
    return sqrt(max(float(variance_g), 0.0) * per_g**2 + max(float(variance_p), 0.0) * price_sd**2)


def _kwh_per_slot(market: Market, option: Option) -> FloatArray:
    edges = np.arange(market.slots + 1) * SLOT_MINUTES
    minutes = np.zeros(market.slots)
    for segment in option.segments:
        start = (segment.start - market.start).total_seconds() / 60
        end = (segment.end - market.start).total_seconds() / 60
        minutes += np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, None)
    share: FloatArray = minutes / max(minutes.sum(), 1e-12) * option.energy_kwh
    return share


def _carbon_sd(market: Market, option: Option, model: ErrorModel) -> float:
    """g/kWh, of the region's figures in this market."""
    region = option.asset.region
    row = market.intensity if region not in market.regions else market.intensity[market.regions.index(region)]
    known = row[~np.isnan(row)]
    level = float(known.mean()) if known.size else 0.0
    mode, since = market.carbon.mode, market.carbon.kept_since.get(option.asset.region)
    age = max(0.0, ((market.carbon.fetched_at or market.start) - since).total_seconds()) if since else 0.0
    age_hours = ((market.carbon.age_seconds or 0.0) + age) / 3600
    per_root = model.profile_sd_per_root_g if mode in ("profile", "recorded") else model.sd_per_root_g
    return max(per_root * sqrt(level), model.floor_g_per_kwh) * (1 + model.growth_per_hour * age_hours)


def _estimated(market: Market, option: Option) -> FloatArray:
    flags: FloatArray = prices_at(market, option.asset)[1].astype(np.float64)
    return flags
