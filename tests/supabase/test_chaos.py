"""The storm of tests/chaos, unchanged, with every poller's store behind PostgREST and a proxy that cuts it too."""

import pytest

from tests.chaos.harness import Plan, run

pytestmark = pytest.mark.anyio


async def test_every_invariant_holds_through_rest() -> None:
    size = {"pollers": 3, "workloads": 30, "faults": 5, "restarts": 1, "blocking": 1}
    result = await run(Plan(seed=15, lease_seconds=2, mean_pause_seconds=0.4, supabase=True, **size))
    assert {finding.name: finding.wrong for finding in result.findings if finding.wrong} == {}
    assert sum(result.faults.values()) == 5
    assert result.findings[0].looked_at == 30
