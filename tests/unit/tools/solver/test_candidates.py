"""Option ids, the diverse top three, the counterfactual and what is worth a shift."""

from datetime import timedelta

import pytest
from hypothesis import given, settings

from tests.thorough import tries
from tests.unit.tools.instances import START, asset_of, market_of, problem_of, problems
from tools.errors import UnknownOptionError
from tools.placement import Limits
from tools.solver.baseline import run_now
from tools.solver.candidates import compute_candidates, energy_candidates, is_apart, option_by_id
from tools.solver.confidence import confidence
from tools.solver.savings import dominates, savings
from tools.solver.search import search

QUICK = settings(max_examples=tries(30, 150), deadline=None, derandomize=True, database=None)


@QUICK
@given(problems())
def test_the_first_is_the_optimum_and_ids_are_dense(instance):
    problem, market = instance
    options = energy_candidates(problem, market)
    assert [option.option_id for option in options] == [f"e{i}" for i in range(1, len(options) + 1)]
    assert bool(options) == bool(search(problem, market))
    if options:
        best = search(problem, market)[0]
        assert (options[0].asset, options[0].segments) == (best.asset, best.segments)
        assert [o.objective_gbp for o in options[3:]] == sorted(o.objective_gbp for o in options[3:])


@QUICK
@given(problems())
def test_the_top_three_are_apart_and_at_most_one_is_dominated_where_that_can_be(instance):
    options = [option for option in energy_candidates(*instance) if option.label]

    def diverse(chosen):
        apart = all(is_apart(a, b) for i, a in enumerate(chosen) for b in chosen[i + 1 :])
        return apart and sum(any(dominates(other, o) for other in chosen) for o in chosen) <= 1

    for size in (2, 3):
        if len(options) >= size and not diverse(options[:size]):
            assert not any(diverse([*options[: size - 1], other]) for other in options[size:])
            break


def test_no_alternative_waits_longer_than_its_site_lets_it():
    market = market_of([[100] * 12, [100] * 12], [[0.1] * 12] * 2)
    sites = (asset_of(1, max_deferral_hours=0.5), asset_of(2))
    options = energy_candidates(problem_of(market, assets=sites), market)
    assert max(option.start for option in options if option.asset == sites[1]) >= START + timedelta(hours=2)
    assert max(option.start for option in options if option.asset == sites[0]) <= START + timedelta(hours=0.5)


@QUICK
@given(problems())
def test_every_id_resolves_to_the_same_option_again(instance):
    problem, market = instance
    for option in (*compute_candidates(problem, market), *energy_candidates(problem, market)):
        assert option_by_id(problem, market, option.option_id) == option


def test_compute_ids_stay_with_their_assets_when_limits_tighten():
    market = market_of([[100] * 8, [10] * 8, [200] * 8], [[0.1] * 8] * 3)
    problem = problem_of(market)
    tighter = problem.model_copy(update={"limits": Limits(earliest_start=START, max_intensity_g_per_kwh=50)})
    assert [o.option_id for o in compute_candidates(problem, market)] == ["c1", "c2", "c3"]
    assert [(o.option_id, o.asset.region) for o in compute_candidates(tighter, market)] == [("c2", 2)]


def test_an_unknown_id_names_those_that_exist():
    market = market_of([[100] * 8], [[0.1] * 8])
    with pytest.raises(UnknownOptionError, match=r"c1, e1, .*now"):
        option_by_id(problem_of(market), market, "e7")


def test_without_any_price_carbon_alone_decides_and_cost_is_unknown():
    market = market_of([[300, 10, 10, 300], [200, 50, 50, 50]], [[float("nan")] * 4] * 2)
    option = energy_candidates(problem_of(market), market)[0]
    assert option.cost_gbp is None
    assert option.carbon_g == pytest.approx(20)
    assert savings(option, run_now(problem_of(market), market)).cost_gbp is None


def test_savings_are_in_grams_pounds_and_percent_and_a_percentage_of_zero_is_unknown():
    market = market_of([[0, 0, 100, 100]], [[0.2, 0.2, 0.1, 0.1]])
    now, later = (
        run_now(problem_of(market), market),
        search(problem_of(market, carbon_price_gbp_per_tonne=0), market)[0],
    )
    saved = savings(later, now)
    assert saved.carbon_g == pytest.approx(-200)
    assert saved.carbon_pct is None
    assert saved.cost_gbp == pytest.approx(0.2)
    assert saved.cost_pct == pytest.approx(50)
    assert saved.delay_hours == 1


def test_confidence_grows_with_the_gain_and_falls_with_age_and_coverage():
    market = market_of([[200, 200, 190, 190, 100, 100]], [[0.1] * 6])
    problem = problem_of(market)
    now = run_now(problem, market)

    small = search(
        problem.model_copy(update={"limits": Limits(earliest_start=START, latest_finish=START + timedelta(hours=2))}),
        market,
    )[0]
    big = search(problem, market)[0]
    old = market.model_copy(update={"carbon": market.carbon.model_copy(update={"age_seconds": 36 * 3600.0})})
    patchy = market.model_copy(update={"carbon": market.carbon.model_copy(update={"coverage": 0.5})})
    kept_since = {big.asset.region: START - timedelta(hours=36)}
    kept = market.model_copy(update={"carbon": market.carbon.model_copy(update={"kept_since": kept_since})})
    assert 0.5 < confidence(problem, market, small, now) < confidence(problem, market, big, now) < 1
    assert confidence(problem, old, big, now) < confidence(problem, market, big, now)
    assert confidence(problem, patchy, big, now) < confidence(problem, market, big, now)
    assert confidence(problem, kept, big, now) == pytest.approx(confidence(problem, old, big, now))
    assert confidence(problem, market, now, now) == 1.0
