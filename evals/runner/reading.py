"""Judge the reading suites by the rules, the verifier and what a model might say, without a graph or a model."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from agents.constraints import Constraint
from agents.request.reader import read
from agents.request.verify import verified, verify
from evals.cases.case import NOW, Case
from evals.cases.reading import PARAPHRASES, RIGHT, RIGHT_PASS, SITES, WRONG, Answer, Paraphrases
from evals.runner.score import Score
from tools.regions import REGION_IDS

GOAL = 0.98
_SAID_OTHERWISE = {"quote", "strength", "recurs"}


def judged(case: Case) -> tuple[Score, ...]:
    """The scores of a case of the suites reading and paraphrases."""
    if case.suite == "paraphrases":
        group = next(group for group in PARAPHRASES if group.name == case.name)
        return tuple(_same_in_all_wordings(group))
    return (_share(RIGHT, stopped=False) if case == RIGHT_PASS else _share(WRONG, stopped=True),)


def is_stopped(answer: Answer) -> bool:
    """Whether the verifier refuses it."""
    reading = read(answer.text, NOW, SITES)
    return verify(answer.constraint, reading, answer.text, NOW) is not None


def _share(answers: Sequence[Answer], *, stopped: bool) -> Score:
    misjudged = [answer for answer in answers if is_stopped(answer) != stopped]
    share = 1 - len(misjudged) / len(answers)
    listed = "; ".join(f"{answer.wrong or 'right'} {answer.constraint.kind}: {answer.text!r}" for answer in misjudged)
    return Score(
        "judged rightly", share >= GOAL, f"{share:.3f} of {len(answers)}" + (f": {listed}" * bool(listed)), share
    )


def _same_in_all_wordings(group: Paraphrases) -> Iterator[Score]:
    """pass^k: one wording that is read otherwise fails the group."""
    answers = group.answers()
    by_rules = [answer.text for answer in answers if _read_by_rules(answer.text) != [_value(answer.constraint)]]
    with_model = [answer.text for answer in answers if _read_with_model(answer) != [_value(answer.constraint)]]
    yield Score("rules", not by_rules, f"read otherwise: {by_rules}" * bool(by_rules), 1 - len(by_rules) / len(answers))
    share = 1 - len(with_model) / len(answers)
    yield Score("model", not with_model, f"read otherwise: {with_model}" * bool(with_model), share)


def _read_by_rules(text: str) -> list[dict[str, Any]]:
    return [_value(constraint) for constraint in read(text, NOW, SITES).constraints]


def _read_with_model(answer: Answer) -> list[dict[str, Any]]:
    found = verified([answer.constraint], read(answer.text, NOW, SITES), answer.text, NOW).read
    return [_value(item.constraint) for item in found if item.outcome != "refused"]


def _value(constraint: Constraint) -> dict[str, Any]:
    """What is asked, whatever the words: an exclusion is the allowance of the rest, figures to nine digits."""
    value = {name: _rounded(it) for name, it in constraint.model_dump(exclude=_SAID_OTHERWISE).items()}
    if constraint.kind == "region":
        named = frozenset(constraint.regions)
        return {"kind": "region", "in": named if constraint.allowed else frozenset(REGION_IDS) - named}
    return value


def _rounded(value: object) -> object:
    if isinstance(value, datetime):
        return value.timestamp() // 60
    return round(value, 9) if isinstance(value, float) else value
