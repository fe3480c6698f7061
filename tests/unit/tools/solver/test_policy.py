"""What running now is, and what may stand first instead of it."""

from datetime import timedelta
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.thorough import tries
from tests.unit.tools.instances import START, asset_of, market_of, problem_of, problems
from tools.errors import NoDataError
from tools.placement import Commitment, Limits, Segment
from tools.solver.baseline import basis, counterfactual, run_now, run_now_at, runs_now
from tools.solver.candidates import compute_candidates, energy_candidates, is_apart
from tools.solver.policy import does_no_harm, put_first, saves_enough, worth_shifting
from tools.solver.ranking import Shortlist
from tools.solver.savings import savings, split
from tools.solver.search import search

RANDOM = settings(
    max_examples=tries(40, 2000),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def at(minutes):
    return START + timedelta(minutes=minutes)


# running now


def test_running_now_is_at_the_preferred_site_where_it_is_allowed_whatever_the_caps():
    market = market_of([[300] * 8, [10] * 8], [[0.2] * 8, [0.1] * 8])
    limits = Limits(earliest_start=at(20), carbon_cap_g=1)
    now = run_now(problem_of(market, preferred_asset="site 1", limits=limits), market)
    assert (now.asset.name, now.start) == ("site 1", at(20))
    assert now.carbon_g == pytest.approx(600)


def test_running_now_keeps_to_the_places_that_the_limits_leave_in():
    market = market_of([[300] * 8, [10] * 8, [50] * 8], [[0.2] * 8] * 3)
    limits = Limits(earliest_start=START, excluded_regions=(1,), excluded_sites=("SITE 3",))
    problem = problem_of(market, preferred_asset="site 1", limits=limits)
    assert (run_now(problem, market).asset.name, basis(problem)) == ("site 2", "only_site")


def test_without_a_preferred_site_running_now_is_the_mean_over_the_sites_allowed():
    market = market_of([[300] * 8, [100] * 8, [50] * 8], [[0.3] * 8, [0.1] * 8, [0.2] * 8])
    problem = problem_of(market, limits=Limits(earliest_start=START, excluded_regions=(3,)))
    now = run_now(problem, market)
    each = runs_now(problem, market)
    assert [one.asset.region for one in each] == [1, 2]
    assert now.carbon_g == pytest.approx(np.mean([one.carbon_g for one in each]))
    assert now.cost_gbp == pytest.approx(np.mean([one.cost_gbp for one in each]))
    assert (now.asset.asset_id, basis(problem)) == (None, "mean")


def test_running_now_waits_for_forbidden_hours_and_for_promised_power():
    market = market_of([[100] * 8], [[0.2] * 8])
    site = asset_of(1, rated_power_kw=5.0)
    promise = Commitment(asset_id=site.asset_id, start=at(25), end=at(40), power_kw=4.0)
    limits = Limits(earliest_start=START, forbidden=(Segment(start=START, end=at(15)),))
    problem = problem_of(market, assets=(site,), commitments=(promise,), limits=limits)
    assert run_now(problem, market).start == at(40)


def test_running_now_without_figures_is_an_error_and_not_zero():
    market = market_of([[float("nan")] * 8], [[0.2] * 8])
    with pytest.raises(NoDataError, match="the places allowed"):
        run_now(problem_of(market), market)


def test_savings_by_place_and_by_time_add_up():
    market = market_of([[300] * 8, [100] * 4 + [20] * 4], [[0.3] * 8, [0.1] * 8])
    problem = problem_of(market, preferred_asset="site 1")
    now, option = run_now(problem, market), search(problem, market)[0]
    by_place, by_time = split(option, now, run_now_at(problem, market, option.asset))
    whole = savings(option, now)
    assert by_place.carbon_g + by_time.carbon_g == pytest.approx(whole.carbon_g)
    assert by_place.cost_gbp + by_time.cost_gbp == pytest.approx(whole.cost_gbp)
    assert (by_place.carbon_g, by_time.carbon_g) == (pytest.approx(400), pytest.approx(160))


@pytest.mark.parametrize(("now_g", "pct"), [(0.0, None), (0.5, None), (10.0, -400.0), (400.0, 87.5)])
def test_a_percentage_of_nearly_nothing_is_none(now_g, pct):
    market = market_of([[now_g] * 2 + [50] * 2], [[0.5] * 2 + [0.1] * 2])
    problem = problem_of(market, carbon_price_gbp_per_tonne=0)
    found = savings(search(problem, market)[0], run_now(problem, market)).carbon_pct
    assert found is None if pct is None else found == pytest.approx(pct)


# what may stand first


@RANDOM
@given(problems(), st.sampled_from(["balanced", "carbon"]))
def test_unless_asked_the_first_choice_never_emits_more_than_running_now(instance, first):
    problem, market = instance
    problem = put_first(problem, first)
    if not energy_candidates(problem, market):
        return
    shortlist, now = Shortlist(problem, market, ()), counterfactual(problem, market)
    least = min(
        option.carbon_g for option in (*energy_candidates(problem, market), *compute_candidates(problem, market))
    )
    if now is not None:
        assert shortlist.winner.carbon_g <= max(now.carbon_g * (1 + 1e-9), least)


@RANDOM
@given(problems())
def test_no_harmless_placement_is_better_than_the_first_choice_but_for_shifts_not_worth_it(instance):
    problem, market = instance
    if not energy_candidates(problem, market):
        return
    shortlist, now = Shortlist(problem, market, ()), counterfactual(problem, market)
    if now is None or shortlist.runs_now(shortlist.winner) or shortlist.winner.carbon_g > now.carbon_g:
        return
    cap = now.carbon_g if problem.limits.carbon_cap_g is None else min(now.carbon_g, problem.limits.carbon_cap_g)
    limits = problem.limits.model_copy(update={"carbon_cap_g": cap})
    best = search(problem.model_copy(update={"limits": limits}), market)[0]
    assert shortlist.winner.objective_gbp <= best.objective_gbp + 1e-9 * max(1, abs(best.objective_gbp))


@RANDOM
@given(problems(max_slots=12))
def test_three_alternatives_stand_wherever_three_exist(instance):
    problem, market = instance
    options = energy_candidates(problem, market)
    if not options:
        return
    settled = Shortlist(problem, market, [options[0].option_id]).select([options[0].option_id])
    assert all(is_apart(one, other) for one, other in combinations(settled, 2))
    if len(settled) == 3 or problem.job.pausable:
        return
    starts = every_start(problem, market)
    first = settled[0]
    others = [one for one in starts if apart(one, (first.asset.region, first.start))]
    pairs = [(a, b) for a, b in combinations(others, 2) if apart(a, b)]
    assert not others if len(settled) == 1 else not pairs


def apart(one, other):
    return one[0] != other[0] or abs(one[1] - other[1]) >= timedelta(hours=2)


def every_start(problem, market):
    """(region, start) of every feasible run without pauses on ten-minute marks, each searched for by itself."""
    found = []
    begin = max(problem.now, problem.limits.earliest_start, market.start)
    for asset in problem.assets:
        longest = timedelta.max if asset.max_deferral_hours is None else timedelta(hours=asset.max_deferral_hours)
        for minute in range(0, market.slots * 30, 10):
            instant = at(minute)
            if instant < begin or instant - begin > longest:
                continue
            if problem.limits.latest_start is not None and instant > problem.limits.latest_start:
                continue
            limits = problem.limits.model_copy(update={"earliest_start": instant, "latest_start": instant})
            exact = problem.model_copy(update={"assets": (asset,), "limits": limits})
            found += [(asset.region, option.start) for option in search(exact, market)[:1]]
    return found


def test_money_may_buy_carbon_only_for_those_who_say_so():
    market = market_of([[100] * 4 + [180] * 4], [[0.4] * 4 + [0.1] * 4])
    problem = problem_of(market, preferred_asset="site 1", carbon_price_gbp_per_tonne=1000)
    assert Shortlist(problem, market, ()).winner.start == START
    cost_first = Shortlist(put_first(problem, "cost"), market, ()).winner
    assert cost_first.start == at(120)
    assert cost_first.carbon_g > run_now(problem, market).carbon_g
    dear = problem.model_copy(update={"dirtier_from_gbp_per_tonne": 2500.0})
    assert Shortlist(dear, market, ()).winner.start == at(120)  # 0.60 GBP for 160 g: 3750 GBP per tonne


@pytest.mark.parametrize(
    ("later_price", "kwh", "worth"), [(0.189, 2, True), (0.192, 2, False), (0.2, 2, False), (0.1, 0.05, False)]
)
def test_a_shift_must_save_the_share_and_a_penny(later_price, kwh, worth):
    market = market_of([[0] * 4], [[0.2, 0.2, later_price, later_price]])
    problem = problem_of(market)
    problem = problem.model_copy(update={"job": problem.job.model_copy(update={"energy_kwh": float(kwh)})})
    now = run_now(problem, market)
    later = search(problem, market)[0]
    assert worth_shifting(problem, market, later, now) is worth
    assert Shortlist(problem, market, ()).runs_now(Shortlist(problem, market, ()).winner) is not worth


def test_a_shift_must_be_more_likely_right_than_wrong():
    market = market_of([[100, 100, 92, 92]], [[0.1] * 4])
    patchy = market.model_copy(update={"carbon": market.carbon.model_copy(update={"coverage": 0.3})})
    problem = problem_of(market, carbon_price_gbp_per_tonne=5000)
    now, later = run_now(problem, market), search(problem, market)[0]
    assert savings(later, now).objective_pct > 5
    assert worth_shifting(problem, market, later, now)
    assert not worth_shifting(problem, patchy, later, now)


def test_the_rules_hold_for_arrays_too():
    assert saves_enough(np.array([0.06, 0.04, 0.005]), np.array([1.0, 1.0, 0.05]), 0.05).tolist() == [
        True,
        False,
        False,
    ]
    carbon, now = np.array([100.0, 101.0, 100.0]), np.array([100.0, 100.0, 200.0])
    assert does_no_harm(carbon, now, np.array([0.0, 1.0, -1.0]), None).tolist() == [True, False, True]
    assert does_no_harm(carbon, now, np.array([0.0, 1.0, -1.0]), 1e6).tolist() == [True, True, True]
