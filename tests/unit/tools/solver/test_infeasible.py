"""What a user is told when nothing fits."""

import pickle
from datetime import timedelta

import pytest

from tests.unit.tools.instances import START, asset_of, market_of, problem_of
from tools.errors import Infeasible
from tools.placement import Commitment, Job, Limits
from tools.solver.search import optimum, search

MARKET = market_of([[300] * 8, [100, 100, 100, 100, 20, 20, 20, 20]], [[0.2] * 8, [0.3] * 8], [[10] * 8, [70] * 8])


def infeasible(**kwargs) -> Infeasible:
    limits = {"earliest_start": START} | kwargs.pop("limits", {})
    with pytest.raises(Infeasible) as caught:
        optimum(problem_of(MARKET, limits=Limits(**limits), **kwargs), MARKET)
    return caught.value


def test_a_carbon_cap_is_named_with_what_would_do():
    error = infeasible(limits={"carbon_cap_g": 10})
    assert error.binding == "carbon_cap_gco2"
    assert error.relaxations[0].needed == "40 g for the run"
    assert "site 2" in str(error)


def test_an_intensity_typed_as_grams_for_the_run_is_recognised():
    error = infeasible(limits={"carbon_cap_g": 25}, job=Job(energy_kwh=100, duration_minutes=60, power_kw=100))
    assert "max_carbon_intensity_gco2_kwh" in str(error)
    assert "max_carbon_intensity_gco2_kwh" not in str(infeasible(limits={"carbon_cap_g": 10}))


def test_a_deadline_before_the_run_can_end_is_named():
    error = infeasible(limits={"latest_finish": START + timedelta(minutes=30)})
    assert error.binding == "deadline"
    assert error.relaxations[0].needed == "finish by 2026-03-28 23:00Z"


def test_several_ways_out_come_cheapest_first():
    error = infeasible(limits={"max_intensity_g_per_kwh": 50, "latest_finish": START + timedelta(minutes=70)})
    assert {r.limit for r in error.relaxations} == {"deadline", "max_carbon_intensity_gco2_kwh"}
    extra = [r.extra_gbp for r in error.relaxations]
    assert extra == sorted(extra)


def test_limits_that_only_help_together_all_bind():
    error = infeasible(limits={"max_cost_gbp": 0.1, "carbon_cap_g": 1})
    assert error.binding == "carbon_cap_gco2 + max_price_gbp"
    assert error.relaxations[0].needed == "40 g for the run, 0.60 GBP"


@pytest.mark.parametrize(
    ("limits", "given"),
    [
        ({"max_cost_gbp": 0.0001}, "0.0001 GBP for the run"),
        ({"max_cost_gbp": 0.3}, "0.30 GBP for the run"),
        ({"carbon_cap_g": 12.5}, "12.5 g for the run"),
    ],
)
def test_a_limit_is_quoted_with_all_its_digits(limits, given):
    assert infeasible(limits=limits).relaxations[0].given == given


def test_a_large_cap_is_written_out():
    error = infeasible(
        limits={"carbon_cap_g": 1234567},
        job=Job(energy_kwh=1e5, duration_minutes=60, power_kw=1e5),
        assets=(asset_of(1),),
    )
    assert error.relaxations[0].given == "1234567 g for the run"
    assert error.relaxations[0].needed == "30000000 g for the run"


@pytest.mark.parametrize(
    ("limits", "binding"),
    [
        ({"max_cost_gbp": 0.3}, "max_price_gbp"),
        ({"min_renewable_pct": 80}, "min_renewable_pct"),
        ({"required_regions": ()}, "required regions"),
        ({"excluded_regions": (1, 2)}, "excluded regions"),
        ({"latest_start": START - timedelta(minutes=10)}, "deferral_window_mins"),
    ],
)
def test_each_limit_is_named_by_its_column(limits, binding):
    assert infeasible(limits=limits).binding == binding


def test_full_assets_and_too_small_assets_are_told_apart():
    asset = asset_of(2, rated_power_kw=5.0)
    promise = Commitment(asset_id=asset.asset_id, start=START, end=START + timedelta(hours=9), power_kw=4.0)
    assert infeasible(assets=(asset,), commitments=(promise,)).binding == "capacity"
    assert infeasible(assets=(asset_of(2, rated_power_kw=1.0),)).binding == "asset power"
    assert infeasible(assets=(asset_of(2, carbon_intensity_cap_gco2_kwh=1.0),)).binding == "asset limits"


def test_a_run_longer_than_the_forecast_says_how_far_it_reaches():
    error = infeasible(job=Job(energy_kwh=1, duration_minutes=600, power_kw=0.1))
    assert error.binding == "duration"
    assert "4.0 h ahead" in str(error)


def test_no_data_is_said_and_nothing_is_placed():
    market = market_of([[float("nan")] * 8], [[0.1] * 8])
    market = market.model_copy(
        update={"carbon": market.carbon.model_copy(update={"mode": "none", "detail": "HTTP 500"})}
    )
    with pytest.raises(Infeasible, match="HTTP 500") as caught:
        optimum(problem_of(market), market)
    assert caught.value.binding == "data"


def test_the_error_survives_being_stored():
    error = infeasible(limits={"carbon_cap_g": 10})
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.binding, again.relaxations) == (str(error), error.binding, error.relaxations)


def test_fifty_like_workloads_do_not_share_one_asset_beyond_its_power():
    """Each placement is promised before the next one is searched, as the graph does it."""
    from tests.unit.tools.instances import asset_of

    assets = tuple(asset_of(region, rated_power_kw=10.0) for region in (1, 2))
    promises: tuple[Commitment, ...] = ()
    for _ in range(50):
        problem = problem_of(MARKET, assets=assets, commitments=promises)
        found = search(problem, MARKET)
        if not found:
            break
        option = found[0]
        promises += (Commitment(asset_id=option.asset.asset_id, start=option.start, end=option.end, power_kw=2.0),)
    assert len(promises) == 2 * 4 * 5
    for asset in assets:
        for minute in range(0, 240, 10):
            at = START + timedelta(minutes=minute)
            used = sum(p.power_kw for p in promises if p.asset_id == asset.asset_id and p.start <= at < p.end)
            assert used <= 10.0
