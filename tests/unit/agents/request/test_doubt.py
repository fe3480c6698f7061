"""What a text says without demanding it is told, and not applied."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.request.reader import LONGEST, read
from tests.unit.agents.request.labels import NOW, Labelled, label, labelled

PLAIN = [
    case
    for name in ("fresh_plain.txt", "fresh_third_plain.txt", "kinds.txt")
    for case in labelled(name)
    if case.required and case.now == NOW and not any(sign in case.text.rstrip(".") for sign in '.!?;\n"')
]
"""Requests of one sentence each that ask for something."""

QUOTED = ('"{}"', "The old ticket says “{}”", "'{}' is what the template says")
REPORTED = ("My colleague reckons that {}", "Bob said: {}", "According to the forum, {}", "Rumour has it that {}")
SUPPOSED = ("Suppose that {}", "Imagine I wrote: {}", "I doubt that {}", "For example: {}")
RETRACTED = ("{}. Scratch that.", "{} - just kidding", "{}. On second thoughts, forget that.", "{}. Oops, cancel that.")


def applied(text: str) -> set[str]:
    return {label(item, NOW) for item in read(text, NOW).constraints if item.kind != "unsupported"}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PLAIN), st.sampled_from((*QUOTED, *REPORTED, *SUPPOSED, *RETRACTED)))
def test_no_request_is_applied_that_is_quoted_reported_supposed_or_taken_back(case: Labelled, frame: str) -> None:
    said = case.text.rstrip(".")
    assert not applied(frame.format(said)) & case.required


VALUES = (
    ("Finish by {}", "6pm", "9pm"),
    ("Do not start before {}", "8pm", "10pm"),
    ("Only in {}", "Wales", "Scotland"),
    ("Never in {}", "London", "Kent"),
    ("At most {}", "£5", "£7.50"),
    ("Emit no more than {}", "500 g", "2 kg"),
    ("Keep it below {}", "100 g/kWh", "150 g/kWh"),
    ("Don't run it on {}", "Mondays", "Fridays"),
    ("Avoid {}", "4pm to 6pm", "7pm to 8pm"),
)
CORRECTIONS = (
    " - no, {}.",
    ". Sorry, I meant {}.",
    ", or rather {}.",
    ". Correction: {}.",
    ". Scratch that, {}.",
    "... make that {}.",
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(VALUES), st.sampled_from(CORRECTIONS))
def test_a_corrected_request_gives_the_correction_or_nothing(case: tuple[str, str, str], correction: str) -> None:
    frame, first, last = case
    assert applied(frame.format(first) + correction.format(last)) <= applied(frame.format(last))


@pytest.mark.parametrize(
    "text",
    [
        "Run it only in Wales. Run it only in Scotland.",
        "Finish by 6pm. It must be done by 9pm.",
        "At most £5. Spend no more than £8.",
        "Start after 8pm. Finish before 7pm today.",
        "It can be paused. It must run in one go.",
    ],
)
def test_demands_that_contradict_each_other_are_told(text: str) -> None:
    reading = read(text, NOW)
    assert reading.constraints == ()
    assert len(reading.not_understood) == 2


@pytest.mark.parametrize(
    ("text", "constraints"),
    [
        ("It must be done by noon tomorrow (that's the 26th).", {"fb=2026-11-26T12:00"}),
        ("Not after 5 (in the afternoon).", {"fb=2026-11-25T17:00"}),
        ("Overnight only (23:00 to 05:00).", {"win=23:00-05:00@2026-11-25"}),
    ],
)
def test_brackets_explain_and_set_no_second_limit(text: str, constraints: set[str]) -> None:
    assert applied(text) == constraints


@pytest.mark.parametrize(
    "text",
    [
        "Choose a site not too far from Glasgow.",
        "Uniquement en Écosse, avant vendredi midi.",
    ],
)
def test_what_is_not_certain_is_told(text: str) -> None:
    reading = read(text, NOW)
    assert reading.constraints == ()
    assert reading.not_understood


@pytest.mark.parametrize(
    "text",
    [
        "Scrap the £5 limit.",
        "Drop the 400 g cap.",
        "The 5pm deadline is moot.",
        "Bob's sweep has to finish by 6pm.",
        "Don't exclude Scotland.",
    ],
)
def test_what_is_lifted_or_another_s_is_not_applied(text: str) -> None:
    assert read(text, NOW).constraints == ()


def test_what_is_past_the_length_that_is_read_is_told() -> None:
    reading = read("Finish by 6pm. " + "We thank you. " * LONGEST + "Only in Wales.", NOW)
    assert not [item for item in reading.constraints if item.kind == "region"]
    assert "too long" in reading.not_understood[-1]


CARRIERS = (
    "{}",
    "Hi team, {} please.",
    "We hope that all is well: {}, thanks.",
    "Say what the ferrets will, {} it is.",
    "{} for the gryphon batch, as ever.",
    "Kindly mind the gap, {}, and carry on.",
)
PHRASES = (
    "in Leeds",
    "at 6pm",
    "by Friday noon",
    "under £5",
    "below 300 g",
    "less than 90 g/kWh",
    "10pm to 4am",
    "on Mondays",
    "H100s",
)


@settings(max_examples=72, deadline=None)
@given(st.sampled_from(CARRIERS), st.sampled_from(PHRASES))
def test_a_value_is_read_or_told_whatever_words_stand_around_it(carrier: str, phrase: str) -> None:
    reading = read(carrier.format(phrase), NOW)
    assert reading.constraints or reading.not_understood
