"""Runs with pauses by example; `test_search_is_exact.py` has the proof."""

from datetime import timedelta

import pytest

from tests.unit.tools.instances import START, asset_of, market_of, problem_of
from tools.placement import Job, Limits
from tools.solver.search import search


def placed(market, job, **limits):
    limits = Limits(**{"earliest_start": START, **limits})
    return search(problem_of(market, job=job, limits=limits, carbon_price_gbp_per_tonne=0), market)


def stretches(option):
    return [
        ((part.start - START) // timedelta(minutes=1), (part.end - START) // timedelta(minutes=1))
        for part in option.segments
    ]


def job(minutes, **kwargs):
    return Job(energy_kwh=1.0, duration_minutes=minutes, power_kw=1.0, pausable=True, **kwargs)


def test_the_cheapest_half_hours_are_taken_wherever_they_lie():
    market = market_of([[0] * 6], [[1, 9, 1, 9, 9, 1]])
    assert stretches(placed(market, job(90))[0]) == [(0, 30), (60, 90), (150, 180)]


def test_a_remainder_stays_beside_a_half_hour_that_is_used():
    market = market_of([[0] * 6], [[1, 3, 9, 9, 2, 9]])
    assert stretches(placed(market, job(40))[0]) == [(0, 40)]


def test_a_resume_must_be_worth_its_overhead():
    market = market_of([[0] * 5], [[1.0, 1.5, 9, 9, 1.0]])
    assert stretches(placed(market, job(60))[0]) == [(0, 30), (120, 150)]
    costly = placed(market, job(60, resume_overhead_minutes=20))[0]
    assert stretches(costly) == [(0, 60)]
    assert costly.energy_kwh == pytest.approx(1.0)


def test_overhead_is_run_and_paid():
    market = market_of([[10] * 6], [[1, 9, 9, 9, 1, 1]])
    option = placed(market, job(60, resume_overhead_minutes=30), latest_start=START)[0]
    assert stretches(option) == [(0, 30), (120, 180)]
    assert option.energy_kwh == pytest.approx(1.5)
    assert option.carbon_g == pytest.approx(15)


def test_no_stretch_is_shorter_than_the_minimum_run():
    market = market_of([[0] * 6], [[1, 9, 1, 9, 2, 2]])
    assert stretches(placed(market, job(60))[0]) == [(0, 30), (60, 90)]
    assert stretches(placed(market, job(60, min_run_minutes=45))[0]) == [(120, 180)]


def test_a_cap_is_kept_by_a_plan_that_no_cheaper_order_would_have_found():
    """Neither the cheapest nor the greenest plan keeps both caps; the search starts without any plan at all."""
    market = market_of([[0] * 4], [[0.32, 0, 0, -0.01]], [[85, 0, 0, 15]])
    lossy = Job(energy_kwh=10.0, duration_minutes=50, power_kw=12.0, pausable=True, resume_overhead_minutes=10)
    option = placed(market, lossy, min_renewable_pct=50.0, max_cost_gbp=1.87)[0]
    assert stretches(option) == [(0, 30), (90, 120)]
    assert option.renewable_pct == pytest.approx(50)
    assert placed(market, lossy, min_renewable_pct=50.0, max_cost_gbp=1.85) == ()


def test_a_hole_and_a_full_half_hour_are_paused_over():
    market = market_of([[10, float("nan"), 10, 10]], [[0.1] * 4])
    assert stretches(placed(market, job(90))[0]) == [(0, 30), (60, 120)]


def test_a_long_job_with_overhead_is_placed_in_bounded_memory_and_time():
    prices = [[0.1 + 0.01 * ((7 * slot + region) % 13) for slot in range(96)] for region in range(14)]
    market = market_of([[50.0] * 96] * 14, prices)
    lossy = job(1817, resume_overhead_minutes=5)
    problem = problem_of(market, job=lossy, assets=tuple(asset_of(region) for region in market.regions))
    assert len(search(problem, market)) == 14
