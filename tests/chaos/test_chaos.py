"""A short storm, and one guard taken out; `make chaos` has the long ones."""

from dataclasses import replace

import pytest

from tests.chaos.harness import Plan, Result, plan_for, run
from tests.chaos.nemesis import WEIGHTS

pytestmark = pytest.mark.anyio


def violated(result: Result) -> dict[str, tuple[str, ...]]:
    return {finding.name: finding.wrong for finding in result.findings if finding.wrong}


async def test_every_invariant_holds_in_a_short_storm() -> None:
    weights = {kind: weight for kind, weight in WEIGHTS.items() if kind != "old client"}  # whose imports take seconds
    plan = Plan(
        seed=7, pollers=3, workloads=36, faults=6, restarts=1, lease_seconds=2, mean_pause_seconds=0.4, blocking=1,
        weights=weights,
    )  # fmt: skip
    result = await run(plan)
    assert violated(result) == {}
    assert sum(result.faults.values()) == 6
    assert result.findings[0].looked_at == 36


async def test_the_harness_notices_that_the_completion_is_not_fenced() -> None:
    small = {"workloads": 40, "faults": 4, "lease_seconds": 1, "mean_pause_seconds": 0.6, "blocking": 1}
    result = await run(replace(plan_for("completion unfenced", seed=7), **small))
    assert result.is_noticed, violated(result)


@pytest.mark.long
async def test_pollers_of_the_last_release_harm_nothing_that_todays_have_begun() -> None:
    """They cannot read every thread that today's pollers wrote: they put those workloads back."""
    weights = {"old client": 3, "kill": 2, "edit": 1, "flood": 1}
    result = await run(Plan(seed=2, workloads=80, faults=8, restarts=0, mean_pause_seconds=1.5, weights=weights))
    if "old client" not in result.faults:
        pytest.skip("the commit of the last release is not in this clone")
    assert violated(result) == {}
