"""What checkpoints of earlier releases hold is read, also where a field has since gone."""

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from persistence.checkpoints.contents import ContentSerializer
from tests.unit.tools.instances import market_of, problem_of
from tools.placement import Problem


class Earlier(Problem):
    """A problem as it was stored while it had this field."""

    min_saving_g: float | None = None


Earlier.__module__, Earlier.__qualname__, Earlier.__name__ = Problem.__module__, Problem.__qualname__, "Problem"


def test_a_field_that_has_gone_is_passed_over() -> None:
    problem = problem_of(market_of([[100, 200]], [[0.1, 0.2]]))
    stored = JsonPlusSerializer().dumps_typed(Earlier(**dict(problem), min_saving_g=5.0))
    assert b"min_saving_g" in stored[1]
    assert ContentSerializer([Problem]).loads_typed(stored) == problem
