"""The search against the definitions, on random problems; `make test-long` tries many more."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import just

from tests.thorough import tries
from tests.unit.tools.instances import problems
from tests.unit.tools.oracle import best, faults
from tools.errors import Infeasible
from tools.solver.search import optimum, search

INSTANCES = tries(50, 2500)
RANDOM = settings(
    max_examples=INSTANCES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def pieces_of(option, market):
    minute = timedelta(minutes=1)
    return tuple(
        ((part.start - market.start) // minute, (part.end - market.start) // minute) for part in option.segments
    )


def agrees(problem, market):
    """The option found and what the oracle found: both None, or the option keeps every limit and is no worse."""
    expected = best(problem, market)
    found = search(problem, market)
    if found and found[0].cost_gbp is None:
        assert expected is None
        return None, None
    if expected is None:
        assert found == ()
        return None, None
    assert found, f"missed {expected}"
    option = found[0]
    assert faults(problem, market, option.asset, pieces_of(option, market)) == []
    assert option.objective_gbp <= expected.objective + 1e-8 * max(1, abs(expected.objective))
    return option, expected


@RANDOM
@given(problems(pausable=just(False)))
def test_runs_without_pauses_are_the_best_of_every_start_minute(instance):
    problem, market = instance
    option, expected = agrees(problem, market)
    if option is None:
        return
    assert option.objective_gbp == pytest.approx(expected.objective, rel=1e-8, abs=1e-8)
    assert option.cost_gbp == pytest.approx(expected.cost, rel=1e-6, abs=1e-6)
    if problem.carbon_price_gbp_per_tonne and not problem.renewable_bonus_gbp_per_kwh:
        assert option.carbon_g == pytest.approx(expected.carbon, rel=1e-6, abs=1e-5)
    assert pieces_of(option, market)[0][0] == expected.start
    assert option.asset.region == expected.region


@RANDOM
@given(problems(pausable=just(True), caps=just(False)))
def test_runs_with_pauses_are_the_shortest_path_over_the_minutes(instance):
    agrees(*instance)


@RANDOM
@given(problems(pausable=just(True), caps=just(True), grain=10))
def test_runs_with_pauses_under_caps_are_no_worse_than_any_subset_that_keeps_them(instance):
    agrees(*instance)


@RANDOM
@given(problems())
def test_where_nothing_is_feasible_the_error_names_a_limit(instance):
    problem, market = instance
    if search(problem, market):
        return
    with pytest.raises(Infeasible) as caught:
        optimum(problem, market)
    assert caught.value.binding in str(caught.value) or caught.value.binding == "data"
