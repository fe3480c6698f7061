"""The pages of backtests."""

import pytest

from graph.views.backtest_page import backtest_page, calibration_page
from tests.unit.graph.views.browser import assert_self_contained, measure
from tools.backtest.calibration import Calibration, Decile
from tools.backtest.paper import Figure
from tools.backtest.report import PolicyResult

ROWS = [
    PolicyResult(
        policy=policy,
        jobs=10,
        skipped=1,
        energy_kwh=100.0,
        intensity_g_per_kwh=150.0 - 10 * i,
        carbon_kg=15.0 - i,
        carbon_saved_pct=[0.0, 22.4, -3.1, 16.9, 17.7][i],
        carbon_saved_sd_pct=0.1,
        cost_gbp=20.0,
        cost_saved_pct=[0.0, 15.0, 27.9, 27.5, 27.8][i],
        mean_delay_hours=3.0 * i,
        shifted_pct=90.0,
    )
    for i, policy in enumerate(("run now", "greenest", "cheapest", "ours", "oracle"))
]
MONTHS = {p: {f"2023-{m:02d}": float(m * 3 % 17) for m in range(1, 13)} for p in ("greenest", "ours")}


@pytest.mark.parametrize("width", [1200, 500, 390])
def test_policies_fit_a_desk_and_a_telephone(width, tmp_path):
    page = backtest_page("10 jobs on <trace>", rows=ROWS, months=MONTHS)
    assert_self_contained(page)
    assert "10 jobs on &lt;trace&gt;" in page
    found = measure(page, width, tmp_path)
    assert found["overflow"] <= 0
    assert (found["outside"], found["overlapping"]) == ([], [])


def test_published_figures_stand_beside_ours_with_the_difference():
    page = backtest_page(
        "x", figures=[Figure("nightly", "g/kWh", 184.096, 184.0959), Figure("ml", "% saved", 6.556, 6.6)]
    )
    assert "-0.0001" in page
    assert page.count(">NO<") == 1


@pytest.mark.parametrize("width", [1200, 500, 390])
def test_long_names_of_bars_are_not_cut_off(width, tmp_path):
    figures = [
        Figure(f"{slack}, {kind}", "% saved", 19.656, 19.6562)
        for slack in ("next workday", "semi weekly")
        for kind in ("contiguous", "interruptible")
    ]
    found = measure(backtest_page("a_name_that_has_no_place_to_break_" * 3, figures=figures), width, tmp_path)
    assert found["texts"] == 16
    assert found["overflow"] <= 0
    assert (found["outside"], found["overlapping"], found["small"]) == ([], [], 0)


def test_a_calibration_shows_every_tenth():
    deciles = (Decile(0.8, 200, 0.85, 0.83), Decile(0.9, 900, 0.99, 0.99))
    page = calibration_page("2023", Calibration(1100, 0.96, deciles, 0.04, 0.06, 0.045))
    assert "0.8-0.9 (n=200)" in page
    assert_self_contained(page)
