"""Points in time in English: "Friday 6pm", "noon tomorrow", "2026-03-29 14:00", "in 6 hours". UK time, DST included."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from tools.slots import UK

Side: TypeAlias = Literal["earliest", "latest"]
"""Which end of a vague expression is meant: a bare day begins at 00:00 or ends at 24:00, an hour that the clocks
go through twice is its first or second pass. Always the end that binds less."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_WEEKDAY = r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = (
    r"(?P<iso>\d{4}-\d{2}-\d{2})"
    r"|(?P<relative>today|tonight|tomorrow(?:\s+(?:morning|afternoon|evening|night))?)"
    rf"|(?:(?P<next>next|this|coming)\s+)?(?P<weekday>{_WEEKDAY})(?:,?\s+(?:the\s+)?(?P<wday>\d{{1,2}})(?:st|nd|rd|th)?"
    rf"(?:\s+(?:of\s+)?(?P<wmonth>{_MONTH})(?:\s+(?P<wyear>\d{{4}}))?))?"
    rf"|(?P<mday>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})(?:\s+(?P<year>\d{{4}}))?"
    rf"|(?P<amonth>{_MONTH})\s+(?P<amday>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<ayear>\d{{4}}))?"
)
_CLOCK = (
    r"(?P<word>noon|midday|midnight|close\s+of\s+business|cob|end\s+of\s+(?:the\s+)?(?:working\s+)?day|eod)"
    r"|(?P<hour12>1[0-2]|0?[1-9])(?:[:.](?P<minute12>[0-5]\d))?\s*(?P<half>[ap])\.?m\b\.?"
    r"|(?P<hour24>[01]?\d|2[0-3]):(?P<minute24>[0-5]\d)(?::[0-5]\d)?"
    r"|(?P<oclock>1[0-2]|0?[1-9])\s*o'?clock"
)
_ZONE = r"(?:\s*(?P<zone>z|utc|gmt|bst|uk\s+time|local\s+time|london\s+time)\b)?"
_POINT = re.compile(
    rf"(?:\b(?:(?:{_DAY})(?:[T\s,]+|\s+(?:at|by|from)\s+|\s*@\s*)(?:{_CLOCK}){_ZONE}))".replace("(?P<", "(?P<a_")
    + rf"|(?:\b(?:{_CLOCK}){_ZONE}(?:,?\s+(?:on\s+)?(?:{_DAY})\b)?)".replace("(?P<", "(?P<b_")
    + rf"|(?:\b(?:{_DAY})\b)".replace("(?P<", "(?P<c_"),
    re.IGNORECASE,
)
COUNTING = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORDS = {word: number for number, word in enumerate(COUNTING, 1)} | {
    "an": 1,
    "a": 1,
    "half an": 0.5,
    "twenty-four": 24,
    "forty-eight": 48,
}
_SPAN = re.compile(
    r"\b(?P<number>\d+(?:\.\d+)?|half\s+an|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|twenty-four|forty-eight)[\s-]+(?P<unit>minutes?|mins?|hours?|hrs?|days?)\b",
    re.IGNORECASE,
)
_LONGEST_SPAN_MINUTES = 10 * 366 * 24 * 60
_YEARS = range(2000, 2100)
"""What lies outside is a number, not a date."""
_SPAN_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}


@dataclass(frozen=True)
class TimeParts:
    """What an expression says, before it is placed on the calendar."""

    day: date | None
    clock: time | None
    """None: the whole day."""
    is_end_of_day: bool
    zone: str | None


def find_times(text: str, now: datetime, side: Side) -> Iterator[tuple[re.Match[str], datetime]]:
    """Each point in time in a text, aware UTC, as somebody in the UK means it at `now`."""
    for match, parts in find_parts(text, now):
        yield match, _place(parts, now, side)


def find_parts(text: str, now: datetime) -> Iterator[tuple[re.Match[str], TimeParts]]:
    """The same without placing them."""
    for match in _POINT.finditer(text):
        parts = read_parts(match, now)
        if parts is not None:
            yield match, parts


def tells(parts: TimeParts, instant: datetime) -> bool:
    """Whether the expression can mean that instant. UK time where it names no zone."""
    word = (parts.zone or "").lower()
    zone: tzinfo = timezone(timedelta(hours=1)) if word == "bst" else UTC if word in {"z", "utc", "gmt"} else UK
    local = instant.astimezone(zone)
    if parts.is_end_of_day:
        return bool(local.time() == time(0) and (parts.day is None or local.date() == parts.day + timedelta(days=1)))
    at = parts.clock is None or (local.hour, local.minute) == (parts.clock.hour, parts.clock.minute)
    return at and (parts.day is None or local.date() == parts.day)


