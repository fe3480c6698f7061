"""The storm of tests/chaos, unchanged, with every poller's store behind PostgREST and a proxy that cuts it too."""

import pytest

from tests.chaos.harness import Plan, run

pytestmark = pytest.mark.anyio


async def test_every_invariant_holds_through_rest() -> None:
    plan = Plan(
        seed=3, pollers=3, workloads=45, faults=5, restarts=1, lease_seconds=2, mean_pause_seconds=0.7, supabase=True
    )
    result = await run(plan)
    assert {finding.name: finding.wrong for finding in result.findings if finding.wrong} == {}
    assert sum(result.faults.values()) == 5
    assert result.findings[0].looked_at == 45
