"""Limits and wishes in English, read without a model."""

from datetime import UTC, datetime
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.constraints import Hours, Region, Site
from agents.request.reader import instant_in, read
from tests.unit.agents.request.labels import NOW, label, tally
from tools.slots import UK


def labels(text: str, now: datetime = NOW) -> set[str]:
    return {label(item, now) for item in read(text, now).constraints}


FLOORS = {
    "blind_1_plain.txt": (0.85, 0.85),
    "blind_1_tricky.txt": (0.6, 0.65),
    "blind_2_plain.txt": (0.85, 0.85),
    "blind_2_tricky.txt": (0.6, 0.65),
    "blind_3_plain.txt": (0.85, 0.85),
    "blind_3_tricky.txt": (0.6, 0.65),
    "blind_4_plain.txt": (0.85, 0.85),
    "blind_4_tricky.txt": (0.6, 0.65),
    "blind_5_plain.txt": (0.85, 0.85),
    "blind_5_tricky.txt": (0.6, 0.65),
    "blind_6_plain.txt": (0.85, 0.85),
    "blind_6_tricky.txt": (0.6, 0.65),
    "fresh_plain.txt": (0.85, 0.85),
    "fresh_second.txt": (0.6, 0.65),
    "fresh_third_plain.txt": (0.85, 0.85),
    "fresh_third_tricky.txt": (0.6, 0.65),
    "fresh_tricky.txt": (0.6, 0.65),
    "held_out_1_plain.txt": (0.96, 0.97),
    "held_out_1_tricky.txt": (0.63, 0.74),
    "held_out_2_plain.txt": (0.96, 0.97),
    "held_out_2_tricky.txt": (0.73, 0.8),
    "held_out_3_plain.txt": (0.97, 0.97),
    "held_out_3_tricky.txt": (0.8, 0.86),
    "held_out_4_plain.txt": (0.94, 0.95),
    "held_out_4_tricky.txt": (0.6, 0.72),
    "held_out_5_plain.txt": (0.97, 0.97),
    "held_out_5_tricky.txt": (0.69, 0.77),
    "held_out_6_plain.txt": (0.97, 0.97),
    "held_out_6_tricky.txt": (0.55, 0.75),
    "held_out_7_plain.txt": (0.96, 0.97),
    "held_out_7_tricky.txt": (0.45, 0.65),
    "held_out_8_plain.txt": (0.95, 0.95),
    "held_out_8_tricky.txt": (0.8, 0.8),
    "held_out_9_plain.txt": (0.95, 0.96),
    "held_out_9_tricky.txt": (0.67, 0.8),
    "held_out_10_plain.txt": (0.95, 0.96),
    "held_out_10_tricky.txt": (0.74, 0.9),
    "held_out_11_plain.txt": (0.95, 0.97),
    "held_out_11_tricky.txt": (0.82, 0.88),
    "held_out_12_plain.txt": (0.95, 0.97),
    "held_out_12_tricky.txt": (0.79, 0.9),
    "held_out_13_plain.txt": (0.97, 0.96),
    "held_out_13_tricky.txt": (0.76, 0.87),
    "kinds.txt": (0.9, 0.85),
    "places.txt": (0.9, 0.85),
    "seen.txt": (0.9, 0.85),
    "suites.txt": (0.9, 0.85),
}
"""Of labelled texts the least recall and precision."""
_SHORT = ("kinds.txt", "places.txt")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in _SHORT else pytest.mark.long) for name in FLOORS]
)
def test_labelled_requests_are_read_right(name: str) -> None:
    found, (recall, precision) = tally(name), FLOORS[name]
    assert found.recall >= recall, found
    assert found.precision >= precision, found


def test_what_is_waited_for_or_cannot_be_resolved_is_told() -> None:
    assert tally("kinds.txt").untold == 0


@pytest.mark.parametrize(
    "text",
    ["a 4-4-2 formation", "chapters 9 to 17, please", "Only chapters 9 to 17.", "3 to 5 epochs", "ticket 4-7, please",
     "It's ticket 4-7.", "Only pages 9-12."],
)  # fmt: skip
def test_other_numbers_are_no_hours(text: str) -> None:
    assert read(text, NOW).constraints == ()


