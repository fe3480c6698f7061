"""How sure it is that a placement beats running now, once the actual carbon intensity is known.

The forecast error of a slot has a standard deviation that is a share of the region's level and grows with the lead
time; errors of neighbouring slots are correlated, those of different regions less so. The difference of two windows
then has a spread, and the probability follows from how many spreads the expected saving is wide. Figures and their
calibration: `tools/data/forecast_error.json`, docs/placement.md.
"""

from functools import cache
from importlib.resources import files
from math import exp, sqrt

import numpy as np

from tools.grid import GRAMS_PER_TONNE, SLOT_MINUTES
from tools.market import FloatArray, Market, SourceNote
from tools.placement import Option, Problem, Value


class ErrorModel(Value):
    """Fitted on pairs of forecast and actual; see the file for source, period and scores."""

    relative_sd: float
    """Standard deviation of a fresh forecast's error as a share of the region's mean intensity."""
    floor_g_per_kwh: float
    growth_per_hour: float
    """Growth of the standard deviation per hour of lead time, as a share of it."""
    correlation_hours: float
    """Lag at which the correlation of errors of one region has fallen to 1/e."""
    between_regions: float
    """Correlation of the errors of two regions in the same slot."""
    profile_factor: float
    """Standard deviation on a daily profile instead of a forecast, in multiples of the fresh one's."""
    price_sd_gbp_per_kwh: float
    """Standard deviation of an estimated price; published ones are certain."""
    price_correlation_hours: float
    slope: float
    """Scale of the logistic link from spreads to probability; heavier-tailed than the normal, as the errors are."""


@cache
def error_model() -> ErrorModel:
    """The fitted figures in `tools/data/forecast_error.json`."""
    text = files("tools").joinpath("data/forecast_error.json").read_text(encoding="utf-8")
    return ErrorModel.model_validate_json(text)


def confidence(problem: Problem, market: Market, option: Option, now: Option, model: ErrorModel | None = None) -> float:
    """P(option is no worse than `now` in the objective once actual intensities are known), 0-1.

    1 where the option is running now itself. Lower for old or patchy data.
    """
    if option.asset == now.asset and option.segments == now.segments:
        return 1.0
    model = model or error_model()
    spread = _spread_gbp(problem, market, option, now, model)
    gain = _gain_gbp(option, now)
    if spread <= 0:
        return 1.0 if gain > 0 else 0.5 if gain == 0 else 0.0
    raw = 1 / (1 + exp(-max(-40.0, min(40.0, model.slope * gain / spread))))
    return 0.5 + (raw - 0.5) * min(1.0, max(0.0, market.carbon.coverage))


def _gain_gbp(option: Option, now: Option) -> float:
    if option.cost_gbp is None or now.cost_gbp is None:
        return (now.objective_gbp - (now.cost_gbp or 0.0)) - (option.objective_gbp - (option.cost_gbp or 0.0))
    return now.objective_gbp - option.objective_gbp


def _spread_gbp(problem: Problem, market: Market, option: Option, now: Option, model: ErrorModel) -> float:
    """Standard deviation of the error of the difference between the two objectives."""
    lag = np.abs(np.subtract.outer(np.arange(market.slots), np.arange(market.slots))) / 2
    carbon = np.exp(-lag / model.correlation_hours)
    u, v = (_kwh_per_slot(market, o) * _carbon_sd(market, o, model) for o in (option, now))
    rho = 1.0 if option.asset.region == now.asset.region else model.between_regions
    variance_g = float(u @ carbon @ u + v @ carbon @ v - 2 * rho * (u @ carbon @ v))
    price = np.exp(-lag / model.price_correlation_hours)
    difference = _kwh_per_slot(market, option) * _estimated(market, option)
    difference = difference - _kwh_per_slot(market, now) * _estimated(market, now)
    variance_p = float(difference @ price @ difference) * model.price_sd_gbp_per_kwh**2
    per_g = problem.carbon_price_gbp_per_tonne / GRAMS_PER_TONNE
    return sqrt(max(variance_g, 0.0) * per_g**2 + max(variance_p, 0.0))


def _kwh_per_slot(market: Market, option: Option) -> FloatArray:
    edges = np.arange(market.slots + 1) * SLOT_MINUTES
    minutes = np.zeros(market.slots)
    for segment in option.segments:
        start = (segment.start - market.start).total_seconds() / 60
        end = (segment.end - market.start).total_seconds() / 60
        minutes += np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, None)
    share: FloatArray = minutes / max(minutes.sum(), 1e-12) * option.energy_kwh
    return share


def _carbon_sd(market: Market, option: Option, model: ErrorModel) -> FloatArray:
    row = market.intensity[market.regions.index(option.asset.region)]
    known = row[~np.isnan(row)]
    level = max(model.relative_sd * float(known.mean() if known.size else 0.0), model.floor_g_per_kwh)
    lead_hours = np.arange(market.slots) / 2 + (market.carbon.age_seconds or 0.0) / 3600
    sd: FloatArray = level * _staleness(market.carbon, model) * (1 + model.growth_per_hour * lead_hours)
    return sd


def _staleness(note: SourceNote, model: ErrorModel) -> float:
    return model.profile_factor if note.mode in ("profile", "recorded") else 1.0


def _estimated(market: Market, option: Option) -> FloatArray:
    flags: FloatArray = market.price_estimated[market.regions.index(option.asset.region)].astype(np.float64)
    return flags
