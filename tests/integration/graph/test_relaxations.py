"""What a failed row offers, and what becomes of the row when its owner accepts."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from graph.problem import problem_from
from graph.relaxations import relaxations_of
from graph.state import graph_input
from persistence.store.open import Store
from persistence.workload import Row, parse_workload
from tests.unit.tools.instances import START, asset_of, market_of
from tools.errors import Infeasible
from tools.placement import Problem, Segment
from tools.solver.relax import keep_relaxed
from tools.solver.search import optimum

pytestmark = pytest.mark.anyio

MARKET = market_of([[300] * 6 + [100] * 6 + [300] * 12], [[0.2] * 24])
SITES = (asset_of(1),)


def row_of(**columns: Any) -> Row:
    return {
        "workload_name": "w",
        "submitted_at": START.isoformat(),
        "estimated_energy_kwh": 10,
        "estimated_duration_hours": 2,
        "is_deferrable": True,
    } | columns


def problem_of(row: Row, **words: Any) -> Problem:
    """As the row's columns and then the words of its request leave it."""
    columns = problem_from(parse_workload(graph_input(row, START)["row"]), assets=SITES, commitments=(), now=START)
    limits = columns.limits.model_copy(update=words)
    return keep_relaxed(columns, columns.model_copy(update={"limits": limits}))


async def failed(store: Store, row: Row, **words: Any) -> tuple[Row, list[dict[str, Any]]]:
    """The row after a run that found no placement, and what its relaxations are."""
    (one,) = await store.operations.submit([row])
    (claimed,) = await store.queue.claim(owner="p", limit=1, lease_seconds=60, max_attempts=5)
    with pytest.raises(Infeasible) as caught:
        optimum(problem_of(claimed.row, **words), MARKET)
    listed: Any = relaxations_of(caught.value, claimed.row)
    await store.queue.fail(
        claimed.lease, str(caught.value), retry_in_seconds=None, max_attempts=5, details={"relaxations": listed}
    )
    return await read(store, one), listed


async def relaxed(store: Store, row: Row, number: int) -> Row:
    await store.operations.relax(UUID(str(row["id"])), number)
    return await read(store, UUID(str(row["id"])))


async def read(store: Store, one: UUID) -> Row:
    row = await store.operations.read(one)
    assert row is not None
    return row


@pytest.mark.parametrize("n", [1, 2])
async def test_accepting_either_relaxation_places_the_row(store: Store, n: int) -> None:
    limits = {"max_carbon_intensity_gco2_kwh": 150, "deadline": (START + timedelta(hours=4)).isoformat()}
    row, listed = await failed(store, row_of(**limits, max_price_gbp=9))
    assert {one["column"] for one in listed} == limits.keys()
    again = await relaxed(store, row, n)
    assert again["status"] == "pending"
    assert [column for column in limits if again[column] != row[column]] == [listed[n - 1]["column"]]
    assert optimum(problem_of(again), MARKET).start >= START


async def test_a_limit_of_the_words_is_given_up_without_touching_a_column(store: Store) -> None:
    night = (Segment(start=START, end=START + timedelta(hours=12)),)
    row, listed = await failed(store, row_of(), forbidden=night)
    again = await relaxed(store, row, 1)
    assert "column" not in listed[0]
    assert {key: again[key] for key in row_of()} == {key: row[key] for key in row_of()}
    assert optimum(problem_of(again, forbidden=night), MARKET).start.isoformat() == listed[0]["option"]["start"]


def test_words_stay_bound_by_the_columns() -> None:
    given = {"relaxed": [{"n": 1, "limit": "max_cost_gbp", "value": 2.0}]}
    row = {"id": "3f8e2c00-0000-4000-8000-000000000000", **row_of(metadata=given)}
    assert problem_of(row | {"max_price_gbp": 1.5}, max_cost_gbp=1.0).limits.max_cost_gbp == 1.5
    assert problem_of(row, max_cost_gbp=1.0).limits.max_cost_gbp == 2.0


async def test_limits_that_only_help_together_are_one_relaxation(store: Store) -> None:
    deadline = (START + timedelta(hours=2)).isoformat()
    row, listed = await failed(store, row_of(max_carbon_intensity_gco2_kwh=150, max_price_gbp=1, deadline=deadline))
    assert len(listed) == 1
    again = await relaxed(store, row, 1)
    changed = {listed[0]["column"], *(one["column"] for one in listed[0]["also"])}
    assert all(again[column] != row[column] for column in changed)
    optimum(problem_of(again), MARKET)
