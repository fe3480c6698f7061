"""The cascade that turns tags into values: numbers first, then amounts, clocks, days, and what they make together."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from agents.constraints import WEEKDAYS
from agents.request import times
from agents.request.amounts import AMOUNTS, NUMBERS, SPANS, Make, Rule
from agents.request.lexicon import JOINING
from agents.request.times import ClockRange, Point
from agents.request.tokens import Tag, words

LIMITS = words(
    "INSTANT RANGE DAYS PLACE SITE GPU MONEY RATE MASS GKWH PCT SPAN NEXTSPAN COUNT VAGUE UNCLEAR ENERGY GPUS FLOW"
)
"""Values that a constraint may be made of. One that is left over is told."""
AMOUNT_TYPES = frozenset({"MONEY", "RATE", "MASS", "GKWH"})
_BARE_HOUR_AFTER = frozenset({"BY", "BEFORE", "UNTIL", "AFTER"})
_BARE_HOUR_BEFORE = frozenset({"P", "GLUE", "LATEST", "NEG", "MUST", "HEDGE"})
_AMBIGUOUS_MONTHS = frozenset({"mar", "march", "sep", "dec", "jan"})


def _weekdays(tag: Tag) -> frozenset[str]:
    if tag.type == "DAYSET":
        word = tag.word
        if "weekend" in word:
            return frozenset({"sat", "sun"})
        return frozenset(WEEKDAYS[:5] if word[:4] in {"week", "work", "busi"} else {word[:3]})
    if tag.type == "DAY":
        return frozenset({WEEKDAYS[tag.value.day.weekday()]})
    return frozenset(tag.value)


def _day_span(first: Tag, last: Tag) -> frozenset[str] | None:
    """ "Monday to Friday"; dates are a range instead."""
    one, other = _weekdays(first), _weekdays(last)
    if (
        len(one) != 1
        or len(other) != 1
        or any(tag.type == "DAY" and tag.parts[0].type != "WEEKDAY" for tag in (first, last))
    ):
        return None
    start, end = (WEEKDAYS.index(next(iter(days))) for days in (one, other))
    return frozenset(WEEKDAYS[(start + ahead) % 7] for ahead in range((end - start) % 7 + 1))


def _month_first(g: Sequence[Tag], today: date) -> Point | None:
    return _calendar(g, next(tag for tag in g if tag.type == "MONTH"), today)


def _day_first(g: Sequence[Tag], today: date) -> Point | None:
    return _calendar(g, next(tag for tag in reversed(g) if tag.type == "MONTH" or tag.word == "may"), today)


def _calendar(g: Sequence[Tag], month: Tag, today: date) -> Point | None:
    numbers = [tag for tag in g if tag.type in {"NUM", "ORD"}]
    year = numbers[1].value if len(numbers) > 1 else None
    return times.calendar_day(numbers[0].value, times.month(month.word), year, today)


def _slashed(g: Sequence[Tag], today: date) -> Point | None:
    year = None if len(g) == 3 else g[4].value + 2000 * (g[4].value < 100)
    return times.calendar_day(g[0].value, int(g[2].value), year, today) if 0 < g[2].value < 13 else None


def _coming(g: Sequence[Tag], today: date) -> Point:
    day = next(tag for tag in g if tag.type == "WEEKDAY")
    part = g[-1].word if g[-1].type == "PART" else None
    return Point(times.weekday(day.word, today, g[0].word), part=part)


def _dated_weekday(g: Sequence[Tag], today: date) -> Point | None:
    last = g[-1]
    return last.value if last.type == "DAY" else times.day_of_month(last.value, today)


def _past_hour(sign: int) -> Make:
    def make(g: Sequence[Tag], _: date) -> Point | None:
        amount, hour = g[-3], times.point(g[-1])
        if amount.type == "NUM" and amount.value % 5:
            return None
        return times.shifted(hour, 15 if amount.type == "QUARTER" else amount.value, sign)

    return make


def _ends(g: Sequence[Tag], _: date) -> Point:
    return Point(g[-1].value.day, ends=True)


def _same_day(ahead: int, part: bool = False) -> Make:
    return lambda g, today: Point(today + timedelta(days=ahead), part=g[-1].word if part else None, vague=True)


def _around(first: int, last: int) -> Make:
    return lambda g, _: times.clock_range(g[first], g[last])


def _range_of(g: Sequence[Tag]) -> ClockRange:
    value: ClockRange = next(tag.value for tag in g if tag.type.startswith("RANGE"))
    return value


def _dated(g: Sequence[Tag], _: date) -> ClockRange | None:
    return times.on_day(_range_of(g), next(tag.value for tag in g if tag.type == "DAY"))


def _regions(g: Sequence[Tag], _: date) -> frozenset[int] | None:
    ids = [int(tag.value) for tag in g if tag.type == "NUM"]
    return frozenset(ids) if g[0].word.startswith("region") and all(0 < i < 15 for i in ids) else None


def _fixed(hours: tuple[int, int], *, vague: bool = False) -> Make:
    start, end = hours
    return lambda _g, _day: (Point(clock=(start, 0), half="24", vague=vague), Point(clock=(end, 0), half="24"))


def _idiom_or_range(*, idiom: bool) -> Make:
    """ "By 10 to 8pm" is a clock; "5 to 8pm" in digits is a range."""

    def make(g: Sequence[Tag], _: date) -> Point | ClockRange | None:
        first, last = (tag for tag in g if tag.type == "NUM")
        half = next((_half_day(tag) for tag in g if tag.type == "MER"), None)
        part = g[-1].word if g[-1].type == "PART" else None
        if not (first.word[:1].isdigit() and last.word[:1].isdigit() and 0 < last.value < 13):
            return None
        end = times.clock(last.value, 0, half)
        if end is not None and part:
            end = times.in_part(end, part)
        if idiom:
            return times.shifted(end, first.value, -1) if g[0].word not in {"from", "since"} else None
        said = Tag("INSTANT", last.start, last.end, "", end)
        return times.clock_range(first, said) if 0 < first.value < 13 else None

    return make


def _digits_from(g: Sequence[Tag], _: date) -> bool | None:
    """ "From 5 to 8" may be either half of the day."""
    numbers = [tag for tag in g if tag.type == "NUM"]
    hours = all(tag.word[:1].isdigit() and 0 < tag.value < 13 for tag in numbers)
    return True if hours and times.clock_range(numbers[0], numbers[1]) is None else None


_COMPASS = "north|south|east|west|northeast|northwest|southeast|southwest|northwards|southwards"


def _is_relative(g: Sequence[Tag], _: date) -> bool | None:
    """ "North of Leeds", "south of the M4"."""
    return True if g[-1].type == "PLACE" or g[-1].is_capital else None


def _is_beside(g: Sequence[Tag], _: date) -> object:
    return g[-1].value if g[0].word in {"near", "anywhere near", "close to"} else None


def _is_outside(g: Sequence[Tag], _: date) -> bool | None:
    """ "North west of London"; "the north of England" is a part of it."""
    compass = g[0].word.startswith(("north", "south", "east", "west", "the north", "the south", "the east", "the west"))
    return True if compass and not g[0].value <= g[2].value else None


_CLOCKS: tuple[Rule, ...] = (
    ("BY|BEFORE|UNTIL|AFTER|at NUM to NUM MER", "+INSTANT", _idiom_or_range(idiom=True)),
    ("BY|BEFORE|UNTIL|AFTER|at NUM to NUM IN|in the PART", "+INSTANT", _idiom_or_range(idiom=True)),
    ("from|between|starting? NUM to|UNTIL NUM MER", "RANGE", _idiom_or_range(idiom=False)),
    ("from|between|starting? NUM to|UNTIL NUM IN|in the PART", "RANGE", _idiom_or_range(idiom=False)),
    ("from|between NUM to NUM", "UNCLEAR", _digits_from),
    ("HHMM MER", "INSTANT", lambda g, _: times.digital(g[0], _half_day(g[1]))),
    ("DEC MER", "INSTANT", lambda g, _: times.clock(g[0].value[0], g[0].value[1], _half_day(g[1]))),
    ("NUM MER", "INSTANT", lambda g, _: times.clock(g[0].value, 0, _half_day(g[1])) if 0 < g[0].value < 13 else None),
    ("NUM OCLOCK", "INSTANT", lambda g, _: times.whole_hour(g[0])),
    ("HHMM hours|hrs|h|hour?", "INSTANT", lambda g, _: times.digital(g[0])),
    ("12? NOON", "INSTANT", lambda _g, _: Point(clock=(12, 0), half="24")),
    ("12? MIDNIGHT", "INSTANT", lambda _g, _: Point(ends=True)),
    ("HALF past|MORE|PAST NUM", "INSTANT", lambda g, _: times.clock(g[2].value, 30) if 0 < g[2].value < 13 else None),
    ("HALF NUM", "INSTANT", lambda g, _: times.clock(g[1].value, 30) if 0 < g[1].value < 13 else None),
    ("a? QUARTER|NUM past|MORE NUM|INSTANT", "INSTANT", _past_hour(1)),
    ("a? QUARTER|NUM to NUM|INSTANT", "INSTANT", _past_hour(-1)),
    ("ISO", "INSTANT", lambda g, _: times.iso(g[0].value)),
    ("COB", "INSTANT", lambda _g, _: Point(clock=(17, 0), half="24")),
    ("SOB", "INSTANT", lambda _g, _: Point(clock=(9, 0), half="24")),
)
_DAYS: tuple[Rule, ...] = (
    ("OVERMORROW", "DAY", _same_day(2)),
    ("TOMORROW 's? PART", "DAY", _same_day(1, part=True)),
    ("TOMORROW", "DAY", _same_day(1)),
    ("TODAY", "DAY", _same_day(0)),
    ("TONIGHT", "DAY", lambda _g, today: Point(today, part="night", vague=True)),
    ("this|THIS PART", "DAY", _same_day(0, part=True)),
    ("the? NUM|ORD st? of? MONTH|may ,? NUM?", "DAY", _day_first),
    ("MONTH the? NUM|ORD ,? NUM?", "DAY", _month_first),
    ("NUM / NUM / NUM", "DAY", _slashed),
    ("NUM / NUM", "DAY", _slashed),
    ("NEXT|THIS|this WEEKDAY PART?", "DAY", _coming),
    ("WEEKDAY ,? the? ORD|DAY", "DAY", _dated_weekday),
    ("WEEKDAY PART?", "DAY", _coming),
    ("the ORD", "DAY", lambda g, today: times.day_of_month(g[1].value, today)),
    ("EOD AT? DAY", "INSTANT", _ends),
    ("end AT? DAY", "INSTANT", _ends),
    ("EOD", "INSTANT", lambda _g, _: Point(ends=True)),
)
_DATED_CLOCKS: tuple[Rule, ...] = (
    ("DAY 's W|FINISH|OTHER|RUN AT INSTANT", "INSTANT", lambda g, _: times.joined(g[0].value, g[-1].value)),
    ("INSTANT|NUM IN|in the PART", "INSTANT", lambda g, _: times.in_part(_timed(g[0]), g[-1].word)),
    ("INSTANT|NUM at night", "INSTANT", lambda g, _: times.in_part(_timed(g[0]), "night")),
    (
        "INSTANT|NUM NIGHTWIN",
        "INSTANT",
        lambda g, _: times.in_part(_timed(g[0]), "night") if g[1].word == "at night" else None,
    ),
    ("INSTANT ZONE", "INSTANT", lambda g, _: times.in_zone(g[0].value, g[1].word)),
    ("NUM DAY", "INSTANT", lambda g, _: times.joined(times.whole_hour(g[0]), g[1].value) if g[0].value < 13 else None),
    ("INSTANT ,? AT|IN|BY? DAY", "INSTANT", lambda g, _: times.joined(g[0].value, g[-1].value)),
    ("DAY ,? AT|BY|BEFORE|AFTER INSTANT", "INSTANT+", lambda g, _: times.joined(g[0].value, g[-1].value)),
    ("DAY ,|(|t? INSTANT", "INSTANT", lambda g, _: times.joined(g[0].value, g[-1].value)),
    (
        "DAY AT NUM",
        "INSTANT",
        lambda g, _: times.joined(g[0].value, times.whole_hour(g[2])) if g[1].word in {"at", "@"} else None,
    ),
    ("at NUM", "INSTANT", lambda g, _: times.whole_hour(g[1])),
    ("INSTANT ZONE", "INSTANT", lambda g, _: times.in_zone(g[0].value, g[1].word)),
)
_RANGES: tuple[Rule, ...] = (
    ("last WEEKDAY|PART|DAY|INSTANT", "PAST", lambda _g, _: True),
    ("between the? hours? of? INSTANT|DAY|NUM and|- INSTANT|DAY|NUM", "RANGE", _around(-3, -1)),
    ("OUT|ONLY|NEG NUM -|to NUM", "+RANGE", _around(1, 3)),
    ("from|between|starting INSTANT|DAY|NUM to|UNTIL|-|BY INSTANT|DAY|NUM", "RANGE", _around(1, 3)),
    ("between|AFTER NOWT and|to|UNTIL|IN INSTANT", "BY+", lambda g, _: g[-1].value),
    ("INSTANT|DAY|NUM -|to INSTANT", "RANGE", _around(0, 2)),
    ("OFFICE", "RANGE", _fixed((9, 17))),
    ("DAY|DAYSET -|to|UNTIL|through DAY|DAYSET", "DAYS", lambda g, _: _day_span(g[0], g[2])),
    ("DAY -|to|UNTIL DAY", "RANGE", _around(0, 2)),
    ("DAYSET but|OUT on? DAYSET|DAY", "DAYS", lambda g, _: _weekdays(g[0]) - _weekdays(g[-1]) or None),
    ("DAYSET and|or|, DAYSET|DAY", "DAYS", lambda g, _: _weekdays(g[0]) | _weekdays(g[2])),
    ("DAYSET", "DAYS", lambda g, _: _weekdays(g[0])),
    ("DAYS and|or|, DAYS", "DAYS", lambda g, _: _weekdays(g[0]) | _weekdays(g[2])),
    ("NIGHTWIN", "RANGE?", _fixed((22, 6), vague=True)),
    ("in|during the? PART", "RANGE?", lambda g, _: times.part_range(Point(part=g[-1].word))),
    (
        "PART|VAGUE|RANGE? (|,|:|- GLUE|say|namely|meaning|roughly|OTHER? RANGE )?",
        "RANGE",
        lambda g, _: _range_of(g[1:]) if g[1].word != "(" or g[-1].word == ")" else None,
    ),
    ("RANGE VAGUE|SITEWORD", "RANGE", lambda g, _: g[0].value if g[1].type == "VAGUE" else None),
    ("DAYSET|DAYS PART", "VAGUE", lambda _g, _: True),
    ("( NUM|a|b|c|d )", "BULLET", lambda _g, _: True),
    ("PLACE of PLACE", "UNCLEAR", _is_outside),
    (f"{_COMPASS} of|than the? PLACE|W", "UNCLEAR", _is_relative),
    ("NUM -? miles|mile|km|kilometres|kilometers|mi AT|AFTER|OUT|IN the? PLACE|W", "UNCLEAR", _is_relative),
    ("radius|vicinity|reach|distance of the? PLACE", "UNCLEAR", _is_relative),
    ("IN PLACE", "UNCLEAR", _is_beside),
    ("between PLACE and PLACE", "UNCLEAR", _is_relative),
    ("PLACE of PLACE", "PLACE", lambda g, _: g[0].value & g[2].value or None),
    ("RANGE ( RANGE )", "RANGE", lambda g, _: g[2].value),
    ("DAY ,|AT|(? RANGE )?", "RANGE", _dated),
    ("RANGE ,|AT|IN? DAY", "RANGE", _dated),
    ("RANGE? AT? DAY", "RANGE?", _dated),
    ("DAY RANGE?", "RANGE?", _dated),
    ("region|SITEWORD NUM and|or|,|& NUM", "PLACE", _regions),
    ("region|SITEWORD NUM", "PLACE", _regions),
)


def _half_day(tag: Tag) -> times.Half:
    return "am" if tag.word.startswith("a") else "pm"


def _timed(tag: Tag) -> Point:
    return times.point(tag) or Point()


class _Step(NamedTuple):
    elements: tuple[tuple[frozenset[str], bool], ...]
    """Alternatives, and whether the element may be missing."""
    opening: frozenset[str]
    """What a match can begin with."""
    kind: str
    make: Make


def _compiled(rule: Rule) -> _Step:
    pattern, kind, make = rule
    elements = []
    for element in pattern.split():
        optional = element.endswith("?") and element != "RANGE?" and not element.endswith("|RANGE?")
        elements.append((frozenset(element.removesuffix("?").split("|") if optional else element.split("|")), optional))
    first = next(number for number, (_, optional) in enumerate(elements) if not optional)
    opening = frozenset().union(*(alternatives for alternatives, _ in elements[: first + 1]))
    return _Step(tuple(elements), opening, kind, make)


_CASCADE = tuple(map(_compiled, (*NUMBERS, *AMOUNTS, *SPANS, *_CLOCKS, *_DAYS, *_DATED_CLOCKS, *_RANGES)))


def valued(tags: list[Tag], today: date) -> list[Tag]:
    """The tags with every value put together, in place and in one list."""
    _written_clocks(tags)
    present = _present(tags)
    for step in _CASCADE:
        if not present.isdisjoint(step.opening) and _rewrite(tags, step, today):
            present = _present(tags)
    for i, tag in enumerate(tags):
        _bare_hour(tags, i, tag)
    for tag in tags:
        _settle(tag)
    return tags


def _present(tags: Sequence[Tag]) -> set[str]:
    return {tag.type for tag in tags} | {tag.word for tag in tags}


def _rewrite(tags: list[Tag], step: _Step, today: date) -> bool:
    """Whether anything was put together."""
    i, before = 0, len(tags)
    found: list[Tag] = []
    changed = False
    while i < before:
        end = _match(tags, i, step.elements, 0) if _fits(tags[i], step.opening) else None
        value = None if end is None else _made(step, tags[i:end], today)
        if end is None or value is None:
            found.append(tags[i])
            i += 1
        else:
            found += _replacement(step.kind, tags[i:end], value)
            i, changed = end, True
    tags[:] = found
    return changed


def _made(step: _Step, group: Sequence[Tag], today: date) -> object:
    try:
        return step.make(group, today)
    except (IndexError, ValueError, KeyError, AttributeError, TypeError, OverflowError):
        return None


def _replacement(kind: str, group: Sequence[Tag], value: object) -> list[Tag]:
    def tag(kind: str, part: Sequence[Tag]) -> Tag:
        word = str(value) if kind == "MER" else ""
        return Tag(kind, part[0].start, part[-1].end, word, value, tuple(part), glued=part[0].glued)

    if kind == "INSTANT+":
        keeps = group[-2].type in {"BY", "BEFORE", "AFTER"}
        return [*([group[-2]] if keeps else []), tag("INSTANT", group)]
    if kind == "BY+":
        return [Tag("BY", group[0].start, group[2].end, "by"), tag("INSTANT", group[3:])]
    if kind.startswith("+"):
        return [group[0], tag(kind[1:], group[1:])]
    return [tag(kind, group)]


def _fits(tag: Tag, alternatives: frozenset[str]) -> bool:
    return tag.type in alternatives or (tag.word in alternatives and tag.type not in LIMITS)


def _match(tags: Sequence[Tag], i: int, elements: tuple[tuple[frozenset[str], bool], ...], at: int) -> int | None:
    """Where a match of the elements from `at` on ends; greedy, with the optional ones given back."""
    if at == len(elements):
        return i
    alternatives, optional = elements[at]
    if i < len(tags) and _fits(tags[i], alternatives):
        end = _match(tags, i + 1, elements, at + 1)
        if end is not None:
            return end
    return _match(tags, i, elements, at + 1) if optional else None


def _written_clocks(tags: list[Tag]) -> None:
    """0900, 17.30, 6.30pm: clocks by what stands beside them."""
    for i, tag in enumerate(tags):
        if tag.type != "NUM" or not tag.word[:1].isdigit():
            continue
        before = tags[i - 1] if i else None
        after = tags[i + 1] if i + 1 < len(tags) else None
        hour, _, minute = tag.word.partition(".")
        timely = _timely(before, after)
        if len(minute) == 2 and hour.isdigit() and int(hour) < 24 and int(minute) < 60:
            half = after is not None and (after.type == "MER" or (after.word in {"a", "p"} and after.glued))
            if half or (timely and before is not None and before.type not in {"LE", "LESS", "MORE"}):
                tag.type, tag.value = "HHMM", f"{hour}:{minute}"
        elif _is_military(tag.word) and (
            (after is not None and after.word in {"hours", "hrs", "h"}) or (timely and hour[0] in "01")
        ):
            tag.type, tag.value = "HHMM", f"{hour[:2]}:{hour[2:]}"


def _is_military(word: str) -> bool:
    """ "0900"."""
    return len(word) == 4 and word.isdigit() and int(word[:2]) < 24 and int(word[2:]) in range(0, 60, 5)


def _timely(before: Tag | None, after: Tag | None) -> bool:
    if before is None:
        return False
    if before.type not in {"BY", "BEFORE", "UNTIL", "AFTER"} and before.word not in {
        "at",
        "between",
        "and",
        "to",
        "-",
        "is",
    }:
        return False
    if after is None or after.word in JOINING | {"hours"}:
        return True
    return after.type not in {"W", "MONTH"} and after.word not in {"%", "/", "kg"}


def _bare_hour(tags: list[Tag], i: int, tag: Tag) -> None:
    """ "By 6", "no later than 8": a bare hour where only a time can stand."""
    before = tags[i - 1] if i else None
    if tag.type != "NUM" or before is None or not (0 < tag.value < 13 and tag.value == int(tag.value)):
        return
    if before.type not in _BARE_HOUR_AFTER or before.word in {"from", "longer than"}:
        return
    after = tags[i + 1] if i + 1 < len(tags) else None
    day = tags[i + 2] if i + 2 < len(tags) and after is not None and after.type == "AT" else None
    if day is not None and day.type == "DAY":
        dated = times.joined(times.whole_hour(tag), day.value)
        if dated and after is not None:
            tag.type, tag.value, tag.end = "INSTANT", dated, day.end
            after.type = day.type = "GLUE"
        return
    if after is None or after.word in JOINING or (after.type in _BARE_HOUR_BEFORE and after.word not in "%-/"):
        tag.type, tag.value = "INSTANT", times.whole_hour(tag)
        earlier = tags[i - 2] if i > 1 else None
        if earlier is not None and earlier.type == "DAY" and (dated := times.joined(earlier.value, tag.value)):
            tag.value, earlier.type = dated, "GLUE"


def _settle(tag: Tag) -> None:
    if tag.type in {"DAY", "RANGE?"}:
        tag.type = "INSTANT" if tag.type == "DAY" else "RANGE"
    elif tag.type in {"THIS", "NEXT"}:
        tag.type = "GLUE"
    elif tag.type == "MONTH" and tag.word not in _AMBIGUOUS_MONTHS:
        tag.type = "VAGUE"
