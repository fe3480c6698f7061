"""What constraints a value makes."""

import pytest

from agents.constraints import Finish, Hours, Start
from agents.request.reader import values_of
from agents.request.roles import can_be, made
from agents.request.tokens import Tag, tokens
from tests.unit.agents.request.labels import NOW, label


def value(text: str) -> Tag:
    return next(tag for tag in values_of(tokens(text), NOW) if can_be(tag))


@pytest.mark.parametrize(
    ("text", "role", "labels"),
    [
        ("by Friday", "by", ["fb=2026-11-28T00:00"]),
        ("before Friday", "before", ["fb=2026-11-27T00:00"]),
        ("after Friday", "after", ["nb=2026-11-28T00:00"]),
        ("at 18:00", "at", ["at=2026-11-25T18:00"]),
        ("on Friday", "on", ["win=00:00-00:00@2026-11-27"]),
        ("on Friday", "not_on", ["notdays=fri"]),
        ("tomorrow", "not_on", ["notwin=00:00-00:00@2026-11-26"]),
        ("22:00-06:00", "on", ["win=22:00-06:00@2026-11-25"]),
        ("22:00-06:00", "start_in", ["nb=2026-11-25T22:00", "sb=2026-11-26T06:00"]),
        ("5 hours", "by", ["fb=2026-11-25T19:20"]),
        ("5 hours", "takes", ["dur=300"]),
        ("£5", "cap", ["cost=5"]),
        ("30%", "rest", ["ren=70"]),
        ("2 kg", "saving", ["saving=2000g"]),
        ("Wales", "not_on", ["excl=6,7"]),
    ],
)
def test_a_value_in_a_role(text: str, role: str, labels: list[str]) -> None:
    assert [label(item, NOW) for item in made(value(text), role, NOW)] == labels


def test_more_than_a_day_is_a_start_and_a_finish() -> None:
    tag = value("between Friday 6pm and Sunday 6pm")
    assert [type(item) for item in made(tag, "on", NOW)] == [Start, Finish]
    assert {type(item) for item in made(tag, "not_on", NOW)} == {Hours}


def test_what_makes_no_sense_is_nothing() -> None:
    assert made(value("120%"), "share", NOW) == []
