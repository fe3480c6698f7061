"""Many workloads at a time, and a model that takes its time."""

import pytest

from tests.bench.pace import measure

pytestmark = pytest.mark.anyio


async def test_many_runs_wait_for_the_model_side_by_side_and_none_is_begun_twice() -> None:
    """None is answered before all have asked, which is more than the runs that have their turn at a time."""
    found = await measure(workloads=14, concurrency=14, model_seconds=0, lease_seconds=6, together=14)
    assert (found.placed, found.again, found.most_under_way) == (14, 0, 14)
