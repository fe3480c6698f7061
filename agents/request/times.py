"""Points in time and hours of the day, as said and as meant. Words mean UK time, summer time included."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Literal, TypeAlias

from agents.constraints import WEEKDAYS
from agents.request.tokens import Tag
from tools.slots import UK

Side: TypeAlias = Literal["early", "late"]
"""Which end of a vague expression is meant: a bare day's start or its end, the first or second pass of an hour that
the clocks go through twice."""
Half: TypeAlias = Literal["am", "pm", "24"]

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PARTS = {"morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24), "night": (18, 24)}
_FIRST_WORKING_HOUR = 7
"""A bare hour of a certain day is one from here to the evening."""
_SMALL_HOURS = (12, 1, 2, 3, 4, 5)
_ZONES: dict[str | None, tzinfo] = {"utc": UTC, "gmt": UTC, "zulu": UTC, "bst": timezone(timedelta(hours=1))}
_YEARS = range(2000, 2100)


@dataclass(frozen=True)
class Point:
    """A point in time as said: any part may be missing."""

    day: date | None = None
    clock: tuple[int, int] | None = None
    half: Half | None = None
    """None: a twelve-hour clock whose half was not said."""
    ends: bool = False
    """The day's end, 24:00."""
    part: str | None = None
    """Morning, afternoon, evening or night, without a clock."""
    zone: str | None = None
    instant: datetime | None = None
    """Said with its offset, or counted from now."""
    days: frozenset[str] = frozenset()
    """The weekdays of a range that begins here."""
    vague: bool = False
    """A bare time word, such as "tonight"."""

    @property
    def is_whole_day(self) -> bool:
        return not (self.clock or self.ends or self.instant)


ClockRange: TypeAlias = tuple[Point, Point]


def clock(hour: float, minute: float = 0, half: Half | None = None) -> Point | None:
    if not (0 <= hour <= 24 and 0 <= minute < 60):
        return None
    return Point(clock=(int(hour), int(minute)), half="24" if hour > 12 or hour == 0 else half)


def digital(tag: Tag, half: Half | None = None) -> Point | None:
    """ "09:30", "9:30"."""
    hour, minute = tag.value.split(":")[:2]
    return clock(int(hour), int(minute), half or ("24" if len(hour) == 2 or int(hour) > 12 else None))


def whole_hour(tag: Tag) -> Point | None:
    return clock(tag.value) if tag.value == int(tag.value) and 0 < tag.value < 25 else None


def point(tag: Tag) -> Point | None:
    """Of a time, a day, or a bare number taken as an hour."""
    value: Point | None = tag.value if tag.type in {"INSTANT", "DAY"} else whole_hour(tag)
    return value


def joined(one: Point | None, other: Point | None) -> Point | None:
    """The day of one with the clock of the other; None where both say the same thing."""
    if one is None or other is None or one.instant or other.instant:
        return None
    dated, timed = (one, other) if one.day or (one.part and not one.clock) else (other, one)
    if (timed.day and dated.day and timed.day != dated.day) or (dated.clock and timed.clock):
        return None
    day, half, hours = dated.day or timed.day, timed.half, timed.clock
    night = dated.part == "night"
    if half is None and dated.part and not (night and hours and hours[0] in _SMALL_HOURS[:-1]):
        half = "am" if dated.part == "morning" else "pm"
    if night and hours == (12, 0) and timed.half is None:
        return Point(day, ends=True)
    if night and hours and day and (timed.half == "am" or (half in {None, "24"} and hours[0] < 6)):
        day, half = day + timedelta(days=1), timed.half or "am"
    part = None if hours else dated.part
    return Point(day, hours, half, timed.ends or dated.ends, part, timed.zone or dated.zone)


def in_part(timed: Point, part: str) -> Point | None:
    """ "6:30 in the evening", "1 at night"."""
    if timed.clock is None or (timed.half == "24" and (timed.clock[0] > 12 or "night" in part)):
        return timed
    small = "night" in part and timed.clock[0] in _SMALL_HOURS
    return Point(timed.day, timed.clock, "am" if "morning" in part or small else "pm", zone=timed.zone)


def in_zone(timed: Point, zone: str) -> Point:
    return Point(timed.day, timed.clock, timed.half or "24", timed.ends, zone=zone if zone in _ZONES else None)


def shifted(base: Point | None, minutes: float, sign: int) -> Point | None:
    """ "Quarter past seven", "ten to midnight"."""
    if base is None or not 0 < minutes < 60:
        return None
    if base.ends and base.clock is None:
        return Point(base.day, (23, 60 - int(minutes)), "24") if sign < 0 else None
    if base.clock is None:
        return None
    hour, minute = divmod(base.clock[0] * 60 + sign * int(minutes), 60)
    return Point(clock=(hour or 12, minute), half=base.half)


