"""The reading suites: enough of each, and they notice a verifier that lets everything or nothing through."""

from typing import get_args

import pytest

from agents.constraints import Constraint
from evals.cases.case import Case
from evals.cases.reading import PARAPHRASED, PARAPHRASES, READING, RIGHT, WRONG
from evals.runner import reading
from evals.runner.reading import judged


def test_there_are_enough_answers_of_every_kind() -> None:
    kinds = {kind.model_fields["kind"].default for kind in get_args(Constraint)}
    assert {answer.constraint.kind for answer in RIGHT} == kinds
    assert len(RIGHT) >= 60
    assert len(WRONG) >= 60
    assert len(PARAPHRASES) >= 10
    assert all(len(set(group.wordings)) >= 5 for group in PARAPHRASES)


@pytest.mark.parametrize("case", [*READING, *PARAPHRASED], ids=lambda case: case.name)
def test_the_suite_passes(case: Case) -> None:
    assert [score for score in judged(case) if not score.passed] == []


@pytest.mark.parametrize(("why", "unnoticed"), [("contradicted", 1), (None, 0)])
def test_a_verifier_that_says_always_the_same_is_noticed(
    monkeypatch: pytest.MonkeyPatch, why: str | None, unnoticed: int
) -> None:
    monkeypatch.setattr(reading, "verify", lambda *_: why)
    assert [all(score.passed for score in judged(case)) for case in READING].index(True) == unnoticed
