"""What the matches of `data/values.txt` mean that make hours of the day and sets of days, called as in `makers`."""

from dataclasses import replace
from datetime import date

from agents.constraints import WEEKDAYS
from agents.request import times
from agents.request.makers import Tags, has_date, numbers, word_of
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
    return times.part_range(Point(part=word_of(g, "PART")))


def part_on_weekdays(g: Tags, today: date) -> ClockRange:
    """ "Fri and Sat nights"."""
    start, end = hours(g, today, 22, 6, 1) if g[-1].type == "NIGHTWIN" else part(g, today)
    return replace(start, days=frozenset({g[0].word[:3], g[2].word[:3]})), end


def part_on_days(g: Tags, _: date) -> ClockRange:
    """ "Weekday evenings"."""
    start, end = part(g, _)
    return replace(start, days=_days(g[0])), end


def bare_hours(g: Tags, _: date) -> ClockRange | None:
    """ "8 till 10", "22-6"; "3-4" can be anything."""
    first, last = numbers(g)
    found = times.bare_hours(first.value, last.value)
    if found and any(len(tag.word) == len("01") and tag.word.startswith("0") for tag in (first, last)):
        return replace(found[0], half="24"), replace(found[1], half="24")
    return found


def hours_and_minutes(g: Tags, _: date) -> ClockRange | None:
    """ "02h00 - 06h30"."""
    start, end = (times.clock(*(tag.value for tag in pair)) for pair in (numbers(g)[:2], numbers(g)[2:]))
    return (replace(start, half="24"), replace(end, half="24")) if start and end else None


def full_hours(g: Tags, _: date) -> ClockRange | None:
    """ "22-6", "between 8 and 17" of a clock of 24 hours; "3-4" is anything."""
    return bare_hours(g, _) if max(tag.value for tag in numbers(g)) > 12 else None


def tonight_hours(g: Tags, today: date) -> ClockRange | None:
    """ "From 1 to 3 tonight"."""
    hours = hours_in_part([*g[:-1], Tag("PART", g[-1].start, g[-1].end, "night")], today)
    return hours and times.on_day(hours, Point(today, part="night"))


def hours_in_part(g: Tags, _: date) -> ClockRange | None:
    """ "4-7 in the evening", "overnight between ten and five"."""
    said = next(tag for tag in g if tag.type in {"PART", "NIGHTWIN", "SMALLHOURS"})
    first, last = numbers(g)
    joining = g[list(g).index(first) + 1].word
    minutes = joining == "to" and first.value % 5 == 0 and not first.word[:1].isdigit() and g[-1] is said
    part = {"PART": said.word.rstrip("s"), "NIGHTWIN": "night"}.get(said.type, "morning")
    return None if minutes else times.bare_hours(first.value, last.value, part)


def clock_hours(g: Tags, _: date) -> ClockRange | None:
    """ "10am till 4pm"."""
    start, end = times.point(g[0]) or Point(), g[-1].value
    clocks = (start.clock or start.ends) and (end.clock or end.ends) and not (start.instant or end.instant)
    return times.clock_range(g[0], g[-1]) if clocks and not (end.day and not start.day) else None


def outer_hours(g: Tags, _: date) -> ClockRange | None:
    """The hours "after 11pm or before 8am", in either order."""
    start, end = (g[-1], g[1]) if g[0].type == "BEFORE" else (g[1], g[-1])
    is_daily = all(tag.value.clock and not tag.value.day for tag in (start, end))
    is_either = g[2].word in {"or", "or before", "or after"}
    return times.clock_range(start, end) if is_daily and is_either and g[0].word != "from" else None


def inner_hours(g: Tags, _: date) -> ClockRange | None:
    """ "After 10pm and before 6am"."""
    start, end = g[1], g[-1]
    is_daily = all((tag.value.clock or tag.value.ends) and not tag.value.day for tag in (start, end))
    return times.clock_range(start, end) if is_daily and g[0].word in {"after", "later than"} else None


def opening_hours(g: Tags, _: date) -> ClockRange | None:
    """ "We open at 9 and close at 5"."""
    start, end = (tag for tag in g if tag.type == "INSTANT")
    is_daily = all(tag.value.clock and not tag.value.day for tag in (start, end))
    return times.clock_range(start, end) if is_daily else None


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
    said = _range(g)
    return None if said[1].day else times.on_days(said, _days(next(tag for tag in g if tag.type == "DAYS")))


def _bare_range(g: Tags) -> ClockRange | None:
    ends = [tag for tag in g if tag.type in {"INSTANT", "NUM"}]
    return times.clock_range(*ends)


def around_on_days(g: Tags, today: date) -> ClockRange | None:
    """ "Weekdays 9-5", "7am to 9am Monday to Friday", "Monday to Friday 7am to 9am"."""
    span = g[:3] if g[0].type in {"DAY", "DAYSET"} else g[-3:]
    hours, days = _bare_range(g), _days(g[0]) if g[0].type == "DAYS" else day_span(span, today)
    return None if hours is None or days is None else (replace(hours[0], days=days), hours[1])


def part_of_days(g: Tags, _: date) -> ClockRange | None:
    """ "Sundays before 10am"."""
    said: Point = g[-1].value
    start, end = (said, Point(ends=True)) if g[1].type == "AFTER" else (Point(clock=(0, 0), half="24"), said)
    return (replace(start, days=_days(g[0])), end) if said.clock and not said.day else None


def part_hours(g: Tags, _: date) -> ClockRange | None:
    """ "This afternoon between 3 and 5"."""
    said: Point = next(tag.value for tag in g if tag.type == "DAY")
    start, end = (times.in_part(times.whole_hour(tag) or Point(), said.part or "") for tag in numbers(g))
    return times.on_day((start, end), replace(said, clock=None)) if said.part and start and end else None


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
    """ "Weekdays except Fridays", "weekdays, Fridays excepted"."""
    all_days, others = (_days(tag) for tag in g if tag.type in {"DAY", "DAYSET"})
    return (all_days - others or None) if all_days & others else None


def short_span(g: Tags, _: date) -> frozenset[str]:
    """ "Mo-Fr"."""
    start, end = (next(at for at, day in enumerate(WEEKDAYS) if day.startswith(tag.word)) for tag in (g[0], g[-1]))
    return frozenset(WEEKDAYS[(start + ahead) % 7] for ahead in range((end - start) % 7 + 1))


def short_days(g: Tags, _: date) -> frozenset[str]:
    """ "Mo, Fr"."""
    return frozenset(day for day in WEEKDAYS if day.startswith((g[0].word, g[-1].word)))


def day_span(g: Tags, _: date) -> frozenset[str] | None:
    """ "Monday to Friday"; dates are a range instead."""
    if any(len(_days(tag)) != 1 or (tag.type == "DAY" and has_date(tag)) for tag in (g[0], g[-1])):
        return None
    start, end = (WEEKDAYS.index(next(iter(_days(tag)))) for tag in (g[0], g[-1]))
    return frozenset(WEEKDAYS[(start + ahead) % 7] for ahead in range((end - start) % 7 + 1))