def moved(base: Point, length: timedelta) -> Point | None:
    """So much later, or earlier; a day that was not said stays unsaid."""
    if base.instant:
        return replace(base, instant=base.instant + length)
    days = length // timedelta(days=1)
    if base.is_whole_day:
        whole = base.day and not base.part and length == timedelta(days=days)
        return Point(base.day + length) if base.day and whole else None
    hour, minute = base.clock or (24, 0)
    half = "24" if base.ends else base.half
    if half != "24" and (half or base.day):
        hour = hour % 12 + 12 * (half == "pm" or (half is None and hour % 12 < _FIRST_WORKING_HOUR))
        half = "24"
    later, minutes = divmod(hour * 60 + minute + round(length / timedelta(minutes=1)), 1440)
    if half is None:
        minutes = minutes % 720 or 720
    if base.ends and base.half is None and length > timedelta(0):
        later -= 1  # past Tuesday's midnight is on Tuesday, past tonight's tomorrow
    day = base.day and base.day + timedelta(days=later)
    return replace(base, day=day, clock=divmod(minutes, 60), half=half, ends=False)


def weekday(word: str, today: date, which: str = "") -> date:
    """The coming one, today included; "next" is the one of the week after where one is still to come this week."""
    ahead = (WEEKDAYS.index(word[:3]) - today.weekday()) % 7
    return today + timedelta(days=ahead + 7 * (which == "next" and ahead + today.weekday() < 7))


def calendar_day(day: float, month: int, year: float | None, today: date) -> Point | None:
    """A date that does not exist is None; without a year it is the next such day, or one up to a month ago."""
    if day != int(day) or (year is not None and year not in _YEARS):
        return None
    try:
        found = date(int(year or today.year), month, int(day))
        is_past = year is None and found < today - timedelta(days=30)
        return Point(date(found.year + 1, month, int(day)) if is_past else found)
    except ValueError:
        return None


def day_of_month(day: float, today: date) -> Point | None:
    """ "The 27th": the next such day."""
    days = (today + timedelta(days=ahead) for ahead in range(62))
    return next((Point(found) for found in days if found.day == int(day)), None)


def month(word: str) -> int:
    return MONTHS.index(word[:3]) + 1


def iso(text: str) -> Point | None:
    try:
        found = datetime.fromisoformat(text.replace(" ", "T").upper())
    except ValueError:
        return None
    if found.tzinfo:
        return Point(instant=found)
    return (
        Point(found.date(), (found.hour, found.minute), "24") if len(text) > len("2026-11-27") else Point(found.date())
    )


def clock_range(first: Tag, last: Tag) -> ClockRange | None:
    """From one to the other; the half of the day that only one of them says holds for both where that makes sense."""
    start, end = point(first), point(last)
    if start is None or end is None:
        return None
    if first.type == last.type == "NUM":
        return _bare(start, end)
    if end.day and not start.day and start.clock and end.clock:
        start, end = _halves(joined(Point(end.day), start) or start, end)
        if start.day and _minutes(end) <= _minutes(start):  # "22:00-02:00 on Friday", "from 22:00 to 02:00 tomorrow"
            begins = start.day - timedelta(days=not any(part.word == "on" for part in last.parts))
            return replace(start, day=begins), replace(end, day=None)
        return start, end
    return _halves(start, end)


def _minutes(said: Point) -> int:
    """Since midnight."""
    hour, minute = said.clock or (24, 0)
    return 60 * (hour if said.half == "24" else hour % 12 + 12 * (said.half == "pm")) + minute


def _bare(start: Point, end: Point) -> ClockRange | None:
    """ "9 to 5" alone: a working day or an evening."""
    if start.clock and end.clock and start.half == "24" and end.clock[0] < 12:
        return start, replace(end, half="am")
    if start.clock and end.clock and end.half == "24" and start.clock < end.clock:
        return replace(start, half="24"), end
    if start.clock is None or end.clock is None or not 7 <= start.clock[0] < 13:
        return None
    if not (end.clock[0] <= 6 or start.clock[0] < end.clock[0] == 12):
        return None
    half: Half = "am" if start.clock[0] < 12 else "pm"
    return Point(clock=start.clock, half=half), Point(clock=end.clock, half="pm")


def bare_hours(first: float, last: float, part: str | None = None) -> ClockRange | None:
    """Two hours of which nothing else is said than the part of the day that they are in."""
    if (first == last and first not in range(7, 11)) or not all(hour in range(25) for hour in (first, last)):
        return None
    start, end = (Point(clock=(int(hour), 0)) for hour in (first, last))
    if max(first, last) > 12 or min(first, last) == 0:
        return replace(start, half="24"), replace(end, half="24")
    if part is None:
        return _halves(start, end)
    late = part in {"afternoon", "evening"} or (part == "night" and 5 < first < 12)
    goes_on = last % 12 > first % 12
    ends_late = goes_on if late else not goes_on and part != "night"
    return replace(start, half="pm" if late else "am"), replace(end, half="pm" if ends_late else "am")


