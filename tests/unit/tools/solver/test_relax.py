"""Limits that an owner gave up, where anything may stand in their place."""

from datetime import timedelta

import pytest

from tests.unit.tools.instances import START, market_of, problem_of
from tools.placement import Relaxed, Segment
from tools.solver.relax import keep_relaxed

MARKET = market_of([[300] * 6], [[0.2] * 6])
NONSENSE = (
    ("latest_finish", {"a": 1}),
    ("latest_finish", "2026-01-01T00:00"),
    ("latest_start", [1]),
    ("earliest_start", "infinity"),
    ("forbidden", [["x", "y"]]),
    ("forbidden", 7),
    ("required_regions", [[], {}]),
    ("excluded_regions", {"a": []}),
    ("no such limit", "x"),
)


@pytest.mark.parametrize(("limit", "value"), NONSENSE)
def test_what_is_no_relaxation_changes_nothing(limit, value):
    """Where no guard keeps users from `metadata`, they may write what they like."""
    columns = problem_of(MARKET).model_copy(update={"relaxed": (Relaxed(limit=limit, value=value),)})
    words = {
        "latest_finish": START + timedelta(hours=2),
        "latest_start": START + timedelta(hours=1),
        "required_regions": (1,),
        "excluded_regions": (2,),
        "forbidden": (Segment(start=START, end=START + timedelta(hours=1)),),
    }
    narrowed = columns.model_copy(update={"limits": columns.limits.model_copy(update=words)})
    assert keep_relaxed(columns, narrowed) == narrowed
