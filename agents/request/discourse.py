"""What a text takes back, says in another's words, on a condition, in brackets, or twice and differently: no demand.

Beside `doubt.py`, which weighs each clause by itself.
"""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import combinations, pairwise
from typing import Any

from agents import constraints as kinds
from agents.constraints import Constraint
from agents.request.clause import read_clause
from agents.request.doubt import LOOSE, doubt, family, governs, is_doubtful, is_of_another, reports, vocabulary
from agents.request.scope import Found, Scope
from agents.request.tokens import Tag
from agents.request.values import LIMITS
from tools.slots import UK

_OPENING, _CLOSING = "\"“«‘'", "\"”»’'"


def marked(tokens: list[Tag]) -> list[Tag]:
    """The tokens with each phrase that takes something back as one dash, whose value is the phrase's group."""
    found: list[Tag] = []
    i = 0
    while i < len(tokens):
        group, size = _retraction(tokens, i)
        if size:
            part = tokens[i : i + size]
            found.append(Tag("P", part[0].start, part[-1].end, "-", group))
        else:
            found.append(tokens[i])
        i += size or 1
    return found


def _retraction(tokens: Sequence[Tag], i: int) -> tuple[str, int]:
    opens = i == 0 or tokens[i - 1].type == "P"
    for size in range(min(5, len(tokens) - i), 0, -1):
        phrase = " ".join(token.word for token in tokens[i : i + size])
        if phrase in vocabulary()["RETRACTED"]:
            return "RETRACTED", size
        cut = i + size < len(tokens) and tokens[i + size].type == "P"
        if opens and (phrase in vocabulary()["PERHAPS"] or (cut and phrase in vocabulary()["PERHAPS_CUT"])):
            return "PERHAPS", size
    return "", 0


def weigh(scopes: Sequence[Scope], marks: Sequence[Tag], text: str) -> None:
    """Take out of the clauses what is in doubt, and tell it."""
    _weigh_each(scopes, text)
    _weigh_sentences(scopes)
    for before, scope in pairwise(scopes):
        if any(tag.word == "per" for tag in scope.tags[:3]):
            doubt(before)  # "at most 25p; that is per kWh"
        if before.clause.sentence == scope.clause.sentence:
            _condition(before, scope)
            _condition(scope, before)
    for mark in marks:
        _take_back(scopes, mark)
    _drop_permissions(scopes)
    _drop_asides(scopes, text)
    _tell_contradictions(scopes)
    _tell_the_unread(scopes)


def _weigh_each(scopes: Sequence[Scope], text: str) -> None:
    quotes = list(_quoted(text))
    reported, end = False, 0
    for scope in scopes:
        goes_on = scope.context.before is not None or ":" in text[end : scope.tags[0].start]
        reported, end = reports(scope) or (reported and goes_on), scope.tags[-1].end
        scope.disowned = reported or _is_quoted(scope, quotes) or is_of_another(scope.tags)
        if scope.disowned or is_doubtful(scope):
            doubt(scope)


def _weigh_sentences(scopes: Sequence[Scope]) -> None:
    """A doubt holds for all that the sentence says of the same; a length of time may count from what is waited for."""
    doubted: dict[int, set[str]] = defaultdict(set)
    waiting = set()
    for scope in scopes:
        doubted[scope.clause.sentence] |= scope.doubted
        if any(isinstance(item.constraint, kinds.Unsupported) for item in scope.found):
            waiting.add(scope.clause.sentence)
    for scope in scopes:
        sentence = scope.clause.sentence
        if {family(item) for item in scope.found} & doubted[sentence] or (
            sentence in waiting and "SPAN" in scope.types
        ):
            doubt(scope)


