"""What the matches of `data/values.txt` mean that make clocks and days, called as in `makers`."""

from dataclasses import replace
from datetime import date, timedelta

from agents.request import times
from agents.request.makers import ORDINALS, Tags, has_date, numbers, weeks, word_of
from agents.request.times import ClockRange, Point
from agents.request.tokens import Tag

_NOON = 12
_SOON = 92
"""Days within which "25.06." is a day rather than an amount."""


def weeks_on(g: Tags, today: date) -> Point | None:
    """ "A fortnight today", "a week from tomorrow"."""
    length = weeks(g, today)
    count: float = next((tag.value for tag in numbers(g)), 1)
    tomorrow = any(tag.type == "TOMORROW" for tag in g)
    return None if length is None else Point(today + length * count + timedelta(days=tomorrow))


def this_time(g: Tags, today: date) -> timedelta | None:
    """ "This time tomorrow", "this time next week"."""
    last = g[-1]
    if last.type == "WEEKDAY":
        return times.weekday(last.word, today, g[-2].word) - today or timedelta(days=7)
    ahead = {"today": 0, "tomorrow": 1, "next week": 7}.get(last.word)
    return None if ahead is None else timedelta(days=ahead)


def _half(g: Tags) -> times.Half | None:
    said = word_of(g, "MER")
    return None if said is None else "am" if said.startswith("a") else "pm"


def _digit_hours(g: Tags) -> tuple[Tag, Point] | None:
    first, last = numbers(g)
    end, part = times.clock(last.value, 0, _half(g)), word_of(g, "PART")
    is_range = g[0].word in {"from", "between", "starting"}
    in_digits = first.word[:1].isdigit() and last.word[:1].isdigit()
    if end is None or not (is_range or in_digits) or not 0 < last.value < 13:
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
    hours = all(0 < tag.value < 13 for tag in (first, last))
    return True if hours and times.clock_range(first, last) is None else None


def digital(g: Tags, _: date) -> Point | None:
    return times.digital(g[0], _half(g))


def hour(g: Tags, _: date) -> Point | None:
    return times.clock(g[0].value, 0, _half(g)) if 0 < g[0].value < 13 else None


def spoken_hour(g: Tags, _: date) -> Point | None:
    """ "Seven p m"."""
    said = g[0].value
    return times.clock(said, 0, "am" if g[1].word == "a" else "pm") if said in range(1, 13) else None


def spoken_minutes(g: Tags, _: date) -> Point | None:
    """ "At five thirty"; in digits the second number is something else."""
    said, minutes = numbers(g)
    in_words = said.word[:1].isalpha() and minutes.word[:1].isalpha()
    is_clock = said.value in range(1, 13) and minutes.value in range(10, 60, 5)
    return times.clock(said.value, minutes.value) if in_words and is_clock else None


def whole_hour(g: Tags, _: date, least: int = 1) -> Point | None:
    return times.whole_hour(numbers(g)[0]) if numbers(g)[0].value >= least else None


def hour_minute(g: Tags, _: date) -> Point | None:
    """ "17h30"."""
    return times.clock(*(tag.value for tag in numbers(g)[-2:]))


def half_past(g: Tags, _: date) -> Point | None:
    said = numbers(g)[-1].value
    return times.clock(said, 30, _half(g)) if 0 < said < 13 else None


def past_hour(g: Tags, _: date, sign: int) -> Point | None:
    amount, of = g[-3], g[-1]
    if of.type == "NUM" and of.value > 12:
        return None
    if (amount.type == "NUM" and amount.value % 5) or (of.type == "INSTANT" and of.value.clock and of.value.clock[1]):
        return None
    return times.shifted(times.point(g[-1]), 15 if amount.type == "QUARTER" else amount.value, sign)


def iso(g: Tags, _: date) -> Point | None:
    return times.iso(g[0].value)


def clock(_g: Tags, _: date, hour: int) -> Point:
    return Point(clock=(hour, 0), half="24")


def day_end(g: Tags, _: date) -> Point:
    return Point(g[-1].value.day if g[-1].type == "DAY" else None, ends=True)


def days_ahead(g: Tags, today: date, first: int = 0) -> Point | None:
    """ "Two days from now at 19:45"."""
    ahead: timedelta = g[first].value
    return None if ahead % timedelta(days=1) else times.joined(Point(today + ahead), g[-1].value)


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


def listed_date(g: Tags, _: date) -> Point | None:
    """ "24, 25" of "24, 25 and 26 December", "Mon 14" of "Mon 14 to Thu 17 May"."""
    number, last = g[-3].value, g[-1]
    if not (last.value.is_whole_day and has_date(last) and 0 < number < last.value.day.day):
        return None
    listed = number > _NOON or g[-3].type == "ORD" or g[-2].word != "," or last.parts[-1].type == "NUM"
    found = last.value.day.replace(day=int(number))
    if g[0].type == "WEEKDAY":
        return Point(found) if f"{found:%A}".lower().startswith(g[0].word[:3]) else None
    return Point(found) if listed else None


def may_day(g: Tags, today: date) -> Point | None:
    """ "May 5", not "may 5"."""
    return calendar(g, today) if g[0].parts and g[0].parts[0].is_capital else None


