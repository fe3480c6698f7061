"""What estimating prices is worth: on made up years whose answer is known, and on 2023."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tools.backtest.prices import error_spread, fitted_p_per_g, looks, scores
from tools.backtest.trace import Trace, TraceError, read_trace

START = datetime(2023, 1, 1, tzinfo=UTC)
DAYS = 40


def trace_of(p_per_g, noise=0.0):
    """Prices that follow a daily shape and the day's mean carbon, which changes from day to day."""
    rng = np.random.default_rng(0)
    daily = np.repeat(rng.uniform(50, 300, DAYS), 48)
    shape = np.tile(10 + 8 * np.sin(np.arange(48) / 48 * 2 * np.pi), DAYS)
    price = shape + p_per_g * (daily - daily.mean()) + rng.normal(0, noise, len(daily))
    return Trace("made up", START, daily, daily, price / 100)


def test_prices_that_follow_carbon_are_found_to_by_as_much_as_they_do():
    seen = list(looks(trace_of(0.06)))
    assert fitted_p_per_g(seen) == pytest.approx(0.06, rel=0.02)
    before, after = scores(seen)
    assert after.mae_p < 0.5 * before.mae_p
    assert after.saving_share_pct > before.saving_share_pct


def test_prices_that_do_not_follow_carbon_are_not_found_to():
    seen = list(looks(trace_of(0.0, noise=2.0)))
    assert fitted_p_per_g(seen) == pytest.approx(0.0, abs=0.01)
    sd, _ = error_spread(seen)
    assert sd > 0.02


def test_nothing_is_estimated_that_was_published_by_then():
    for look in looks(trace_of(0.06, noise=1.0)):
        assert np.array_equal(look.after[: look.guessed], look.actual[: look.guessed])
        assert look.guessed in (46, 34, 22, 58)


def test_a_trace_without_prices_is_refused(shared_data):
    trace = read_trace(shared_data / "lets-wait-awhile" / "gb_ci.csv")
    with pytest.raises(TraceError, match="forecast and a price"):
        next(looks(trace))


@pytest.mark.long
def test_on_2023_the_carbon_forecast_saves_a_good_part_of_what_the_mean_leaves(shared_data):
    trace = read_trace(shared_data / "octopus" / "matched_2023_national_ci_and_agile.csv")
    before, after = scores(list(looks(trace)))
    assert after.mae_p < 0.9 * before.mae_p
    assert after.saving_share_pct > before.saving_share_pct + 5
