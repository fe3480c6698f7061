"""What a failed row offers, and what becomes of the row when its owner accepts."""

from datetime import timedelta

import pytest

from graph.problem import problem_from
from graph.relaxations import RelaxationError, relaxations_of, relaxed_row
from graph.state import graph_input
from persistence.workload import parse_workload
from tests.unit.tools.instances import START, asset_of, market_of
from tools.errors import Infeasible
from tools.placement import Segment
from tools.solver.relax import keep_relaxed
from tools.solver.search import optimum

MARKET = market_of([[300] * 6 + [100] * 6 + [300] * 12], [[0.2] * 24])
SITES = (asset_of(1),)


def row_of(**columns):
    return {
        "id": "3f8e2c00-0000-4000-8000-000000000000",
        "workload_name": "w",
        "submitted_at": START.isoformat(),
        "estimated_energy_kwh": 10,
        "estimated_duration_hours": 2,
        "is_deferrable": True,
        "metadata": {},
    } | columns


def problem_of(row, **words):
    """As the row's columns and then the words of its request leave it."""
    columns = problem_from(parse_workload(graph_input(row, START)["row"]), assets=SITES, commitments=(), now=START)
    limits = columns.limits.model_copy(update=words)
    return keep_relaxed(columns, columns.model_copy(update={"limits": limits}))


def failed(row, **words):
    with pytest.raises(Infeasible) as caught:
        optimum(problem_of(row, **words), MARKET)
    listed = relaxations_of(caught.value, row)
    return row | {"status": "failed", "metadata": {**row["metadata"], "relaxations": listed}}, listed


def test_accepting_any_relaxation_places_the_row():
    row, listed = failed(
        row_of(max_carbon_intensity_gco2_kwh=150, deadline=(START + timedelta(hours=4)).isoformat(), max_price_gbp=9)
    )
    assert {one["column"] for one in listed} == {"max_carbon_intensity_gco2_kwh", "deadline"}
    for one in listed:
        again = relaxed_row(row, one["n"])
        assert again["status"] == "pending"
        assert again[one["column"]] == one["to"]
        option = optimum(problem_of(again), MARKET)
        assert option.start.isoformat() >= START.isoformat()


def test_a_limit_of_the_words_is_given_up_without_touching_a_column():
    night = (Segment(start=START, end=START + timedelta(hours=12)),)
    row, listed = failed(row_of(), forbidden=night)
    again = relaxed_row(row, 1)
    assert "column" not in listed[0]
    assert {key: again[key] for key in row if key not in ("status", "metadata")} == {
        key: row[key] for key in row if key not in ("status", "metadata")
    }
    assert optimum(problem_of(again, forbidden=night), MARKET).start.isoformat() == listed[0]["option"]["start"]


def test_words_stay_bound_by_the_columns():
    row = row_of(max_price_gbp=1.5, metadata={"relaxed": [{"n": 1, "limit": "max_cost_gbp", "value": 2.0}]})
    assert problem_of(row, max_cost_gbp=1.0).limits.max_cost_gbp == 1.5
    assert problem_of(row_of(metadata=row["metadata"]), max_cost_gbp=1.0).limits.max_cost_gbp == 2.0


def test_limits_that_only_help_together_are_one_relaxation():
    row, listed = failed(
        row_of(max_carbon_intensity_gco2_kwh=150, max_price_gbp=1, deadline=(START + timedelta(hours=2)).isoformat())
    )
    assert len(listed) == 1
    again = relaxed_row(row, 1)
    assert {listed[0]["column"], *(one["column"] for one in listed[0]["also"])} <= set(again)
    optimum(problem_of(again), MARKET)


def test_a_number_that_is_not_there_is_refused_with_those_that_are():
    row, _ = failed(row_of(max_price_gbp=1))
    with pytest.raises(RelaxationError, match="no relaxation 7; it has 1"):
        relaxed_row(row, 7)


def test_what_is_the_operators_is_refused():
    row = row_of(metadata={"relaxations": [{"n": 1, "by": "operator", "says": "capacity"}]})
    with pytest.raises(RelaxationError, match="not the owner's"):
        relaxed_row(row, 1)
