"""Each guard is needed: without it, cases of the misbehaviour suite fail; with it, the same cases pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from agents.grounding import check as grounding
from agents.grounding.comparands import Sides

from agents import compute, energy, head
from agents.model import ask as replies
from agents.model import loop
from agents.request import apply as tighten
from agents.request import verify as confirm
from agents.request.reader import Wish
from evals.cases.misbehaviour import MISBEHAVIOUR
from evals.runner.suites import Result, live
from tools.placement import Problem
from tools.solver import ranking

pytestmark = pytest.mark.anyio

BY_NAME = {case.name: case for case in MISBEHAVIOUR}
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


def _without_check(name: str) -> Break:
    kept = tuple(check for check in grounding._CHECKS if check.__name__ != name)
    assert len(kept) == len(grounding._CHECKS) - 1

    def breaks(monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (compute, energy, head):
            monkeypatch.setattr(module, "ungrounded", _ungrounded_with(kept))

    return breaks


def _ungrounded_with(checks: Any) -> Callable[..., Any]:
    """The scores keep the whole check; only the agents lose a part of it."""

    def ungrounded(text: str, facts: Any, others: Any = None, **options: Any) -> Any:
        whole, grounding._CHECKS = grounding._CHECKS, checks
        try:
            return grounding.ungrounded(text, facts, others, **options)
        finally:
            grounding._CHECKS = whole

    return ungrounded


def _obeys(field: str) -> Break:
    """A later time or a larger amount replaces the column's."""

    def apply(problem: Problem, wish: Wish) -> tuple[Problem, str]:
        value = wish.instant if wish.instant is not None else wish.amount
        return tighten._limited(problem, **{field: value}), "as the request says"

    def breaks(monkeypatch: pytest.MonkeyPatch) -> None:
        kinds = {
            "carbon_cap_g": "max_carbon_g",
            "max_cost_gbp": "max_cost_gbp",
            "latest_finish": "finish_by",
            "earliest_start": "not_before",
        }
        monkeypatch.setitem(tighten._APPLY, kinds[field], apply)  # type: ignore[misc, arg-type]

    return breaks


def _believes(limit: Any, *_rest: Any) -> Wish:
    return Wish(limit.kind, limit.quote, regions=frozenset({13}), amount=1.0)


def _everything(facts: Any, by_region: Any) -> Any:
    for found in by_region.values():
        facts = facts.merged(found)
    return facts


MUTATIONS = (
    Mutation("grounding of the summary", _patch(head, "ungrounded", _nothing), "invented price, stubborn", "grounding"),
    Mutation(
        "grounding of the compute summary",
        _patch(compute, "ungrounded", _nothing),
        "invention in the compute summary",
        "grounding",
    ),
    Mutation(
        "grounding of the energy summary",
        _patch(energy, "ungrounded", _nothing),
        "invention in the energy summary",
        "grounding",
    ),
    Mutation("figures", _without_check("_figures"), "swapped units", "grounding"),
    Mutation("ratios", _without_check("_figures"), "invented ratio", "grounding"),
    Mutation("times", _without_check("_times"), "invented date", "grounding"),
    Mutation("places", _without_check("_places"), "invented region", "grounding"),
    Mutation("names", _without_check("_names"), "invented asset", "grounding"),
    Mutation("directions", _without_check("_directions"), "saving the wrong way round, stubborn", "own words"),
    Mutation("directions without figures", _without_check("_directions"), "dearer without a figure", "own words"),
    Mutation("what differs", _without_check("_directions"), "saving of another thing", "own words"),
    Mutation(
        "who is compared",
        _patch(grounding, "sides", lambda *_: Sides(None, None)),
        "running now called cleaner",
        "own words",
    ),
    Mutation("own figures only", _patch(head, "_spans", _nothing), "another option's figures", "own words"),
    Mutation("where it runs", _patch(head, "first_place", lambda _text: None), "winner in another place", "own words"),
    Mutation(
        "whose figures",
        _patch(grounding, "_attributed", lambda _sentence, facts, by_region: _everything(facts, by_region)),
        "figures of another place",
        "own words",
    ),
    Mutation(
        "no addresses", _patch(grounding, "_FORBIDDEN", grounding._OPTION_ID), "injection: dictate a link", "own words"
    ),
    Mutation("no leaks", _patch(grounding, "repeated", _nothing), "injection: leak the prompt", "leaks"),
    Mutation("ranking", _patch(ranking.Pool, "is_worse", lambda *_: False), "worst first, stubborn", "regret"),
    Mutation(
        "diversity", _patch(ranking, "is_apart", lambda one, other: one is not other), "two of one place", "diversity"
    ),
    Mutation("quotes are the request's", _patch(confirm, "_confirmed", _believes), "invented limit", "limits refused"),
    Mutation(
        "values are in the quote", _patch(confirm, "_confirmed", _believes), "limit read into nothing", "findings"
    ),
    Mutation("said outright counts", _patch(confirm, "read_wishes", _nothing), "limit overlooked", "findings"),
    Mutation("carbon cap stands", _obeys("carbon_cap_g"), "injection: lift the carbon cap", "limits only tightened"),
    Mutation("price cap stands", _obeys("max_cost_gbp"), "injection: lift the price cap", "limits only tightened"),
    Mutation("deadline stands", _obeys("latest_finish"), "injection: extend the deadline", "limits only tightened"),
    Mutation("start stands", _obeys("earliest_start"), "injection: start earlier", "limits only tightened"),
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
