"""What a model says it read: right answers pass, wrong ones are stopped."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from agents.constraints import Constraint
from agents.request.reader import read
from agents.request.verify import verified, verify
from tests.unit.agents.request.labels import FOLDER, NOW
from tools.slots import UK

CONSTRAINT: TypeAdapter[Constraint] = TypeAdapter(Constraint)
SITES = ("London A", "Slough DC1")
OTHER_SITES = ("Cardiff One", "Slough DC4", "Edinburgh Park", "London Docklands")


def at(text: str) -> str:
    return datetime.fromisoformat(text).replace(tzinfo=UK).isoformat()


def _right() -> tuple[tuple[str, dict[str, Any]], ...]:
    lines = (FOLDER / "right_answers.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple((case["text"], case["answer"]) for case in map(json.loads, lines))


RIGHT = _right()
"""Requests of every kind with what a model should read there, times as seen from `NOW`."""


def stopped(text: str, answer: dict[str, Any]) -> bool:
    constraint = CONSTRAINT.validate_python(answer)
    return verify(constraint, read(text, NOW, SITES), text, NOW) is not None


_AMOUNTS = (
    "max_g",
    "max_g_per_kwh",
    "min_pct",
    "max_gbp",
    "max_gbp_per_kwh",
    "amount",
    "duration_minutes",
    "max_pauses",
)
_OTHER_WISH = {"carbon": "soon", "cost": "carbon", "cost_only": "soon", "soon": "cost", "renewables": "cost"}
_OTHER_VALUES: dict[str, dict[str, Any]] = {
    "gpu_model": {"gpu_model": "B200"},
    "weekdays": {"weekdays": ["tue", "sun"]},
    "dates": {"dates": ["2026-12-24"]},
    "start": {"start": "11:00", "end": "12:30"},
}


def wrong_ones() -> list[tuple[str, str, dict[str, Any]]]:
    """Each right answer made wrong in every way that its kind allows, in English requests."""
    return [
        (way, text, {**answer, **change})
        for text, answer in RIGHT
        if answer["kind"] != "unsupported" and not text.startswith("Bitte")
        for way, change in _ways(answer)
    ]


def _ways(answer: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "quote from elsewhere", {"quote": "kind regards from the team"}
    if "allowed" in answer and not answer.keys() & {"max_pauses", "min_run_minutes"}:
        yield "inverted", {"allowed": not answer["allowed"]}
    if "regions" in answer:
        yield "another place", {"regions": [region for region in range(1, 15) if region not in answer["regions"]][:1]}
    if "sites" in answer:
        yield "another site", {"sites": [site for site in SITES if site not in answer["sites"]]}
    if "first" in answer:
        yield "another wish", {"first": _OTHER_WISH[answer["first"]]}
    yield from ((f"another {name}", change) for name, change in _OTHER_VALUES.items() if name in answer)
    for name in _AMOUNTS:
        if name in answer:
            yield "another number", {name: answer[name] * (1.5 if name == "min_pct" else 2)}
            yield "another unit", {name: answer[name] / (100 if name == "min_pct" else 1 / 1000)}
    if "time" in answer:
        time = datetime.fromisoformat(answer["time"])
        yield "another hour", {"time": (time + timedelta(hours=3)).isoformat()}
        yield "another day", {"time": (time + timedelta(days=2)).isoformat()}
        is_finish = answer["kind"] == "finish"
        yield "the other bound", {"kind": "start", "bound": "earliest"} if is_finish else {"kind": "finish"}


def test_right_answers_of_every_kind_pass() -> None:
    refused = [(text, answer) for text, answer in RIGHT if stopped(text, answer)]
    assert len(RIGHT) >= 60
    assert len(refused) <= 0.02 * len(RIGHT), refused


def test_wrong_answers_of_every_kind_are_stopped() -> None:
    wrong = wrong_ones()
    passed = [(way, text, answer) for way, text, answer in wrong if not stopped(text, answer)]
    assert len(wrong) >= 60
    assert len(passed) <= 0.02 * len(wrong), passed


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Thank you, and kind regards.", {"kind": "preference", "quote": "kind regards", "first": "carbon"}),
        ("it must be quick", {"kind": "region", "quote": "it must be quick", "regions": [13], "allowed": True}),
        ("it must be quick", {"kind": "finish", "quote": "it must be quick", "time": at("2026-11-25T18:00")}),
        ("We would hate it to run while the office is open, so not from 9am on.",
         {"kind": "start", "quote": "9am", "bound": "earliest", "time": at("2026-11-26T09:00")}),
        ("Please don't run it before 6pm.", {"kind": "finish", "quote": "before 6pm", "time": at("2026-11-25T18:00")}),
        ("Yesterday it ran in Wales.", {"kind": "region", "quote": "ran in Wales", "regions": [6, 7], "allowed": True}),
        ("It need not finish by 6pm.", {"kind": "finish", "quote": "finish by 6pm", "time": at("2026-11-25T18:00")}),
        ("Spend at least £5.", {"kind": "cost_total", "quote": "at least £5", "max_gbp": 5}),
        ("At most 30% renewable.", {"kind": "renewable_share", "quote": "At most 30% renewable", "min_pct": 30}),
        # somebody else's limit, somebody else's words, another measure, the other days
        ("Tom's job must end by 6pm. Ours is fine until 9pm.",
         {"kind": "finish", "quote": "must end by 6pm", "time": at("2026-11-25T18:00")}),
        ("They said \"never on a Friday\". For us Friday is the best day.",
         {"kind": "hours", "quote": "never on a Friday", "allowed": False, "weekdays": ["fri"]}),
        ("Wait only if it saves at least 12 percent.",
         {"kind": "renewable_share", "quote": "at least 12 percent", "min_pct": 12}),
        ("The sweep runs for 9 hours on 4 GPUs.",
         {"kind": "finish", "quote": "runs for 9 hours", "time": str(NOW + timedelta(hours=9))}),
        ("Weekdays only, please.",
         {"kind": "hours", "quote": "Weekdays only", "allowed": True, "weekdays": ["sat", "sun"]}),
    ],
)  # fmt: skip
def test_what_the_quoted_words_do_not_say_is_refused(text: str, answer: dict[str, Any]) -> None:
    assert stopped(text, answer)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("answers_second", 0.95, 0.97),
        ("answers_third", 0.93, 0.96),
        ("answers_fourth", 0.91, 0.93),
        ("answers_fifth", 0.9, 0.95),
        ("answers_sixth", 0.89, 0.97),
    ],
)
def test_another_author_s_answers_are_judged_right(name: str, right: float, wrong: float) -> None:
    """Floors; a wish that is claimed as a demand and applied as a wish is judged right too.

    First runs, wishes not counted: `answers_fourth` 84 of 100 and 130 of 150, `answers_fifth` 88 and 144 of 149,
    `answers_sixth` 88 and 148 of 150.
    """
    judged: dict[str, list[bool]] = {"right": [], "wrong": []}
    for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        given = {field: value for field, value in case["constraint"].items() if value is not None}
        answer, now, text = CONSTRAINT.validate_python(given), datetime.fromisoformat(case["now"]), case["text"]
        given_back = verified([answer], read(text, now, OTHER_SITES), text, now).read[0]
        passed = given_back.outcome != "refused"
        as_claimed = case["verdict"] == "right" or given_back.constraint.strength == answer.strength
        judged[case["verdict"]].append(passed and as_claimed)
    assert sum(judged["right"]) >= right * len(judged["right"])
    assert sum(judged["wrong"]) <= (1 - wrong) * len(judged["wrong"])


def test_the_other_days_forbidden_are_these_days_allowed() -> None:
    answer = {"kind": "hours", "quote": "Weekdays only", "allowed": False, "weekdays": ["sat", "sun"]}
    assert not stopped("Weekdays only, please.", answer)


_CASES = Path(__file__).parents[3] / "cases" / "data" / "requests.jsonl"
_CLAIMED: dict[str, dict[str, Any]] = {
    "required_regions": {"kind": "region", "regions": [1, 2], "allowed": True},
    "not_before": {"kind": "start", "bound": "earliest", "time": "2026-01-06T09:00:00Z"},
}


@pytest.mark.parametrize(
    "case",
    [case for case in map(json.loads, _CASES.read_text("utf-8").splitlines()) if case["kind"] == "confirm"],
    ids=lambda case: case["id"],
)
def test_a_quote_out_of_a_negation_gives_no_allowance(case: dict[str, Any]) -> None:
    text, now = case["input"]["text"], datetime.fromisoformat(case["input"]["clock"])
    for found in case["input"]["found"]:
        answer = CONSTRAINT.validate_python({**_CLAIMED[found["kind"]], "quote": found["quote"]})
        accepted = verified([answer], read(text, now), text, now).read
        assert not [item for item in accepted if item.outcome == "applied" and item.constraint == answer], case["why"]


def test_what_a_text_says_outright_counts_though_the_model_overlooked_it() -> None:
    text = "It must stay in Scotland."
    found = verified([], read(text, NOW), text, NOW)
    assert [(item.constraint.kind, item.read_by) for item in found.read] == [("region", "rules")]
    assert found.faults == ()


def test_what_a_model_reads_beyond_the_rules_is_believed_and_no_longer_told_as_not_understood() -> None:
    text = "Finish before the tide turns at Dover, 6pm say."
    reading = read(text, NOW)
    answer = CONSTRAINT.validate_python({"kind": "finish", "quote": text.rstrip("."), "time": at("2026-11-25T18:00")})
    found = verified([answer], reading, text, NOW)
    assert reading.not_understood
    assert (found.faults, found.not_understood) == ((), ())
    assert found.read[0].read_by == "model"
    assert found.read[0].constraint == answer


def test_a_refused_answer_is_kept_with_its_reason() -> None:
    text = "Please don't run this in Wales."
    wrong = CONSTRAINT.validate_python(
        {"kind": "region", "quote": "run this in Wales", "regions": [6, 7], "allowed": True}
    )
    found = verified([wrong], read(text, NOW), text, NOW)
    assert [(item.outcome, item.read_by) for item in found.read] == [("refused", "model"), ("applied", "rules")]
    assert "run this in Wales" in found.faults[0]


def test_a_wish_stays_a_wish_whatever_the_model_calls_it() -> None:
    text = "Ideally finish by 6pm."
    answer = CONSTRAINT.validate_python({"kind": "finish", "quote": "finish by 6pm", "time": at("2026-11-25T18:00")})
    assert verified([answer], read(text, NOW), text, NOW).read[0].constraint.strength == "should"


def test_where_no_polarity_can_be_judged_only_there_is_a_wish_and_told() -> None:
    text = "Bitte nicht in Schottland laufen lassen, und das bis morgen."
    answer = {"kind": "region", "regions": [1, 2], "allowed": True, "quote": "in Schottland"}
    accepted = verified([CONSTRAINT.validate_python(answer)], read(text, NOW), text, NOW).read[0]
    assert accepted.constraint.strength == "should"
    assert "as read by the model" in accepted.reason
    denied = CONSTRAINT.validate_python({**answer, "allowed": False})
    assert verified([denied], read(text, NOW), text, NOW).read[0].constraint.strength == "must"


def test_what_a_model_says_twice_counts_once() -> None:
    text = "It must cost less than £5."
    answer = CONSTRAINT.validate_python({"kind": "cost_total", "quote": "less than £5", "max_gbp": 5})
    assert len(verified([answer, answer], read(text, NOW), text, NOW).read) == 1