def _quoted(text: str) -> Iterator[tuple[int, int]]:
    """Where quotation marks open and close; one that is never closed reaches to the end."""
    begun, closing = -1, ""
    for i, letter in enumerate(text):
        if begun >= 0:
            if letter == closing and not text[i + 1 : i + 2].isalnum():
                yield begun, i
                begun = -1
        elif letter in _OPENING and not text[max(0, i - 1) : i].isalnum() and text[i + 1 : i + 2].strip():
            begun, closing = i, _CLOSING[_OPENING.index(letter)]
    if begun >= 0 and closing not in "'’":
        yield begun, len(text)


def _is_quoted(scope: Scope, quotes: Sequence[tuple[int, int]]) -> bool:
    """Whether more than a name or a value is in quotation marks."""
    inside = [tag for tag in scope.tags if (at := bisect(quotes, (tag.start,))) and tag.end <= quotes[at - 1][1]]
    telling = [tag for tag in inside if tag.type not in LOOSE and tag.type != "P"]
    return len(telling) > 1 or any(tag.type not in LIMITS for tag in telling)


def _condition(scope: Scope, other: Scope) -> None:
    """What holds only if something else does that was not read."""
    depends = any(isinstance(item.constraint, kinds.Unsupported) for item in other.found)
    hangs = depends and other.clause.joined_by == "if"
    if (
        not (hangs or (other.conditional and not other.found))
        or other.types & {"HEDGE", "PAUSE"}
        or scope.clause.joined_by == "but"
    ):
        return
    if any(item.constraint.kind != "pausing" and item.constraint.strength == "must" for item in scope.found):
        doubt(scope)
        doubt(other)


def _tell_the_unread(scopes: Sequence[Scope]) -> None:
    """No value is dropped in silence: it is read, told, or in a clause that is known to set no limit."""
    spans = sorted((item.start, item.end) for scope in scopes for item in scope.found)
    for scope in scopes:
        asked = scope.tags[0].word == "?" or scope.clause.joined_by == "which"
        neutral = (
            scope.past
            or scope.free
            or scope.conditional
            or scope.is_about_data
            or scope.compares
            or scope.after == "ok"
        )
        if scope.told or scope.doubted or (neutral and not asked):
            continue
        unread = (tag for tag in scope.values if not any(start <= tag.start < end for start, end in spans))
        if next(unread, None) is not None:
            scope.tell()


def _take_back(scopes: Sequence[Scope], mark: Tag) -> None:
    """What stands before the mark gives way to what is said after it about the same thing."""
    earlier = [scope for scope in scopes if scope.tags[0].start < mark.start and scope.found]
    earlier = [scope for scope in earlier if scope.clause.sentence == earlier[-1].clause.sentence]
    later = [scope for scope in scopes if scope.tags[0].start >= mark.start]
    reach = later[0].clause.sentence + (mark.value == "RETRACTED") if later else 0
    later = [scope for scope in later if scope.clause.sentence <= reach]
    types = {tag.type for scope in later for tag in scope.values}
    for scope in earlier:
        _put_in_its_place(scope, later)
        said = {family(item) for other in later for item in other.found}
        if said & {family(item) for item in scope.found}:
            scope.doubted |= said
            scope.disowned = True
            scope.found = [item for item in scope.found if family(item) not in said]
        elif mark.value == "RETRACTED" or types & {tag.type for tag in scope.values}:
            for known in (scope, *later):
                doubt(known)


def _put_in_its_place(scope: Scope, later: Sequence[Scope]) -> None:
    """ "Finish by 8pm - no, 9pm": the clause before, read again with the new value."""
    bare = [it for it in later if it.values and not it.types - LOOSE - LIMITS - {"P", "HEDGE"}]
    if len(bare) != 1 or len(bare[0].values) != 1 or any(governs(bare[0].tags, *at) for at in enumerate(bare[0].tags)):
        return
    value, old = bare[0].values[0], [tag for tag in scope.values if tag.used]
    if len(old) != 1 or old[0].type != value.type:
        return
    tags = [replace(value, used=False) if tag is old[0] else tag for tag in scope.tags]
    again = read_clause(replace(scope.clause, tags=tags), scope.context)
    bare[0].found, bare[0].told = again.found, again.told