def annual(_g: Tags, today: date, day: int, month: int) -> Point | None:
    return times.calendar_day(day, month, None, today)


def month_end(_g: Tags, today: date) -> Point:
    first = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
    return Point(first - timedelta(days=1), ends=True)


def end_of_month(g: Tags, today: date) -> Point | None:
    start = month_start(g, today)
    return None if start is None or start.day is None else month_end(g, start.day)


def month_start(g: Tags, today: date) -> Point | None:
    """ "Before June"."""
    return times.calendar_day(1, times.month(g[-1].word), None, today)


def ordinal_day(g: Tags, today: date) -> Point | None:
    """ "The first of May"."""
    said = next(at for at, name in enumerate(ORDINALS, 1) if any(tag.word == name for tag in g))
    return times.calendar_day(said, times.month(g[-1].word), None, today)


def night_of(g: Tags, today: date) -> Point | None:
    """ "The night from Thursday to Friday"."""
    first, last = (times.weekday(tag.word, today) for tag in g if tag.type == "WEEKDAY")
    return Point(first, part=g[0].word) if (last - first).days in {1, -6} and g[0].word == "night" else None


def calendar_span(g: Tags, today: date) -> ClockRange | None:
    """ "24 to 26 December"."""
    month = times.month(g[-1].word)
    start, end = (times.calendar_day(tag.value, month, None, today) for tag in numbers(g))
    is_list = any(tag.word == "and" for tag in g) and g[0].word not in {"from", "between"}
    return (start, end) if start and end and not is_list else None


def dashed(g: Tags, today: date) -> Point | None:
    """ "14-12-2026"."""
    return slashed(g, today) if g[0].word.isdigit() and len(numbers(g)[-1].word) in {2, 4} else None


def dotted(g: Tags, today: date) -> Point | None:
    """ "25.06.", the month in two digits."""
    said, _, month = numbers(g)[0].word.partition(".")
    found = times.calendar_day(int(said), int(month), None, today) if len(month) == 2 else None
    soon = found is not None and found.day is not None and (found.day - today).days < _SOON
    return found if soon else None


def slashed(g: Tags, today: date) -> Point | None:
    said = [tag.value for tag in numbers(g)]
    year = said[2] + 2000 * (said[2] < 100) if len(said) > 2 else None
    return times.calendar_day(said[0], int(said[1]), year, today) if 0 < said[1] < 13 else None


def coming(g: Tags, today: date) -> Point:
    """ "Next Friday", "Friday evening", "a week on Friday"."""
    later = timedelta(days=7 * any(tag.word == "week" for tag in g))
    return Point(times.weekday(word_of(g, "WEEKDAY") or "", today, g[0].word) + later, part=word_of(g, "PART"))


def weekend(g: Tags, today: date, weekday: int) -> Point | None:
    """ "Before the weekend", "after the weekend": its first day, its last."""
    ahead = weekday - today.weekday() + 7 * (weekday == 5 <= today.weekday())
    return Point(today + timedelta(days=ahead)) if g[-1].word.endswith("weekend") and g[0].word != "from" else None


def week_on(g: Tags, today: date) -> Point | None:
    """ "A week on Tuesday", where "a week" is a period."""
    day = times.weekday(word_of(g, "WEEKDAY") or "", today) + timedelta(days=7)
    return Point(day, part=word_of(g, "PART")) if g[0].word == "a week" else None


def dated_weekday(g: Tags, today: date) -> Point | None:
    last = g[-1]
    return last.value if last.type == "DAY" else times.day_of_month(last.value, today)


def joined(g: Tags, _: date, first: int = 0) -> Point | None:
    hours = [tag.value for tag in g if tag.type == "NUM"]
    if max(hours, default=0) > 12 or any(tag.word == "to" for tag in g):
        return None
    return times.joined(times.point(g[first]), times.point(g[-1]))


def joined_in_part(g: Tags, today: date) -> Point | None:
    """ "Seven on Sunday morning"."""
    return joined(g, today) if g[-1].value.part else None


def on_the(g: Tags, today: date) -> Point | None:
    """ "25th by 10am"."""
    return times.joined(times.day_of_month(g[0].value, today), g[-1].value)


def clarified(g: Tags, _: date) -> Point | None:
    """ "Thursday lunchtime (12:30)"."""
    return replace(g[2].value, day=g[0].value.day) if g[2].value.clock and not g[2].value.day else None


def in_part(g: Tags, _: date) -> Point | None:
    return times.in_part(times.point(g[0]) or Point(), g[-1].word)


def at_night(g: Tags, _: date) -> Point | None:
    return in_part(g, _) if g[1].word in {"at night", "in the night"} else None


def offset(g: Tags, _: date, sign: int) -> Point | None:
    """ "An hour before noon": of "from" and "since" the length is counted otherwise."""
    return (
        None if g[1].word in {"from", "since", "or later", "or after"} else times.moved(g[-1].value, sign * g[0].value)
    )


def in_zone(g: Tags, _: date) -> Point:
    return times.in_zone(g[0].value, g[1].word)