@pytest.mark.parametrize(
    "text",
    ["It's fine if it doesn't run today.", "Don't exclude Scotland.", "It's OK if it runs overnight."],
)
def test_a_permission_restricts_nothing(text: str) -> None:
    assert read(text, NOW).constraints == ()


PARAPHRASES = (
    (
        "Finish by 6pm.",
        "It must be done by 18:00.",
        "Please have it completed no later than six this evening.",
        "Deadline: 6 pm",
        "It cannot end after 6pm.",
    ),
    (
        "Do not start before 8pm.",
        "Start no earlier than 20:00.",
        "It must not begin until 8 in the evening.",
        "Earliest start is 20:00.",
        "Wait until 8pm.",
    ),
    (
        "Don't run it between 4pm and 7pm.",
        "Avoid 16:00 to 19:00.",
        "Never run between 16:00 and 19:00, please.",
        "Any time except from 4pm to 7pm.",
        "Keep clear of 4-7pm.",
    ),
    (
        "Only in Scotland.",
        "It must stay in Scotland.",
        "Nowhere but Scotland.",
        "Don't run it outside Scotland.",
        "Keep it north of the border.",
    ),
    (
        "Not in London.",
        "Please keep it out of London.",
        "Anywhere but London.",
        "This cannot run in London.",
        "London is off limits.",
    ),
    (
        "At most £5.",
        "No more than five pounds.",
        "Keep the cost under 5 quid.",
        "It must not cost over £5.",
        "Budget: 500p",
    ),
    (
        "Below 200 g/kWh.",
        "The intensity must stay under 0.2 kg per kWh.",
        "No more than 200 grams of CO2 per kWh.",
        "Not above 200 gCO2/kWh.",
        "Carbon intensity: max 200 g per kWh",
    ),
    (
        "Do not pause it.",
        "It must run in one go.",
        "No interruptions please.",
        "It can't be interrupted.",
        "Run it without a break.",
    ),
)


@pytest.mark.parametrize("wordings", PARAPHRASES, ids=lambda wordings: wordings[0])
def test_five_wordings_of_a_request_give_the_same_constraint(wordings: tuple[str, ...]) -> None:
    first = labels(wordings[0])
    assert len(first) == 1
    assert [labels(text) for text in wordings] == [first] * len(wordings)


NEGATIONS = (
    ("Run it in {place}.", "Don't run it in {place}."),
    ("Keep it in {place}.", "Keep it out of {place}."),
    ("Only in {place}.", "Not in {place}."),
    ("Place this job in {place}.", "Please do not place this job in {place}."),
    ("Run it between {early} and {late}.", "Never run it between {early} and {late}."),
    ("Run it from {early} to {late}.", "Avoid {early} to {late}."),
    ("It must run on {day}s.", "It must not run on {day}s."),
    ("{day}s only.", "Not on {day}s."),
    ("It may be paused.", "It may not be paused."),
    ("You can interrupt it.", "You cannot interrupt it."),
    ("Start before {early}.", "Don't start before {early}."),
    ("Start after {early}.", "Don't start after {early}."),
    ("Finish by {late}.", "You need not finish by {late}."),
    ("Use H100s.", "Don't use H100s."),
)
_PLACES = st.sampled_from(["London", "Scotland", "South Wales", "Kent", "the North West", "Leeds", "Yorkshire"])
_EARLY, _LATE = (
    st.sampled_from(["4pm", "15:30", "3 o'clock in the afternoon"]),
    st.sampled_from(["7pm", "21:15", "11pm"]),
)
_WEEKDAYS = st.sampled_from(["Monday", "Wednesday", "Saturday"])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(NEGATIONS), _PLACES, _EARLY, _LATE, _WEEKDAYS)
def test_a_request_and_its_negation_never_give_the_same_constraint(
    pair: tuple[str, str], place: str, early: str, late: str, day: str
) -> None:
    said, denied = (text.format(place=place, early=early, late=late, day=day) for text in pair)
    assert labels(said)
    assert not labels(said) & labels(denied)


