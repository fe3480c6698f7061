"""`make chaos`: seeds and mutations, with counts. Exit code 1 if an invariant broke or a mutation went unseen."""

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos.harness import Plan, Result, plan_for, run
from tests.chaos.mutations import MUTATIONS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many runs with all guards in place")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--workloads", type=int, default=Plan.workloads, help="per seed")
    parser.add_argument("--faults", type=int, default=Plan.faults, help="per seed")
    parser.add_argument("--restarts", type=int, default=Plan.restarts, help="of the database, per seed")
    parser.add_argument("--supabase", action="store_true", help="through PostgREST (needs the npm packages)")
    parser.add_argument("--mutations", choices=["all", "none", *MUTATIONS], default="all")
    parser.add_argument("--keep", type=Path, help="leave logs and database of the last run here")
    given = parser.parse_args()
    size: dict[str, Any] = {"workloads": given.workloads, "faults": given.faults, "restarts": given.restarts}
    size["patience_seconds"] = max(Plan.patience_seconds, given.workloads / 5)
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    results = [
        _report(asyncio.run(run(Plan(seed=seed, supabase=given.supabase, **size), keep=given.keep))) for seed in seeds
    ]
    mutations = {"all": MUTATIONS, "none": ()}.get(given.mutations, (given.mutations,))
    mutants = [_report(asyncio.run(run(plan_for(one, seed=given.first_seed)))) for one in mutations]
    unseen = [str(mutant.plan.mutation) for mutant in mutants if not mutant.is_noticed]
    return _conclude(results, unseen)


def _report(result: Result) -> Result:
    plan = result.plan
    mutated = f", mutation: {plan.mutation}, which came into play {result.exercised} times"
    print(f"\nseed {plan.seed}" + (mutated if plan.mutation else ", all guards in place"))
    faults = ", ".join(f"{count} {kind}" for kind, count in sorted(result.faults.items()))
    print(f"  {sum(result.faults.values())} faults ({faults}), {result.takeovers} takeovers, {result.seconds:.0f} s")
    for finding in result.findings:
        print(f"  {len(finding.wrong):5} of {finding.looked_at:6}  {finding.name}")
        for line in finding.wrong[:3]:
            print(f"           {line}")
    sys.stdout.flush()
    return result


def _conclude(results: list[Result], unseen: list[str]) -> int:
    faults: Counter[str] = sum((result.faults for result in results), Counter())
    violations = sum(result.violations for result in results)
    workloads = sum(result.findings[0].looked_at for result in results)
    takeovers = sum(result.takeovers for result in results)
    print(
        f"\nall guards in place: {len(results)} seeds, {workloads} workloads, {sum(faults.values())} faults of which "
        f"{faults['restart']} database restarts, {takeovers} takeovers: {violations} violations"
    )
    for mutation in unseen:
        print(f"mutation not noticed: {mutation}")
    return 1 if violations or unseen else 0


if __name__ == "__main__":
    sys.exit(main())
