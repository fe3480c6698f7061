"""What the matches of `data/values.txt` mean that make hours of the day and sets of days, called as in `makers`."""

from dataclasses import replace
from datetime import date

from agents.constraints import WEEKDAYS
from agents.request import times
from agents.request.makers import Tags, numbers
from agents.request.times import ClockRange, Point
from agents.request.tokens import Tag


def around(g: Tags, _: date, first: int) -> ClockRange | None:
    return times.clock_range(g[first], g[-1])


def hours(_g: Tags, _: date, start: int, end: int, vague: int) -> ClockRange:
    return Point(clock=(start, 0), half="24", vague=bool(vague)), Point(clock=(end, 0), half="24")


def hour_span(g: Tags, today: date) -> ClockRange | None:
    """ "9-17h"."""
    start, end = (int(tag.value) for tag in numbers(g))
    return hours(g, today, start, end, 0) if start < end and 12 < end < 25 else None


def part(g: Tags, _: date) -> ClockRange:
    return times.part_range(Point(part=g[-1].word))


def part_on_days(g: Tags, _: date) -> ClockRange:
    """ "Weekday evenings"."""
    start, end = part(g, _)
    return replace(start, days=_days(g[0])), end


def _range(g: Tags) -> ClockRange:
    said: ClockRange = next(tag.value for tag in g if tag.type.startswith("RANGE"))
    return said


def spelt_out(g: Tags, _: date) -> ClockRange | None:
    """ "Overnight (22:00 to 6:00)"."""
    if (g[-1].word == ")") != any(tag.word == "(" for tag in g):
        return None
    start, end = _range(g[1:])
    said = g[0].value[0].days if g[0].type == "RANGEWORD" else frozenset()
    return replace(start, days=start.days or said), end


def on_days(g: Tags, _: date) -> ClockRange | None:
    """ "9:00-17:00 on weekdays", "weekdays only, 9:00-17:00"."""
    start, end = _range(g)
    if start.day or start.instant or start.days or end.day:
        return None
    return replace(start, days=_days(next(tag for tag in g if tag.type == "DAYS"))), end


def _bare_range(g: Tags) -> ClockRange | None:
    ends = [tag for tag in g if tag.type in {"INSTANT", "NUM"}]
    return times.clock_range(*ends)


def around_on_days(g: Tags, today: date) -> ClockRange | None:
    """ "Weekdays 9-5", "7am to 9am Monday to Friday"."""
    hours, days = _bare_range(g), _days(g[0]) if g[0].type == "DAYS" else day_span(g[-3:], today)
    return None if hours is None or days is None else (replace(hours[0], days=days), hours[1])


def part_of_days(g: Tags, _: date) -> ClockRange | None:
    """ "Sundays before 10am"."""
    said: Point = g[-1].value
    start, end = (said, Point(ends=True)) if g[1].type == "AFTER" else (Point(clock=(0, 0), half="24"), said)
    return (replace(start, days=_days(g[0])), end) if said.clock and not said.day else None


def part_hours(g: Tags, _: date) -> ClockRange | None:
    """ "This afternoon between 3 and 5"."""
    said: Point = g[0].value
    start, end = (times.in_part(times.whole_hour(tag) or Point(), said.part or "") for tag in numbers(g))
    return (replace(start, day=said.day), end) if said.part and start and end else None


def dated(g: Tags, _: date) -> ClockRange | None:
    return times.on_day(_range(g), next(tag.value for tag in g if tag.type == "DAY"))


def _days(tag: Tag) -> frozenset[str]:
    if tag.type == "DAY":
        return frozenset({WEEKDAYS[tag.value.day.weekday()]})
    if tag.type != "DAYSET":
        return frozenset(tag.value)
    if "weekend" in tag.word:
        return frozenset({"sat", "sun"})
    return frozenset(WEEKDAYS[:5] if tag.word[:4] in {"week", "work", "busi"} else {tag.word[:3]})


def days(g: Tags, _: date) -> frozenset[str]:
    return _days(g[0]) | _days(g[-1])


def listed_days(g: Tags, _: date) -> frozenset[str] | None:
    """ "Wed or Thu only"."""
    both = (g[0], g[2])
    return (
        _days(g[0]) | _days(g[2])
        if all(tag.parts[0].type == "WEEKDAY" and len(tag.parts) == 1 for tag in both)
        else None
    )


def days_but(g: Tags, _: date) -> frozenset[str] | None:
    return _days(g[0]) - _days(g[-1]) or None


def day_span(g: Tags, _: date) -> frozenset[str] | None:
    """ "Monday to Friday"; dates are a range instead."""
    if any(len(_days(tag)) != 1 or (tag.type == "DAY" and tag.parts[0].type != "WEEKDAY") for tag in (g[0], g[-1])):
        return None
    start, end = (WEEKDAYS.index(next(iter(_days(tag)))) for tag in (g[0], g[-1]))
    return frozenset(WEEKDAYS[(start + ahead) % 7] for ahead in range((end - start) % 7 + 1))
