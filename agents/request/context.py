"""What a value takes over from those around it: a clock its day, a number its unit, a length where it counts from."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate

from agents.request import times
from agents.request.lexicon import JOINING, group
from agents.request.times import ClockRange, Point
from agents.request.tokens import Tag, tag_at, words

LIMITS = words(
    "INSTANT RANGE RANGEBARE DAYS PLACE SITE GPU MONEY RATE MASS GKWH PCT SPAN NEXTSPAN COUNT VAGUE UNCLEAR ENERGY"
    " GPUS FLOW"
)
"""Values that a constraint may be made of. One that is left over is told."""
_ENDS = frozenset({".", "!", "?", "\n"})
_AMOUNTS = frozenset({"MONEY", "RATE", "MASS", "GKWH", "PCT", "SPAN", "COUNT"})
_OTHER_NUMBERS = frozenset({"ENERGY", "GPUS", "FACT", "FLOW"})
"""After these a bare number may be one of them."""
_NEAR = 4
"""Tags within which a day that is said after a clock is its own."""
_FAR = 12
"""Tags within which a unit that is said apart belongs to a number."""
_SENTENCES = 3
"""Sentences for which a unit is remembered."""
_ALIKE = 8
"""How many times larger or smaller a number may be to be one of the same unit."""
_MOST_PAUSES = 20
_YEARS = range(1800, 2100)
_EVENING, _NOON = 18, 12
_PARTING = LIMITS | {"P", "NEG", "NOR", "OUT", "UNTIL", "AFTER"}
"""Between a day and a clock that are not one instant."""
_BEFORE_A_NUMBER = group("BEFORE_A_NUMBER")
_AFTER_A_NUMBER = group("AFTER_A_NUMBER")
_STANDS_FOR = group("STANDS_FOR")
"""What an instant that was said before is called: "an hour before it"."""
_EARLIER, _LATER = group("EARLIER"), group("LATER")


def in_context(tags: list[Tag], today: date) -> None:
    """Completes the values, in place."""
    sentences = _sentences(tags)
    for i, tag in enumerate(tags):
        if tag.type == "INSTANT" and _is_clock(tag.value) and not tag.value.day:
            _give_day(tags, i, sentences, today)
    for i, tag in enumerate(tags):
        if tag.type == "INSTANT" and tag.value.day and _finishes(tags, i):
            _put_after_start(tags, i, sentences)
        if tag.type == "RANGE":
            _give_range_its_day(tags, i, sentences)
        if tag.type.startswith("RANGE"):
            _share_days(tags, i)
        if tag.type == "SPAN":
            _count_from_clock(tags, i)
    _complete_amounts(tags, sentences)


def _complete_amounts(tags: list[Tag], sentences: Sequence[int]) -> None:
    for i, tag in enumerate(tags):
        if tag.type in {"PCT", "HALF", "HALF_OF"}:
            _share_amount(tags, i)
        if tag.type == "UNIT":
            _give_unit(tags, i, sentences)
    for i, tag in enumerate(tags):
        if tag.type == "NUM" and _is_bare(tags, i):
            _take_unit(tags, i, sentences)


def _sentences(tags: Sequence[Tag]) -> list[int]:
    """The number of each tag's sentence."""
    return list(accumulate((tag.word in _ENDS for tag in tags), initial=0))


def _is_clock(said: Point) -> bool:
    return bool(said.clock) and not said.instant


def _give_day(tags: Sequence[Tag], i: int, sentences: Sequence[int], today: date) -> None:
    """ "The meeting is on Monday at 2; I need it by noon"; of today's clocks only the half is known."""
    clock, at = tags[i], _day_of(tags, i, sentences)
    if at is None:
        return
    said: Point = tags[at].value
    found = times.joined(said if said.is_whole_day else Point(said.day), clock.value)
    if found is None or found.day is None:
        return
    if said.is_whole_day and sentences[at] == sentences[i] and _is_one_phrase(tags, i, at):
        _join(clock, tags[at], tags[min(i, at) + 1 : max(i, at)], found)
        return
    day = found.day + timedelta(days=_days_on(tags, i, at, found))
    clock.value = replace(found, day=None if day == today else day)


def _give_range_its_day(tags: Sequence[Tag], i: int, sentences: Sequence[int]) -> None:
    """ "On Monday the network is down from 10 till 2": the hours are that day's, where no bound or list parts them."""
    before = [at for at in range(i) if sentences[at] == sentences[i] and tags[at].type == "INSTANT"]
    if len(before) != 1 or not tags[before[0]].value.is_whole_day or tags[before[0]].value.part:
        return
    at = before[0]
    between = {tag.type for tag in tags[at + 1 : i]}
    if between & _PARTING or tag_at(tags, at - 1).type in {"BY", "BEFORE", "UNTIL", "AFTER"}:
        return
    dated = times.on_day(tags[i].value, tags[at].value)
    if dated is not None:
        tags[i].value, tags[at].type = dated, "GLUE"