@pytest.mark.parametrize(
    "text",
    [
        "Bitte nicht zwischen 16 und 19 Uhr laufen lassen, und nur in Schottland.",
        "Ne lancez pas ce calcul avant 22 heures, et pas à Londres.",
        "Пожалуйста, не запускайте до 22:00.",
        "请在22:00之后运行，不要在伦敦。",
    ],
)
def test_another_language_is_not_guessed_at(text: str) -> None:
    reading = read(text, NOW)
    assert reading.constraints == ()
    assert "not in English" in reading.not_understood[0]


@pytest.mark.parametrize(
    "text",
    [
        "Under 5, please.",
        "Run it after job 17 has finished.",
        "Not during the school run.",
        "Finish before the tide turns at Dover, unless it rains.",
    ],
)
def test_what_bears_a_limit_and_is_not_read_is_told(text: str) -> None:
    reading = read(text, NOW)
    assert reading.constraints == ()
    assert reading.not_understood


def test_named_data_centres_are_read_as_written() -> None:
    def sites(text: str) -> list[tuple[tuple[str, ...], bool]]:
        found = read(text, NOW, ["London A", "Slough DC1"]).constraints
        return [(item.sites, item.allowed) for item in found if isinstance(item, Site)]

    assert sites("Only at Slough DC1.") == [(("Slough DC1",), True)]
    assert sites("Not at London A, please.") == [(("London A",), False)]
    assert sites("Keep it in London a while.") == []


def test_regions_and_hours_of_two_sentences_come_together() -> None:
    found = read("Keep it out of London. Keep it out of Wales.", NOW).constraints
    assert [item.regions for item in found if isinstance(item, Region)] == [(6, 7, 13)]
    hours = read("Never between 2pm and 4pm. Never between 6pm and 7pm.", NOW).constraints
    assert len([item for item in hours if isinstance(item, Hours) and not item.allowed]) == 2


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("tomorrow 09:00", datetime(2026, 11, 26, 9, tzinfo=UTC)),
        ("in 6 hours", datetime(2026, 11, 25, 20, 20, tzinfo=UTC)),
        ("within 90 minutes", datetime(2026, 11, 25, 15, 50, tzinfo=UTC)),
        ("Friday 6pm", datetime(2026, 11, 27, 18, tzinfo=UTC)),
        ("when the cows come home", None),
        ("tomorrow 09:00 or so, in Wales", None),
    ],
)
def test_an_instant_alone(text: str, instant: datetime | None) -> None:
    assert instant_in(text, NOW) == instant


@pytest.mark.parametrize(
    "text",
    [
        "not " * 2500,
        "9 " * 5000,
        "between 4pm and " * 625,
        "a" * 10_000,
        "kg " * 3333,
        "before 9 or after 17, " * 450,
        "£5 " * 3333,
        "in London, " * 900,
        "5 to 8pm " * 1100,
        "5pm to 8pm " * 900,
        " ".join(f"qx{i}zv" for i in range(1400)),
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text: str) -> None:
    begun = process_time()
    read(text[:10_000], NOW)
    assert process_time() - begun < 5


@settings(max_examples=40, deadline=None)
@given(
    st.text(max_size=300)
    | st.lists(
        st.sampled_from(
            [
                "not",
                "only",
                "before",
                "after",
                "5pm",
                "16:00",
                "£3",
                "kg",
                "per",
                "kWh",
                "London",
                "Wales",
                "Friday",
                "unless",
                "pause",
                "12",
                "%",
                "and",
                "or",
                ",",
                ".",
                "until",
            ]
        ),
        max_size=40,
    ).map(" ".join)
)
def test_no_text_is_an_error_and_every_quote_is_verbatim(text: str) -> None:
    assert all(item.quote in text for item in read(text, NOW.astimezone(UK)).constraints)
