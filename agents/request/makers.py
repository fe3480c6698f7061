"""What the matches of `data/values.txt` mean: each function takes the matched tags, the day, and the rule's numbers.

None: nothing, the pattern does not hold here.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, TypeAlias

from agents.request import times
from agents.request.lexicon import ONES, TENS
from agents.request.times import ClockRange, Point
from agents.request.tokens import Tag

Tags: TypeAlias = Sequence[Tag]

_UNIT_MINUTES = {"m": 1, "h": 60, "d": 1440, "s": 1 / 60, "w": 10080}


def numbers(g: Tags) -> list[Tag]:
    return [tag for tag in g if tag.type in {"NUM", "ORD"}]


def word_of(g: Tags, kind: str) -> str | None:
    return next((tag.word for tag in reversed(g) if tag.type == kind), None)


def always(_g: Tags, _: date, said: float) -> float:
    return float(said)


def number(g: Tags, _: date, unit: float = 1, more: float = 0) -> float:
    return next(tag.value for tag in g if isinstance(tag.value, float)) * unit + more


def value(g: Tags, _: date, at: int) -> Any:  # noqa: ANN401  a tag's value
    return g[at].value


def hundreds(g: Tags, _: date) -> float:
    return float(g[0].value * 100 + sum(tag.value for tag in numbers(g[1:])))


def tens(g: Tags, _: date) -> float | None:
    ten, one = g[0], g[-1]
    in_words = ten.word in TENS and ten.value < 100 and one.word in ONES and 0 < one.value < 10
    return ten.value + one.value if in_words else None


def half_day(g: Tags, _: date) -> str:
    return f"{g[0].word}m"


def pounds_and_pence(g: Tags, _: date) -> float | None:
    pounds, pence = (tag.value for tag in numbers(g))
    return pounds + pence / 100 if 0 <= pence < 100 else None


def per_kwh(g: Tags, _: date) -> float:
    return float(g[0].value) / (1000 if any(tag.word == "mwh" for tag in g) else 1)


def gpus(g: Tags, _: date) -> float | None:
    return g[0].value if g[0].value < 1000 and not g[1].glued else None


def length(g: Tags, _: date, default: float, extra: float = 0) -> timedelta:
    unit = next((tag for tag in g if tag.type == "TUNIT"), g[-1])
    said = next((tag.value for tag in g if tag.type == "NUM"), default) + extra
    return timedelta(minutes=said * _UNIT_MINUTES[unit.word[0]])


def hours_minutes(g: Tags, _: date) -> timedelta | None:
    """ "2 h 30"."""
    hours, minutes = (tag.value for tag in g if tag.type == "NUM")
    return timedelta(hours=hours, minutes=minutes) if 0 < minutes < 60 else None


def total(g: Tags, _: date) -> Any:  # noqa: ANN401  lengths of time
    return g[0].value + g[-1].value


def _half(g: Tags) -> times.Half | None:
    said = word_of(g, "MER")
    return None if said is None else "am" if said.startswith("a") else "pm"


def _digit_hours(g: Tags) -> tuple[Tag, Point] | None:
    first, last = numbers(g)
    end, part = times.clock(last.value, 0, _half(g)), word_of(g, "PART")
    if end is None or not (first.word[:1].isdigit() and last.word[:1].isdigit() and 0 < last.value < 13):
        return None
    found = times.in_part(end, part) if part else end
    return None if found is None else (first, found)


def minutes_to(g: Tags, _: date) -> Point | None:
    """ "By 10 to 8pm" is a clock."""
    said = _digit_hours(g) if g[0].word not in {"from", "since"} else None
    return said and times.shifted(said[1], said[0].value, -1)


def digits(g: Tags, _: date) -> ClockRange | None:
    """ "5 to 8pm" in digits is a range."""
    said = _digit_hours(g)
    if said is None or not 0 < said[0].value < 13:
        return None
    return times.clock_range(said[0], Tag("INSTANT", g[-1].start, g[-1].end, "", said[1]))


def either_half(g: Tags, _: date) -> bool | None:
    """ "From 5 to 8" may be either half of the day."""
    first, last = numbers(g)
    hours = all(tag.word[:1].isdigit() and 0 < tag.value < 13 for tag in (first, last))
    return True if hours and times.clock_range(first, last) is None else None


def digital(g: Tags, _: date) -> Point | None:
    return times.digital(g[0], _half(g))


def hour(g: Tags, _: date) -> Point | None:
    return times.clock(g[0].value, 0, _half(g)) if 0 < g[0].value < 13 else None


def whole_hour(g: Tags, _: date, least: int = 1) -> Point | None:
    return times.whole_hour(numbers(g)[0]) if numbers(g)[0].value >= least else None


def hour_minute(g: Tags, _: date) -> Point | None:
    return times.clock(g[1].value, g[3].value)


def half_past(g: Tags, _: date) -> Point | None:
    return times.clock(g[-1].value, 30) if 0 < g[-1].value < 13 else None


def past_hour(g: Tags, _: date, sign: int) -> Point | None:
    amount = g[-3]
    if amount.type == "NUM" and amount.value % 5:
        return None
    return times.shifted(times.point(g[-1]), 15 if amount.type == "QUARTER" else amount.value, sign)


def iso(g: Tags, _: date) -> Point | None:
    return times.iso(g[0].value)


def clock(_g: Tags, _: date, hour: int) -> Point:
    return Point(clock=(hour, 0), half="24")


def day_end(g: Tags, _: date) -> Point:
    return Point(g[-1].value.day if g[-1].type == "DAY" else None, ends=True)


def day(g: Tags, today: date, ahead: int) -> Point:
    return Point(today + timedelta(days=ahead), part=word_of(g, "PART"), vague=True)


def part_day(g: Tags, _: date) -> Point | None:
    """ "Afternoon slot tomorrow"."""
    said: Point = g[-1].value
    return replace(said, part=g[0].word) if said.part is None else None


def tonight(_g: Tags, today: date) -> Point:
    return Point(today, part="night", vague=True)


def calendar(g: Tags, today: date) -> Point | None:
    month = next(tag.word for tag in reversed(g) if tag.type == "MONTH" or tag.word == "may")
    said = [tag.value for tag in numbers(g)]
    return times.calendar_day(said[0], times.month(month), said[1] if len(said) > 1 else None, today)


def annual(_g: Tags, today: date, day: int, month: int) -> Point | None:
    return times.calendar_day(day, month, None, today)


def month_end(_g: Tags, today: date) -> Point:
    first = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
    return Point(first - timedelta(days=1), ends=True)


def calendar_span(g: Tags, today: date) -> ClockRange | None:
    """ "24 to 26 December"."""
    month = times.month(g[-1].word)
    start, end = (times.calendar_day(tag.value, month, None, today) for tag in numbers(g))
    return (start, end) if start and end else None


def slashed(g: Tags, today: date) -> Point | None:
    said = [tag.value for tag in numbers(g)]
    year = said[2] + 2000 * (said[2] < 100) if len(said) > 2 else None
    return times.calendar_day(said[0], int(said[1]), year, today) if 0 < said[1] < 13 else None


def coming(g: Tags, today: date) -> Point:
    """ "Next Friday", "Friday evening", "a week on Friday"."""
    later = timedelta(days=7 * any(tag.word == "week" for tag in g))
    return Point(times.weekday(word_of(g, "WEEKDAY") or "", today, g[0].word) + later, part=word_of(g, "PART"))


def dated_weekday(g: Tags, today: date) -> Point | None:
    last = g[-1]
    return last.value if last.type == "DAY" else times.day_of_month(last.value, today)


def joined(g: Tags, _: date, first: int = 0) -> Point | None:
    hours = [tag.value for tag in g if tag.type == "NUM"]
    return times.joined(times.point(g[first]), times.point(g[-1])) if max(hours, default=0) < 13 else None


def clarified(g: Tags, _: date) -> Point | None:
    """ "Thursday lunchtime (12:30)"."""
    return replace(g[2].value, day=g[0].value.day) if g[2].value.clock and not g[2].value.day else None


def in_part(g: Tags, _: date) -> Point | None:
    return times.in_part(times.point(g[0]) or Point(), g[-1].word)


def at_night(g: Tags, _: date) -> Point | None:
    return in_part(g, _) if g[1].word == "at night" else None


def in_zone(g: Tags, _: date) -> Point:
    return times.in_zone(g[0].value, g[1].word)


def regions(g: Tags, _: date) -> frozenset[int] | None:
    ids = [int(tag.value) for tag in numbers(g)]
    return frozenset(ids) if g[0].word.startswith("region") and all(0 < i < 15 for i in ids) else None


def relative(g: Tags, _: date) -> bool | None:
    """ "North of Leeds", "south of the M4"."""
    return True if g[-1].type == "PLACE" or g[-1].is_capital else None


def beside(g: Tags, _: date) -> frozenset[int] | None:
    return g[-1].value if "near" in g[0].word or "close" in g[0].word or "far" in g[0].word else None


def outside(g: Tags, _: date) -> bool | None:
    """ "North west of London"; "the north of England" is a part of it."""
    compass = g[0].word.removeprefix("the ").startswith(("north", "south", "east", "west"))
    return True if compass and not g[0].value <= g[2].value else None


def shared(g: Tags, _: date) -> frozenset[int] | None:
    return g[0].value & g[2].value or None