def _halves(start: Point, end: Point) -> ClockRange:
    if start.clock and start.half is None and end.ends:
        return Point(start.day, start.clock, "pm"), end
    if start.ends and end.clock and end.half is None:
        return start, replace(end, half="am")
    if not (start.clock and end.clock):
        return start, end
    first, last = start.clock[0] % 12 * 60 + start.clock[1], end.clock[0] % 12 * 60 + end.clock[1]
    if start.half is None and end.half == "24":
        return replace(start, half="24" if start.clock < end.clock else "pm"), end
    if start.half is None and end.half in {"am", "pm"}:
        opposite: Half = "am" if end.half == "pm" else "pm"
        return Point(start.day, start.clock, end.half if first < last else opposite), end
    if start.half is None and end.half is None:
        half: Half = "pm" if start.clock[0] % 12 < 7 else "am"
        other = half if first < last else "am" if half == "pm" else "pm"
        return Point(start.day, start.clock, half), Point(end.day, end.clock, other)
    if end.half is None:
        is_late = start.half == "pm" or (start.half == "24" and start.clock[0] >= 12)
        hour = start.clock[0] % 12 + 12 * is_late
        in_morning = (hour < end.clock[0] % 12 and hour < 12) or (hour >= 12 and end.clock[0] % 12 + 12 <= hour)
        return start, Point(end.day, end.clock, "am" if in_morning else "pm")
    return start, end


def half_a_day_on(hours: ClockRange) -> ClockRange:
    """The other halves of the day; a clock of 24 hours has none."""
    other: dict[Half | None, Half | None] = {"am": "pm", "pm": "am"}
    start, end = (replace(said, half=other.get(said.half, said.half)) for said in hours)
    return start, end


def part_range(said: Point) -> ClockRange:
    """The hours of "tomorrow afternoon"."""
    start, end = _PARTS[(said.part or "").rstrip("s")]
    ends = 6 if said.part and said.part.startswith("night") else end % 24
    return Point(said.day, (start, 0), "24", vague=True), Point(None, (ends, 0), "24")


def on_day(hours: ClockRange, dated: Point) -> ClockRange | None:
    """A range of hours on a day: "tonight between 1am and 4am" is tomorrow's."""
    start, end = hours
    if start.day or end.day or dated.clock or dated.day is None:
        return None
    day = dated.day
    if dated.part == "night" and start.clock and (start.half == "am" or (start.half == "24" and start.clock[0] < 12)):
        day += timedelta(days=1)
    return Point(day, start.clock, start.half, start.ends, vague=start.vague), end


def on_days(hours: ClockRange, days: frozenset[str]) -> ClockRange | None:
    """A range of hours on weekdays, where nothing else was said of its day."""
    start, end = hours
    return None if start.day or start.instant or start.days else (replace(start, days=days), end)


def resolve(said: Point, now: datetime, side: Side, day: date | None = None) -> datetime:
    """The instant that is meant, in UK time: the next such clock time where no day was said."""
    if said.instant:
        return said.instant.astimezone(UK)
    zone = _ZONES.get(said.zone, UK)
    on = said.day or day or now.date()
    if said.ends or said.clock == (24, 0):
        return _at(on + timedelta(days=1), 0, 0, zone, side)
    if said.clock is None:
        hour = _PARTS[said.part.rstrip("s")][side == "late"] if said.part else 24 * (side == "late")
        return _at(on + timedelta(days=hour // 24), hour % 24, 0, zone, side)
    hours = _hours(said, has_day=bool(said.day or day))
    points = [_at(on, hour, said.clock[1], zone, side) for hour in hours]
    if said.day or day:
        return points[0]
    points += [_at(on + timedelta(days=1), hour, said.clock[1], zone, side) for hour in hours]
    return min(found for found in points if found > now)


def _hours(said: Point, *, has_day: bool) -> list[int]:
    hour = said.clock[0] if said.clock else 0
    if said.half == "24":
        return [hour]
    if said.half:
        return [hour % 12 + 12 * (said.half == "pm")]
    if has_day:
        return [hour % 12 + 12 if hour % 12 < _FIRST_WORKING_HOUR else hour]
    return [hour % 12, hour % 12 + 12]


def _at(day: date, hour: int, minute: int, zone: tzinfo, side: Side) -> datetime:
    return datetime.combine(day, time(hour, minute), zone).replace(fold=int(side == "late")).astimezone(UK)


def window(hours: ClockRange, now: datetime) -> tuple[datetime, datetime] | None:
    """The first such time that is not over, in UK time; one that is open now counts from when it opened."""
    start, end = hours
    dated = start.day or start.instant
    for ahead in range(-1, 3):
        begin = resolve(start, now, "early", None if dated else now.date() + timedelta(days=ahead))
        finish = resolve(end, now, "late", begin.date())
        if finish <= begin and not end.day:
            finish = resolve(end, now, "late", begin.date() + timedelta(days=1))
        if finish > (begin if dated else now):
            return begin, finish
    return None