def _share_days(tags: Sequence[Tag], i: int) -> None:
    """ "Mon 8-12 and 14-16", "11:00-13:00 and 17:00-21:00 on weekdays": the days are of both ranges."""
    one, joint, two = tags[i], tag_at(tags, i + 1), tag_at(tags, i + 2)
    if not two.type.startswith("RANGE") or joint.word not in {"and", "or", ",", "&"}:
        return
    for undated, dated in ((one, two), (two, one)):
        said: Point = dated.value[0]
        is_first = dated is one
        days_first = bool(dated.parts) and dated.parts[0].type in {"DAY", "DAYS", "DAYSET"}
        if not _is_free(undated.value[0]) or _is_free(said) or is_first != days_first:
            continue
        hours: ClockRange = undated.value
        undated.value = (
            times.on_days(hours, said.days) if said.days else times.on_day(hours, Point(said.day))
        ) or hours


def _is_free(said: Point) -> bool:
    return not (said.day or said.days or said.instant) and bool(said.clock or said.ends)


def _days_on(tags: Sequence[Tag], i: int, at: int, found: Point) -> int:
    """How many days after the one that was said the clock is, by what the two of them are."""
    said: Point = tags[at].value
    if _over_midnight(said, found) and not any(tag.word in {"that", "same"} for tag in tags[i + 1 : i + 3]):
        return 1
    return -(_starts(tags, i) and _finishes(tags, at) and _clock_of(said) < _clock_of(found))


def _starts(tags: Sequence[Tag], i: int) -> bool:
    """ "Not before 10pm"."""
    negated = any(tag.type in {"NEG", "NOR"} for tag in tags[max(0, i - _NEAR) : i])
    return tag_at(tags, i - 1).type == "BEFORE" and negated


def _put_after_start(tags: Sequence[Tag], i: int, sentences: Sequence[int]) -> None:
    """ "From Tuesday on, and done by Friday": the Friday after it."""
    if not any(part.type == "WEEKDAY" for part in tags[i].parts):
        return
    near = (at for at in range(i - 1, -1, -1) if tags[at].type == "INSTANT" and sentences[i] - sentences[at] <= 1)
    start = next((at for at in near if tag_at(tags, at - 1).type == "AFTER" or _starts(tags, at)), None)
    if start is not None and tags[start].value.day and tags[i].value.day < tags[start].value.day:
        tags[i].value = replace(tags[i].value, day=tags[i].value.day + timedelta(days=7))


def _finishes(tags: Sequence[Tag], i: int) -> bool:
    return tag_at(tags, i - 1).type in {"BY", "BEFORE"} and not _starts(tags, i)


def _clock_of(said: Point) -> tuple[int, int]:
    """Of the day, in hours of 24; the first moment where none was said."""
    hour, minute = said.clock or (0, 0)
    return (hour if said.half == "24" else hour % 12 + 12 * (said.half == "pm")), minute


def _is_one_phrase(tags: Sequence[Tag], i: int, at: int) -> bool:
    between = tags[min(i, at) + 1 : max(i, at)]
    return not any((tag.type in _PARTING and tag.word != "-") or tag.word in JOINING for tag in between)


def _join(clock: Tag, day: Tag, between: Sequence[Tag], found: Point) -> None:
    """ "The 9 o'clock call on Friday": one value, where its relation stands."""
    relation = any(tag.type in {"BY", "BEFORE"} or tag.word == "'s" for tag in between)
    one, other = (day, clock) if day.start < clock.start and not relation else (clock, day)
    one.parts = (*one.parts, replace(other))
    one.value, other.type = found, "GLUE"


def _day_of(tags: Sequence[Tag], i: int, sentences: Sequence[int]) -> int | None:
    """Where the day of a clock is said."""

    def dated(found: Iterator[int]) -> int | None:
        return next((at for at in found if tags[at].type == "INSTANT" and tags[at].value.day), None)

    later, earlier = dated(iter(range(i + 1, len(tags)))), dated(iter(range(i - 1, -1, -1)))
    follows = later is not None and sentences[later] == sentences[i] and tags[later].value.is_whole_day
    follows = follows and not any(tag.type in {"NEG", "NOR"} for tag in tags[i:later])
    if later is not None and follows and (earlier is None or later - i <= _NEAR):
        return later
    if earlier is not None and sentences[i] - sentences[earlier] <= 1:
        return earlier
    return later if follows else None


def _over_midnight(said: Point, found: Point) -> bool:
    """ "From 10pm on Friday, and done by 6am"."""
    if said.clock is None or found.clock is None or found.half not in {"am", "24"}:
        return False
    evening = said.half == "pm" and said.clock[0] % 12 + 12 >= _EVENING
    evening |= said.half == "24" and said.clock[0] >= _EVENING
    return evening and found.clock[0] % 24 < _NOON


