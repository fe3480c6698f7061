"""The search against trying everything, on random problems; `make test-long` tries many more."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import just

from tests.thorough import tries
from tests.unit.tools.brute_force import best
from tests.unit.tools.instances import problems
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


def agrees(problem, market) -> None:
    expected = best(problem, market)
    found = search(problem, market)
    if found and found[0].cost_gbp is None:
        assert expected is None
        return
    if expected is None:
        assert found == ()
        return
    assert found, f"missed {expected}"
    option = found[0]
    start = (option.start - market.start).total_seconds() / 60
    assert option.objective_gbp == pytest.approx(expected.objective, rel=1e-8, abs=1e-8)
    assert option.cost_gbp == pytest.approx(expected.cost, rel=1e-6, abs=1e-6)
    if problem.carbon_price_gbp_per_tonne:  # else carbon decides nothing, not even a tie
        assert option.carbon_g == pytest.approx(expected.carbon, rel=1e-6, abs=1e-5)
    if not problem.job.pausable:
        assert start == expected.start
        assert option.asset.region == expected.region


@RANDOM
@given(problems(pausable=just(False)))
def test_runs_without_pauses_are_the_best_of_every_start_minute(instance):
    agrees(*instance)


@RANDOM
@given(problems(pausable=just(True), caps=just(False)))
def test_runs_with_pauses_are_the_best_of_every_subset_of_the_window(instance):
    agrees(*instance)


@RANDOM
@given(problems(pausable=just(True), caps=just(True)))
def test_runs_with_pauses_under_caps_are_the_best_of_every_subset_that_keeps_them(instance):
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