def find_spans(text: str) -> Iterator[tuple[re.Match[str], timedelta]]:
    """Lengths of time: "6 hours", "half an hour", "two days"."""
    for match in _SPAN.finditer(text):
        word = re.sub(r"\s+", " ", match["number"].lower())
        number = _NUMBER_WORDS[word] if word in _NUMBER_WORDS else float(word)
        minutes = number * _SPAN_MINUTES[match["unit"][0].lower()]
        if minutes <= _LONGEST_SPAN_MINUTES:
            yield match, timedelta(minutes=minutes)


def read_parts(match: re.Match[str], now: datetime) -> TimeParts | None:
    groups = {name[2:]: value for name, value in match.groupdict().items() if value is not None}
    try:
        day = _day(groups, now.astimezone(UK).date())
        clock, is_end = _clock(groups)
    except ValueError:
        return None
    if day is not None and day.year not in _YEARS:
        return None
    return TimeParts(day, clock, is_end, groups.get("zone"))


def _day(groups: dict[str, str], today: date) -> date | None:
    if "iso" in groups:
        return date.fromisoformat(groups["iso"])
    if "relative" in groups:
        return today + timedelta(days=groups["relative"].lower().startswith("tomorrow"))
    number = groups.get("wday") or groups.get("mday") or groups.get("amday")
    month = groups.get("wmonth") or groups.get("month") or groups.get("amonth")
    if number and month:
        year = groups.get("wyear") or groups.get("year") or groups.get("ayear")
        return _calendar_day(int(number), _index(MONTHS, month) + 1, year, today)
    if "weekday" in groups:
        ahead = (_index(WEEKDAYS, groups["weekday"]) - today.weekday()) % 7
        is_next = groups.get("next", "").lower() == "next"
        return today + timedelta(days=ahead + 7 * (is_next and ahead + today.weekday() < 7))
    return None


def _calendar_day(number: int, month: int, year: str | None, today: date) -> date:
    if year:
        return date(int(year), month, number)
    this_year = date(today.year, month, number)
    return this_year if this_year >= today - timedelta(days=30) else date(today.year + 1, month, number)


def _clock(groups: dict[str, str]) -> tuple[time | None, bool]:
    word = re.sub(r"\s+", " ", groups.get("word", "").lower())
    if word in {"noon", "midday"}:
        return time(12), False
    if word == "midnight":
        return None, True
    if word in {"cob", "close of business"} or "working" in word:
        return time(17), False
    if word:
        return None, True
    if "hour12" in groups:
        hour = int(groups["hour12"]) % 12 + 12 * (groups["half"].lower() == "p")
        return time(hour, int(groups.get("minute12", 0))), False
    if "hour24" in groups:
        return time(int(groups["hour24"]), int(groups["minute24"])), False
    if "oclock" in groups:
        return time(int(groups["oclock"]) % 12 + 12 * (int(groups["oclock"]) < 7)), False
    return None, False


def _place(parts: TimeParts, now: datetime, side: Side) -> datetime:
    zone, local = _zone(parts.zone), now.astimezone(UK)
    day = parts.day or local.date()
    if parts.clock is None:
        ends = parts.is_end_of_day or side == "latest"
        return _local(day + timedelta(days=ends), time(0), zone, side)
    point = _local(day, parts.clock, zone, side)
    if parts.day is None and point <= now and side == "latest":
        point = _local(day + timedelta(days=1), parts.clock, zone, side)
    return point


def _zone(name: str | None) -> ZoneInfo | None:
    """None: BST as a fixed offset, which no zone has all year."""
    word = (name or "").lower()
    if word in {"z", "utc", "gmt"}:
        return ZoneInfo("UTC")
    return None if word == "bst" else UK


def _local(day: date, clock: time, zone: ZoneInfo | None, side: Side) -> datetime:
    if zone is None:
        return datetime.combine(day, clock, UTC) - timedelta(hours=1)
    return datetime.combine(day, clock, zone).replace(fold=int(side == "latest")).astimezone(UTC)


def _index(names: tuple[str, ...], word: str) -> int:
    return next(number for number, name in enumerate(names) if name.startswith(word.lower()[:3]))