def _count_from_clock(tags: Sequence[Tag], i: int) -> None:
    """ "The doors open at 7. An hour before that …"."""
    relation, after = tag_at(tags, i + 1), tag_at(tags, i + 2)
    sign = (relation.word in _LATER) - (relation.word in _EARLIER)
    stands_alone = after.type in {"", "P", "THEN"} or after.word in _STANDS_FOR | JOINING
    base = next((tag.value for tag in reversed(tags[:i]) if tag.type == "INSTANT" and not tag.value.is_whole_day), None)
    if sign and stands_alone and base and (found := times.moved(base, sign * tags[i].value)):
        tags[i].type, tags[i].value, relation.type = "INSTANT", found, "GLUE"


def _is_bare(tags: Sequence[Tag], i: int) -> bool:
    """A number that counts nothing: nothing follows that it could be the number of."""
    before, after = tag_at(tags, i - 1), tag_at(tags, i + 1)
    opens = before.type in {"", *_BEFORE_A_NUMBER} or before.word in _BEFORE_A_NUMBER | JOINING
    ends = after.type in {"", *_AFTER_A_NUMBER} or after.word in _AFTER_A_NUMBER | JOINING
    is_year = tags[i].word.isdigit() and tags[i].value in _YEARS
    return opens and ends and not is_year and not (before.word in {"-", "/", "#"} or after.word in {"-", "/", ":"})


def _give_unit(tags: Sequence[Tag], i: int, sentences: Sequence[int]) -> None:
    """ "Fifteen is my lot. Pounds, that is."; "grams per kWh: 85"."""
    kind, unit = tags[i].value
    if tag_at(tags, i + 1).word == "?":
        return
    leads = tag_at(tags, i + 1).word in {":", "="} or tag_at(tags, i + 1).type in {"LE", "LESS", "GE"}
    ahead = range(i + 1, min(i + _NEAR, len(tags))) if leads else ()
    behind = [at for at in range(i - 1, max(-1, i - _FAR), -1) if sentences[i] - sentences[at] <= 1]
    for at in (*ahead, *behind):
        if tags[at].type in _AMOUNTS:
            return
        if tags[at].type == "NUM" and _is_bare(tags, at):
            _become(tags[at], kind, tags[at].value * unit)
            return


def _take_unit(tags: Sequence[Tag], i: int, sentences: Sequence[int]) -> None:
    """ "£9 would be nice, not above 12"; "pauses: no more than two"."""
    number: float = tags[i].value
    known = _AMOUNTS | _OTHER_NUMBERS | {"PAUSE", "PAUSABLE"}
    source = next((at for at in range(i - 1, -1, -1) if tags[at].type in known), None)
    if source is None or sentences[i] - sentences[source] > _SENTENCES:
        return
    kind = tags[source].type
    said = tags[source].value if kind == "PCT" else _number(tags[source])
    if kind in {"PAUSE", "PAUSABLE"}:
        near = sentences[i] - sentences[source] <= 1
        if near and number == int(number) and 0 <= number <= _MOST_PAUSES:
            _become(tags[i], "COUNT", number)
        return
    if kind in _AMOUNTS and said and number and 1 / _ALIKE <= number / said <= _ALIKE:
        _become(tags[i], kind, tags[source].value * (number / said))


def _share_amount(tags: Sequence[Tag], i: int) -> None:
    """ "Half of that", "two thirds of that": of the amount before. "Half of it green" is a share."""
    tag, then = tags[i], [one.word.removesuffix(" is") for one in tags[i + 1 : i + 3]]
    if tag.type == "HALF_OF" and any(one.type in {"RENEW", "FOSSIL"} for one in tags[i + 1 : i + _FAR]):
        _become(tag, "PCT", 50.0)
        return
    if tag.type == "HALF_OF":
        refers = tag.parts[-1].word.removesuffix(" is") in _STANDS_FOR
    else:
        refers = then == ["of", "that"] or (tag.type == "HALF" and then[:1] == ["that"])
    source = next((one for one in reversed(tags[:i]) if one.type in _AMOUNTS - {"SPAN"}), None)
    if source is None or not refers or any(part.word in {"%", "percent"} for part in tag.parts):
        return
    share = tag.value / 100 if tag.type == "PCT" else 0.5
    tag.parts = (replace(tag), *source.parts)
    tag.type, tag.value = source.type, round(source.value * share, 6)


def _become(tag: Tag, kind: str, value: object) -> None:
    tag.parts = (replace(tag),)
    tag.type, tag.value = kind, value


def _number(tag: Tag) -> float | None:
    """The number that was said of an amount."""
    if tag.type == "NUM":
        return float(tag.value)
    return next((found for part in tag.parts if (found := _number(part)) is not None), None)
