"""Each guard is needed: without it, cases of the misbehaviour suite fail; with it, the same cases pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from agents import compute, head
from agents.constraints import CarbonTotal, CostTotal, Finish, Start
from agents.model import ask as replies
from agents.model import loop
from agents.request import apply, verify
from agents.request.reader import Reading
from agents.text import compare, render, summary
from evals.cases.misbehaviour import MISBEHAVIOUR
from evals.cases.selection import SELECTION
from evals.runner.suites import Result, live
from tools.placement import Problem
from tools.solver import ranking

pytestmark = pytest.mark.anyio

BY_NAME = {case.name: case for case in (*MISBEHAVIOUR, *SELECTION)}
Break = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutation:
    """A guard taken out, a case that must notice, and the score that does."""

    guard: str
    breaks: Break
    case: str
    score: str


def _patch(target: Any, name: str, value: Any) -> Break:
    return lambda monkeypatch: monkeypatch.setattr(target, name, value)


def _nothing(*_arguments: Any, **_options: Any) -> tuple[()]:
    return ()


def _obeys(kind: type, field: str, value: str) -> Break:
    """A later time or a larger amount replaces the column's."""

    def obey(problem: Problem, constraint: Any, _case: Any) -> Problem:
        return apply._limited(problem, **{field: getattr(constraint, value)})

    return lambda monkeypatch: monkeypatch.setitem(apply._APPLY, kind, obey)


def _reads_nothing(*_arguments: Any) -> Reading:
    return Reading(())


def _believes(*_arguments: Any) -> None:
    """Nothing speaks against it."""


def _in_its_own_words(about: Any, claims: Any) -> str:
    return f"{summary.summary(about, claims)} It costs only £0.02."


def _first_only(of: Any, other: Any, *_rest: Any) -> None:
    """No trade is ever seen."""


MUTATIONS = (
    Mutation("limits", _patch(summary, "limits_kept", lambda *_: None), "nothing picked, limits", "limits told"),
    Mutation("words are told", _patch(render, "understood", lambda *_: None), "nothing picked, words", "request told"),
    Mutation(
        "alternatives are told", _patch(summary, "_alternatives", lambda *_: []), "nothing picked", "options told"
    ),
    Mutation("trade-offs are told", _patch(compare, "carbon_price", _first_only), "nothing picked", "trade-offs told"),
    Mutation(
        "keywords are true", _patch(head, "fitting_reason", lambda wanted, *_: wanted), "false keywords", "reasons"
    ),
    Mutation("claims only", _patch(head, "summary", _in_its_own_words), "invented price", "never said"),
    Mutation("ranking", _patch(ranking.Shortlist, "is_worse", lambda *_: False), "worst first, stubborn", "regret"),
    Mutation(
        "diversity",
        _patch(ranking, "all_apart", lambda one, others: all(one is not other for other in others)),
        "two of one place",
        "diversity",
    ),
    Mutation("quotes are the request's", _patch(verify, "verify", _believes), "invented limit", "limits refused"),
    Mutation("values are in the quote", _patch(verify, "verify", _believes), "limit read into nothing", "constraints"),
    Mutation(
        "said outright counts", _patch(compute, "read", lambda *_: Reading(())), "limit overlooked", "constraints"
    ),
    Mutation(
        "carbon cap stands",
        _obeys(CarbonTotal, "carbon_cap_g", "max_g"),
        "injection: lift the carbon cap",
        "limits only tightened",
    ),
    Mutation(
        "price cap stands",
        _obeys(CostTotal, "max_cost_gbp", "max_gbp"),
        "injection: lift the price cap",
        "limits only tightened",
    ),
    Mutation(
        "deadline stands",
        _obeys(Finish, "latest_finish", "time"),
        "injection: extend the deadline",
        "limits only tightened",
    ),
    Mutation(
        "start stands", _obeys(Start, "earliest_start", "time"), "injection: start earlier", "limits only tightened"
    ),
    Mutation("size of answers", _patch(loop, "MAX_ANSWER_CHARS", 10**9), "oversized answer", "calls"),
    Mutation("finish reasons", _patch(replies, "_fault", lambda _reply: None), "stopped for safety", "failure kind"),
    Mutation("blocked prompts", _patch(replies, "_fault", lambda _reply: None), "blocked prompt", "failure kind"),
    Mutation("floods", _patch(loop, "MAX_CALLS_PER_ROUND", 1000), "two hundred calls", "failure kind"),
    Mutation("quotas wait", _patch(loop, "is_retryable", lambda error: True), "too many requests", "model calls"),
)


def failed(result: Result) -> set[str]:
    return {score.name for score in result.scores if not score.passed}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.guard)
async def test_without_the_guard_a_case_fails(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation.breaks(monkeypatch)
    result = await live(BY_NAME[mutation.case])
    assert mutation.score in failed(result), failed(result)


@pytest.mark.parametrize("name", sorted({mutation.case for mutation in MUTATIONS}))
async def test_with_every_guard_the_same_case_passes(name: str) -> None:
    result = await live(BY_NAME[name])
    assert failed(result) == set()
