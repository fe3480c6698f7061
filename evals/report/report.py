"""What a run of the suites comes to: totals, cost per workload, and every case."""

from collections.abc import Sequence
from statistics import median
from typing import Any, Literal, TypeAlias, get_args

from evals.cases.case import MAX_INPUT_TOKENS, Suite
from evals.runner.suites import Result, in_brief

Verdict: TypeAlias = Literal["passed", "failed", "stale"]
Report: TypeAlias = dict[str, Any]
HORIZONS = ("12 h horizon", "24 h horizon", "48 h horizon")
REGIONS = ("2 regions", "6 regions", "48 h horizon")
"""The last is the whole catalogue of eleven regions."""


def verdict(result: Result) -> Verdict:
    if result.stale is not None:
        return "stale"
    return "passed" if result.passed else "failed"


def exit_code(results: Sequence[Result]) -> int:
    """0 all passed, 1 some failed, 2 some are stale (whatever else)."""
    verdicts = {verdict(result) for result in results}
    if "stale" in verdicts:
        return 2
    return 1 if "failed" in verdicts else 0


def make_report(results: Sequence[Result], *, set_name: str) -> Report:
    """As JSON; `evals.page` draws it."""
    return {
        "set": set_name,
        "answered_by": sorted({result.recorded.by for result in results if result.recorded}),
        "tokens_are_estimated": any(result.recorded.tokens_are_estimated for result in results if result.recorded),
        "totals": [_totals(suite, results) for suite in get_args(Suite)],
        "cost": _cost(results),
        "cases": [case_record(result) for result in results],
    }


def case_record(result: Result) -> Report:
    """One case: also the line that `--json` prints."""
    return {
        "suite": suite_of(result),
        "case": result.case.name,
        "about": result.case.about,
        "verdict": verdict(result),
        **in_brief(result),
        "seconds": round(result.seconds, 3),
        "answered_by": result.recorded.by if result.recorded else None,
        "recorded_on": result.recorded.on if result.recorded else None,
        "stale": result.stale,
        "scores": [
            {"name": score.name, "passed": score.passed, "detail": score.detail, "value": score.value}
            for score in result.scores
        ],
    }


def _totals(suite: str, results: Sequence[Result]) -> Report:
    mine = [result for result in results if suite_of(result) == suite]
    scores = [score for result in mine for score in result.scores]
    return {
        "suite": suite,
        "cases": len(mine),
        "passed": sum(verdict(result) == "passed" for result in mine),
        "failed": sum(verdict(result) == "failed" for result in mine),
        "stale": sum(verdict(result) == "stale" for result in mine),
        "checks": len(scores),
        "seconds": round(sum(result.seconds for result in mine), 1),
    }


def suite_of(result: Result) -> str:
    return "resume" if _is_resumed(result) else result.case.suite


def _is_resumed(result: Result) -> bool:
    """The resume suite runs cases of the decisions."""
    return any(score.name == "boundaries" for score in result.scores)


def _cost(results: Sequence[Result]) -> Report:
    """Of the decisions that were placed: what a typical workload takes, and how it grows."""
    placed = [r for r in results if r.case.suite == "decisions" and r.recommendation is not None and r.asked]
    by_name = {result.case.name: result.input_tokens for result in placed}
    if not placed:
        return {}
    return {
        "workloads": len(placed),
        "calls": _spread([result.asked for result in placed]),
        "input_tokens": {**_spread([result.input_tokens for result in placed]), "limit": MAX_INPUT_TOKENS},
        "output_tokens": _spread([result.output_tokens for result in placed]),
        "by_horizon": {name: by_name[name] for name in HORIZONS if name in by_name},
        "by_regions": {
            name if name != REGIONS[-1] else "11 regions": by_name[name] for name in REGIONS if name in by_name
        },
    }


def _spread(values: Sequence[int]) -> Report:
    return {"median": round(median(values)), "largest": max(values)}