def _drop_asides(scopes: Sequence[Scope], text: str) -> None:
    """ "By noon tomorrow (that's the 26th)": what stands in brackets explains, and is no second limit.

    "Nights (23:00-05:00)" says it exactly: the aside counts, and the word before it does not.
    """
    outside: dict[str, tuple[Scope, Found]] = {}
    for scope in scopes:
        for item in tuple(scope.found):
            if text.count("(", 0, item.end) == text.count(")", 0, item.end):
                outside[family(item)] = scope, item
            elif any(tag.type == "OTHER" for tag in scope.tags if text.rfind("(", 0, item.end) < tag.start < item.end):
                doubt(scope)
                break
            elif family(item) in outside:
                owner, known = outside[family(item)]
                if getattr(known.constraint, "allowed", 0) != getattr(item.constraint, "allowed", 0):
                    continue  # "in Scotland (but not in Glasgow)"
                exact = isinstance(known.constraint, kinds.Hours) and isinstance(item.constraint, kinds.Hours)
                gone, other = (known, owner) if exact else (item, scope)
                other.found = [one for one in other.found if one is not gone]


def _drop_permissions(scopes: Sequence[Scope]) -> None:
    """ "Not on Tuesday. Monday's fine.": what is fine beside what is not is no wish."""
    for scope in scopes:
        others = [other for other in scopes if other is not scope and other.after != "ok"]
        said = {family(item) for other in others for item in other.found}.union(*(it.doubted for it in others))
        if scope.after == "ok" and not scope.must:
            scope.found = [item for item in scope.found if family(item) not in said]


def _tell_contradictions(scopes: Sequence[Scope]) -> None:
    """Two demands that differ about the same thing: nobody knows which of them holds."""
    items = [(scope, item.constraint) for scope in scopes for item in scope.found]
    firm = [(scope, it) for scope, it in items if it.strength == "must" or isinstance(it, kinds.Preference)]
    for (scope, one), (other, two) in combinations(firm[:_MOST], 2):
        apart = scope.clause.sentence != other.clause.sentence and bool(scope.heads or other.heads)
        if _contradict(one, two, apart=apart):
            doubt(scope)
            doubt(other)


_MOST = 40
"""Constraints that are held against each other; it bounds the time that any text takes."""


def _contradict(one: Any, two: Any, *, apart: bool) -> bool:  # noqa: ANN401  constraints
    match one, two:
        case kinds.Start(), kinds.Finish():
            return bool(one.time >= two.time)
        case kinds.Start(), kinds.Start():
            return bool(one.bound == two.bound and one.time != two.time)
        case kinds.Finish(), kinds.Finish():
            return bool(one.time != two.time) and (apart or not _ends_the_day_of(one.time, two.time))
        case kinds.Region(), kinds.Region():
            mine, other = frozenset(one.regions), frozenset(two.regions)
            if one.allowed and two.allowed:
                return apart and not mine & other
            return bool(one.allowed != two.allowed) and mine == other
        case (kinds.Site(), kinds.Site()) | (kinds.Pausing(), kinds.Pausing()) | (kinds.Hours(), kinds.Hours()):
            return bool(one.allowed != two.allowed) and _value(one) == _value(two)
        case kinds.Preference(), kinds.Preference():
            return {one.first, two.first} == {"carbon", "cost"}
        case kinds.JobFacts(), kinds.JobFacts():
            return len({one.duration_minutes, two.duration_minutes} - {None}) > 1
    return isinstance(one, kinds.Cap) and type(one) is type(two) and one.amount != two.amount


def _value(constraint: Constraint) -> dict[str, object]:
    return constraint.model_dump(exclude={"quote", "allowed", "strength", "recurs"})


def _ends_the_day_of(one: datetime, two: datetime) -> bool:
    """ "On Thursday, in time for the 4pm handover"."""
    first, last = sorted((one.astimezone(UK), two.astimezone(UK)))
    return last.time() == time() and last - first < timedelta(days=1)
