"""What became of a request's words stands in the summary, whatever the model claims."""

from collections.abc import Callable

import pytest

from agents.constraints import CostTotal, Outcome, ReadConstraint, Region, Unsupported
from agents.state import ComputeAnalysis, Finding
from agents.text.reading import understood
from agents.text.situation import Situation
from agents.text.summary import summary
from tests.unit.agents.text.decisions import situations


@pytest.fixture
def summed() -> Callable[..., str]:
    about, _ = next(situations(3, 3))

    def make(**fields: object) -> str:
        compute = ComputeAnalysis(
            energy_kwh=1, duration_minutes=60, power_kw=1, option_ids=(), analysis_summary="", model="m", **fields
        )
        return summary(Situation(about.problem, about.market, about.options, about.now, compute), ())

    return make


def read(outcome: Outcome, reason: str = "") -> ReadConstraint:
    constraint = Region(quote="keep out of London", regions=(13,), allowed=False)
    return ReadConstraint(constraint=constraint, read_by="rules", outcome=outcome, reason=reason)


def test_what_was_applied_is_told_in_the_words_it_stands_in(summed: Callable[..., str]) -> None:
    assert "Read in the request: not in London (“keep out of London”)." in summed(constraints=(read("applied"),))


def test_what_changed_nothing_says_why(summed: Callable[..., str]) -> None:
    told = summed(constraints=(read("applied", "the column is stricter"),))
    assert "(“keep out of London”, the column is stricter)" in told


@pytest.mark.parametrize(
    ("outcome", "begins"),
    [("given_up", "Given up, since it could not be kept: "), ("refused", "Not applied: ")],
)
def test_what_was_given_up_or_refused_is_told_with_the_reason(
    summed: Callable[..., str], outcome: Outcome, begins: str
) -> None:
    told = summed(constraints=(read(outcome, "no site lies elsewhere"),))
    assert f"{begins}not in London (“keep out of London”, no site lies elsewhere)." in told
    assert "Read in the request" not in told


def test_what_no_placement_can_keep_is_told(summed: Callable[..., str]) -> None:
    asked = ReadConstraint(
        constraint=Unsupported(quote="after job 7", what="start after another job"),
        read_by="model",
        outcome="unsupported",
    )
    told = summed(constraints=(asked,))
    assert "Understood, but nothing that a placement can keep: start after another job (“after job 7”)." in told


def test_what_was_not_understood_is_told(summed: Callable[..., str]) -> None:
    told = summed(not_understood=("if the moon is full", "x" * 300))
    assert f"Not understood, and not applied: “if the moon is full”, “{'x' * 100}…”." in told


def test_findings_of_runs_begun_before_are_told_still() -> None:
    compute = ComputeAnalysis(
        energy_kwh=1,
        duration_minutes=60,
        power_kw=1,
        findings=(Finding(kind="max_cost_gbp", quote="under £2", effect="at most 2 GBP"),),
        option_ids=(),
        analysis_summary="",
        model="m",
    )
    assert understood(compute) == "read in the request: at most 2 GBP (“under £2”)"


def test_several_constraints_are_told_in_their_order(summed: Callable[..., str]) -> None:
    cost = ReadConstraint(constraint=CostTotal(quote="under £2", max_gbp=2), read_by="model")
    assert "not in London (“keep out of London”); cost at most £2.00 (“under £2”)." in summed(
        constraints=(read("applied"), cost)
    )
