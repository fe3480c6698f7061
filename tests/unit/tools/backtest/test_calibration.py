"""What the confidence says comes true as often, on 2023's forecasts and actuals."""

import pytest

from tests.thorough import tries
from tools.backtest.calibration import Calibration, Decision, brier, decisions, fit_link, reliability
from tools.backtest.trace import TraceError, read_trace
from tools.solver.confidence import error_model


@pytest.fixture(scope="module")
def made(shared_data):
    trace = read_trace(shared_data / "octopus" / "matched_2023_national_ci_and_agile.csv")
    return list(decisions(trace, tries(500, 4500), seed=11))


@pytest.mark.long
def test_every_decile_with_fifty_decisions_is_within_seven_points(made):
    deciles = [d for d in reliability(made) if d.decisions >= 50]
    assert len(deciles) >= 4
    for decile in deciles:
        assert decile.came == pytest.approx(decile.said, abs=0.07), decile


def test_weeks_that_were_not_fitted_on_are_as_well_calibrated(made):
    held_out = [d for d in made if d.week % 2 == 0]
    for decile in reliability(held_out):
        if decile.decisions >= tries(60, 100):
            assert decile.came == pytest.approx(decile.said, abs=0.07), decile


def test_it_scores_better_than_a_constant_and_than_the_papers_noise(made):
    score = Calibration.of(made)
    assert score.brier < score.brier_paper < score.brier_constant


@pytest.mark.long
def test_the_stored_figures_are_what_fitting_gives(made):
    odd = [d for d in made if d.week % 2]
    slope, optimism = fit_link([d.spreads for d in odd], [d.won for d in odd])
    assert slope == pytest.approx(error_model("archive").slope, rel=0.25)
    assert optimism == pytest.approx(error_model("archive").optimism, abs=0.15)


def test_reliability_and_brier_of_known_decisions():
    def decision(said, gained):
        return Decision(week=1, spreads=0.0, said=said, paper_said=0.5, gained_gbp=gained)

    table = reliability([decision(0.85, 1), decision(0.85, -1), decision(1.0, 1)])
    assert [(d.low, d.decisions, d.came) for d in table] == [(0.8, 2, 0.5), (0.9, 1, 1.0)]
    assert brier([0.8, 0.5], [True, False]) == pytest.approx((0.04 + 0.25) / 2)


def test_a_trace_without_forecast_is_refused(shared_data):
    trace = read_trace(shared_data / "lets-wait-awhile" / "gb_ci.csv")
    with pytest.raises(TraceError, match="forecast and a price"):
        next(decisions(trace, 1))
