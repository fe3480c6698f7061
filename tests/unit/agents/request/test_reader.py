"""Limits and wishes in English, read without a model."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.request.reader import read_wishes

NOW = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)  # a Tuesday


def read(text: str, now: datetime = NOW) -> list[tuple[str, object]]:
    return [(wish.kind, wish.instant or wish.amount or set(wish.regions)) for wish in read_wishes(text, now)]


def utc(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("It must stay in Scotland.", {1, 2}),
        ("only in Wales or Scotland", {1, 2, 6, 7}),
        ("London only please", {13}),
        ("data must not leave Yorkshire", {5}),
        ("Run it in South Wales", {7}),
        ("keep it in Cambridge", {10}),
    ],
)
def test_places_that_it_must_stay_in(text: str, regions: set[int]) -> None:
    assert read(text) == [("required_regions", regions)]


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("Please keep it out of London.", {13}),
        ("Anywhere but London", {13}),
        ("not in London or Yorkshire", {5, 13}),
        ("avoid Scotland", {1, 2}),
        ("do not run in the East Midlands", {9}),
    ],
)
def test_places_that_it_must_keep_out_of(text: str, regions: set[int]) -> None:
    assert read(text) == [("excluded_regions", regions)]


@pytest.mark.parametrize(
    ("text", "kind", "instant"),
    [
        ("not before Friday 6pm", "not_before", utc(27, 18)),
        ("Start no earlier than 22:00 tonight", "not_before", utc(24, 22)),
        ("Don't start before 8 pm", "not_before", utc(24, 20)),
        ("wait until midnight", "not_before", utc(25, 0)),
        ("by tomorrow noon", "finish_by", utc(25, 12)),
        ("must be finished by Friday", "finish_by", utc(28, 0)),
        ("needs to be done within 6 hours", "finish_by", utc(24, 16, 30)),
        ("deadline: 2026-11-25 14:00", "finish_by", utc(25, 14)),
        ("finish before 5 o'clock", "finish_by", utc(24, 17)),
        ("start before 6pm", "start_by", utc(24, 18)),
        ("start within 3 hours", "start_by", utc(24, 13, 30)),
        ("by 06:00 UTC on 26 November", "finish_by", utc(26, 6)),
    ],
)
def test_times_are_uk_times_counted_from_the_clock(text: str, kind: str, instant: datetime) -> None:
    assert read(text) == [(kind, instant)]


def test_a_range_gives_both_ends() -> None:
    assert read("between 10pm and 6am") == [("not_before", utc(24, 22)), ("finish_by", utc(25, 6))]


@pytest.mark.parametrize(
    ("now", "text", "instant"),
    [
        (datetime(2026, 7, 1, 9, tzinfo=UTC), "by 6pm", datetime(2026, 7, 1, 17, tzinfo=UTC)),
        (datetime(2026, 3, 28, 12, tzinfo=UTC), "by tomorrow noon", datetime(2026, 3, 29, 11, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), "by 01:30 tomorrow", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        (
            datetime(2026, 10, 24, 12, tzinfo=UTC),
            "not before 01:30 tomorrow",
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),
    ],
)
def test_clock_changes_bind_the_least(now: datetime, text: str, instant: datetime) -> None:
    assert [wish.instant for wish in read_wishes(text, now)] == [instant]


@pytest.mark.parametrize(
    ("text", "kind", "amount"),
    [
        ("keep it under £5", "max_cost_gbp", 5.0),
        ("spend no more than 50p", "max_cost_gbp", 0.5),
        ("max 2 kg of CO2", "max_carbon_g", 2000.0),
        ("stay below 100 g/kWh", "max_intensity_g_per_kwh", 100.0),
        ("at least 60% renewable", "min_renewable_pct", 60.0),
    ],
)
def test_amounts(text: str, kind: str, amount: float) -> None:
    assert read(text) == [(kind, amount)]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("This job can be paused and resumed.", ["pausable"]),
        ("It cannot be paused.", ["not_pausable"]),
        ("Run it in one go", ["not_pausable"]),
        ("cheapest, I don't care about carbon", ["cost_only"]),
        ("Cheapest is best, carbon matters less.", ["prefer_low_cost"]),
        ("as green as possible", ["prefer_low_carbon"]),
        ("asap please", ["prefer_soon"]),
    ],
)
def test_wishes_without_a_value(text: str, kinds: list[str]) -> None:
    assert [wish.kind for wish in read_wishes(text, NOW)] == kinds


@pytest.mark.parametrize(
    "text",
    [
        "ideally in Wales",
        "It does not have to finish by noon",
        "Our team in London wrote this",
        "We are reading 40 files in the morning",
        "last time it ran in London only",
        "the cat sat by the door",
        "",
        "£££ %%% :::",
    ],
)
def test_what_is_hoped_for_or_mentioned_is_no_limit(text: str) -> None:
    assert read_wishes(text, NOW) == ()


def test_quotes_are_the_requests_own_words() -> None:
    text = "Hello. It MUST stay in  Scotland, and be done by tomorrow noon; it can be paused."
    wishes = read_wishes(text, NOW)
    assert len(wishes) == 3
    assert all(wish.quote in text for wish in wishes)


_ATOMS = [
    "must ", "not ", "before ", "in ", "London ", "1,111 ", "keep it ", "at least ", "6pm ", "Friday ", "£5 ", "25:99",
    "2026-02-31 ", "31 February ", "half an hour ", "within ", "between ", "and ", ".",
    "\n", "é", "\x00", "🙂", "99999999 days ", "9999-12-31 ", "0001-01-01 ", "by ", "tomorrow ", "in Wales ",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_ATOMS), max_size=40).map("".join) | st.text(max_size=200))
def test_no_text_breaks_the_reader_and_every_quote_stands_in_it(text: str) -> None:
    for wish in read_wishes(text, NOW):
        assert wish.quote in text
