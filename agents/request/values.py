"""The cascade that turns tags into values: numbers first, then amounts, clocks, days, and what they make together."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from agents.request import context, instants, makers, ranges, times
from agents.request.lexicon import JOINING, UNITS, data
from agents.request.tokens import Tag, tag_at

LIMITS = context.LIMITS
"""Values that a constraint may be made of. One that is left over is told."""
_BARE_HOUR_AFTER = frozenset({"BY", "BEFORE", "UNTIL", "AFTER"})
_DAYS = frozenset({"WEEKDAY", "TODAY", "TOMORROW", "TONIGHT"})
_BARE_HOUR_BEFORE = frozenset({"", "P", "GLUE", "LATEST", "NEG", "MUST", "HEDGE", "POSTOK", "POSTOUT"})
_FROM_TO = frozenset({"-", "and", "&", "to", "until", "till", "through"})
_MAKERS = (makers, instants, ranges)
_DATED = frozenset({"ORD", "MONTH", "WEEKDAY", "TODAY", "TOMORROW", "TONIGHT", "ISO"})
_NEXT_YEARS = 2
_LONGEST_LIST = 12
"""Days of which the last one names the month."""
_END = Tag("END", 0, 0)
"""Stands after the last tag, for the patterns that want to know that nothing follows."""
_AMBIGUOUS_MONTHS = frozenset({"mar", "march", "sep", "dec", "jan"})


class _Rule(NamedTuple):
    elements: tuple[tuple[frozenset[str], bool, bool], ...]
    """Alternatives, whether the element may be missing, and whether it has no space before it."""
    opening: frozenset[str]
    """What a match can begin with."""
    kind: str
    make: Callable[[Sequence[Tag], date], object]


def _rule(line: str) -> _Rule:
    pattern, _, made = line.partition(" -> ")
    kind, name, *numbers = made.replace(":", "").split()
    given = [int(text) if text.removeprefix("-").isdigit() else float(text) for text in numbers]
    elements = tuple(
        (frozenset(element.rstrip("?~").split("|")), element.endswith("?"), element.endswith("~"))
        for element in pattern.split()
    )
    first = next(at for at, (_, optional, _) in enumerate(elements) if not optional)
    opening = frozenset().union(*(alternatives for alternatives, _, _ in elements[: first + 1]))
    make = getattr(next(module for module in _MAKERS if hasattr(module, name)), name)
    return _Rule(elements, opening, kind, lambda tags, today: make(tags, today, *given))


_CASCADE = tuple(_rule(line) for line in data("values.txt").splitlines() if not line.startswith("#"))


def valued(tags: list[Tag], today: date) -> list[Tag]:
    """The tags with every value put together, in place and in one list."""
    _written_clocks(tags, today.year)
    tags.append(_END)
    present = _present(tags)
    for rule in _CASCADE:
        for _ in range(_LONGEST_LIST if rule.kind.endswith("<<") else 1):
            if present.isdisjoint(rule.opening) or not _rewrite(tags, rule, today):
                break
            present = _present(tags)
    tags.pop()
    for i, tag in enumerate(tags):
        _bare_hour(tags, i, tag)
    _numbered(tags)
    for tag, after in pairwise([*tags, Tag("P", 0, 0)]):
        if tag.word in {"from", "within"} and after.type in {"PLACE", "SITE"}:
            tag.type = "IN"
        if tag.word == "about" and after.type in LIMITS - {"PLACE", "SITE"}:
            tag.type = "GLUE"
        _settle(tag)
    context.in_context(tags, today)
    return tags


def _present(tags: Sequence[Tag]) -> set[str]:
    return {tag.type for tag in tags} | {tag.word for tag in tags}


def _rewrite(tags: list[Tag], rule: _Rule, today: date) -> bool:
    """Whether anything was put together."""
    i, before = 0, len(tags)
    found: list[Tag] = []
    changed = False
    while i < before:
        ends = _matches(tags, i, rule) if _fits(tags[i], rule.opening) else ()
        made = ((end, value) for end in ends if (value := _made(rule, tags[i:end], today)) is not None)
        end, value = next(made, (i + 1, None))
        if value is None:
            found.append(tags[i])
        else:
            found += _replacement(rule.kind, tags[i:end], value)
            changed = True
        i = end
    tags[:] = found
    return changed


def _made(rule: _Rule, group: Sequence[Tag], today: date) -> object:
    try:
        return rule.make(group, today)
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
    if kind.endswith("<<"):
        return [tag(kind[:-2], group[:-2]), *group[-2:]]
    if kind.endswith("<"):
        return [tag(kind[:-1], group[:-1]), group[-1]]
    if kind.startswith("&"):
        return [*(known for known in group if known.type in {"ONLY", "LE"}), tag(kind[1:], group)]
    if kind.startswith("+"):
        return [group[0], tag(kind[1:], group[1:])]
    return [tag(kind, group)]


def _fits(tag: Tag, alternatives: frozenset[str]) -> bool:
    return tag.type in alternatives or (tag.word in alternatives and tag.type not in LIMITS)


def _matches(tags: Sequence[Tag], i: int, rule: _Rule, at: int = 0) -> Iterator[int]:
    """Where matches of the elements from `at` on end; the one with most of the optional ones first."""
    if at == len(rule.elements):
        yield i
        return
    alternatives, optional, glued = rule.elements[at]
    if i < len(tags) and _fits(tags[i], alternatives) and (tags[i].glued or not glued):
        yield from _matches(tags, i + 1, rule, at + 1)
    if optional:
        yield from _matches(tags, i, rule, at + 1)


def _written_clocks(tags: list[Tag], year: int) -> None:
    """0900, 17.30, 6.30pm: clocks by what stands beside them."""
    for i, tag in enumerate(tags):
        if tag.type != "NUM" or not tag.word[:1].isdigit():
            continue
        before, after = tag_at(tags, i - 1), tag_at(tags, i + 1)
        hour, _, minute = tag.word.partition(".")
        pairs = _pairs(tags, i)
        timely = pairs or _timely(tag_at(tags, i - 2), before, after)
        if len(minute) == 2 and hour.isdigit() and int(hour) < 24 and int(minute) < 60:
            half = after.word in {"a", "p"} and (after.glued or tag_at(tags, i + 2).word == ".")
            limited = before.type in {"LE", "LESS", "MORE"} or before.word in {"£", "$", "€"}
            timely = pairs or (timely and before.type != "") or _in_part(tags, i)
            if half or after.type == "MER" or (timely and not limited):
                tag.type, tag.value = "HHMM", f"{hour}:{minute}"
        elif _is_military(tag.word):
            dated = before.type in _DATED or tag_at(tags, i - 2).word == "/"
            late = timely and (hour[0] in "01" or hour >= "2100")
            late |= dated and not year <= int(hour) <= year + _NEXT_YEARS
            if pairs or late or hour[0] == "0" or after.word in {"hours", "hrs", "h"}:
                tag.type, tag.value = "HHMM", f"{hour[:2]}:{hour[2:]}"


def _pairs(tags: Sequence[Tag], i: int) -> bool:
    """ "1600-2000", "20.00 to midnight"; "1990 to 2000" are years."""
    to_named = tag_at(tags, i + 1).word in _FROM_TO and tag_at(tags, i + 2).type in {"NOON", "MIDNIGHT"}
    if to_named and _is_dotted(tags[i].word):
        return True
    for first, last in ((i, i + 2), (i - 2, i)):
        if first < 0 or last >= len(tags) or tags[first + 1].word not in _FROM_TO:
            continue
        ends = [tags[at].value.replace(":", "") if tags[at].type == "HHMM" else tags[at].word for at in (first, last)]
        if all(map(_is_dotted, ends)) and tag_at(tags, last + 1).word not in UNITS | {"/", "p", "£"}:
            return tag_at(tags, first - 1).word != "£"
        years = all(end[:2] in {"19", "20"} for end in ends) and not all(end.endswith("00") for end in ends)
        if all(map(_is_military, ends)) and not years:
            return True
    return False


def _is_dotted(word: str) -> bool:
    """ "8.30"."""
    hour, _, minute = word.partition(".")
    return hour.isdigit() and len(minute) == 2 and 0 < int(hour) < 24 and minute in {"00", "15", "30", "45"}


def _is_military(word: str) -> bool:
    """ "0900"."""
    return len(word) == 4 and word.isdigit() and int(word[:2]) < 24 and int(word[2:]) in {*range(0, 60, 5), 59}


def _timely(earlier: Tag, before: Tag, after: Tag) -> bool:
    if before.word == "," and earlier.type in {"MONTH", "ORD", *_DAYS}:
        return after.type in {"P", ""}
    if after.type in _DAYS and before.type in {"FINISH", "START", "P", ""}:
        return True
    if before.type not in _BARE_HOUR_AFTER | _DAYS and before.word not in {"at", "between", "and", "to", "-", "is"}:
        return False
    goes_on = after.type in {"W", "MONTH"} or after.word in {"%", "/", "kg"}
    return not goes_on or after.word in JOINING | {"hours"}


def _in_part(tags: Sequence[Tag], i: int) -> bool:
    """ "7.15 this evening", "8.30 to 10.30 in the morning"."""
    for tag in tags[i + 1 : i + 7]:
        if tag.type in {"PART", "TONIGHT", "TOMORROW"}:
            return True
        if tag.type not in {"IN", "THIS", "AT", "GLUE", "UNTIL", "NUM", "HHMM"} and tag.word not in _FROM_TO:
            return False
    return False


def _bare_hour(tags: list[Tag], i: int, tag: Tag) -> None:
    """ "By 6", "no later than 8": a bare hour where only a time can stand."""
    before, after, earlier = tag_at(tags, i - 1), tag_at(tags, i + 1), tag_at(tags, i - 2)
    if tag.type != "NUM" or not (0 < tag.value < 13 and tag.value == int(tag.value)):
        return
    if (
        not (before.type in _BARE_HOUR_AFTER or before.word == "past")
        or before.word == "longer than"
        or (before.word == "from" and earlier.type != "DAY")
    ):
        return
    if after.word in JOINING | {"is"} or (after.type in _BARE_HOUR_BEFORE and after.word not in {"%", "-", "/"}):
        tag.type, tag.value = "INSTANT", times.whole_hour(tag)
        if earlier.type == "DAY" and (dated := times.joined(earlier.value, tag.value)):
            tag.value, earlier.type = dated, "GLUE"


def _numbered(tags: Sequence[Tag]) -> None:
    """ "1) … 2) …": a bracket that was never opened."""
    opened = 0
    for tag, after in pairwise(tags):
        opened = max(0, opened + (tag.word == "(") - (tag.word == ")"))
        if tag.type == "NUM" and after.word == ")" and after.glued and not opened:
            tag.type = after.type = "BULLET"


def _settle(tag: Tag) -> None:
    if tag.type in {"DAY", "RANGEWORD"}:
        tag.type = "INSTANT" if tag.type == "DAY" else "RANGE"
    elif tag.type in {"THIS", "NEXT"}:
        tag.type = "GLUE"
    elif tag.type == "MONTH" and tag.word not in _AMBIGUOUS_MONTHS:
        tag.type = "VAGUE"
