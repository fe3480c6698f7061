"""What a model says it read, checked against the request's own words; what cannot be decided may only tighten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isclose
from typing import Any

from agents import constraints as kinds
from agents.constraints import Constraint, ReadBy, ReadConstraint
from agents.request.evidence import MINUTE, PAUSES, missing
from agents.request.reader import Reading
from agents.request.scope import COMPARISONS, SIDES, Scope
from agents.request.tokens import Tag
from agents.request.values import LIMITS
from tools.regions import REGION_IDS
from tools.slots import UK

AS_READ_BY_THE_MODEL = "as read by the model, the request is not in English"
_TIMES = frozenset({"INSTANT", "RANGE", "DAYS", "SPAN", "NEXTSPAN"})


@dataclass(frozen=True)
class Verified:
    """What is to be applied, what is refused, and what nobody understood."""

    read: tuple[ReadConstraint, ...]
    """In the order of the answer, then what only the rules read; the refused ones are among them."""
    faults: tuple[str, ...]
    """One for each refused one, written for the model."""
    not_understood: tuple[str, ...]


def verified(
    proposed: Sequence[Constraint], reading: Reading, text: str, now: datetime, *, read_by: ReadBy = "model"
) -> Verified:
    """A model's constraints beside the rules' own reading of the text.

    What the rules are certain of counts whether or not the model has seen it.
    """
    read: list[ReadConstraint] = []
    faults: list[str] = []
    for constraint in proposed:
        if why := verify(constraint, reading, text, now):
            faults.append(f"constraints: {constraint.kind} {constraint.quote!r}: {why}")
            read.append(ReadConstraint(constraint=constraint, read_by=read_by, outcome="refused", reason=why))
        elif not any(_is_same(constraint, item.constraint) for item in read if item.outcome != "refused"):
            read.append(_accepted(constraint, reading, read_by))
    accepted = [item.constraint for item in read if item.outcome != "refused"]
    read += [
        ReadConstraint(constraint=constraint, read_by="rules")
        for constraint in reading.constraints
        if not any(_is_same(constraint, other) for other in accepted)
    ]
    quotes = [_folded(constraint.quote) for constraint in accepted]
    left = [part for part in reading.not_understood if not any(_overlaps(_folded(part), quote) for quote in quotes)]
    return Verified(tuple(read), tuple(faults), tuple(left if reading.is_english or not accepted else ()))


def _accepted(constraint: Constraint, reading: Reading, read_by: ReadBy) -> ReadConstraint:
    """Where nobody can judge the polarity, "only there" shuts out all else: it is a wish at most, and that is told."""
    if reading.is_english or not getattr(constraint, "allowed", False) or isinstance(constraint, kinds.Pausing):
        known = next((other for other in reading.constraints if _is_same(constraint, other)), constraint)
        strength, reason = known.strength, ""  # the rules know a wish from a demand where they read the same
    else:
        strength, reason = "should", AS_READ_BY_THE_MODEL
    return ReadConstraint(
        constraint=constraint.model_copy(update={"strength": strength}), read_by=read_by, reason=reason
    )


def verify(constraint: Constraint, reading: Reading, text: str, now: datetime) -> str | None:
    """Why the quoted words do not say it; None where they do, and where that cannot be decided: it only tightens."""
    spans = list(_spans(text, constraint.quote))
    if not spans:
        return "these words are not in the request"
    if not reading.is_english:
        return _in_other_words(constraint)
    faults = [_contradiction(constraint, reading, start, end, now) for start, end in spans]
    return faults[0] if all(faults) else None


def _contradiction(constraint: Constraint, reading: Reading, start: int, end: int, now: datetime) -> str | None:
    scopes = [scope for scope in reading.scopes if scope.tags[0].start < end and scope.tags[-1].end > start]
    tags = [tag for scope in scopes for tag in scope.tags if tag.start < end and tag.end > start]
    why = missing(constraint, tags, now)
    if why or isinstance(constraint, kinds.Unsupported):
        return why
    mine = [found.constraint for found in reading.found if found.start < end and found.end > start]
    mine += [found for found in reading.constraints if _overlaps(_folded(found.quote), _folded(constraint.quote))]
    if any(_is_same(constraint, other) for other in mine):
        return None
    rival = next((other for other in mine if _excludes(constraint, other)), None)
    if rival is not None:
        return f"these words say the contrary ({rival.kind} is read the other way round)"
    other = next(
        (it for it in mine if it.kind != constraint.kind and _figures(it, now) & _figures(constraint, now)), None
    )
    if other is not None:
        return f"these words say it of something else ({other.kind})"
    if scopes and all(scope.disowned for scope in scopes):
        return "these words are somebody else's, or taken back"
    return _polarity(constraint, scopes, tags)


def _is_same(one: Constraint, other: Constraint) -> bool:
    """The same demand, whatever its words and strength."""
    if isinstance(one, kinds.Region) and isinstance(other, kinds.Region):
        return _places(one) == _places(other)
    if _days(one) and _days(other):
        return _days(one) == _days(other)
    fields = type(one).model_fields.keys() - {"quote", "strength", "recurs"}
    return type(one) is type(other) and all(_is_close(getattr(one, name), getattr(other, name)) for name in fields)


def _is_close(one: Any, other: Any) -> bool:  # noqa: ANN401  a field's values
    if isinstance(one, datetime):
        return bool(abs(one - other) <= MINUTE)
    return isclose(one, other) if isinstance(one, float) and isinstance(other, float) else bool(one == other)


def _figures(it: Constraint, now: datetime) -> set[tuple[str, float]]:
    """The amounts of it that words could also mean of another measure: a share saved, a length of time."""
    match it:
        case kinds.Cap() | kinds.Saving():
            return {(it.value_type, it.amount)}
        case kinds.JobFacts() if it.duration_minutes:
            return {("SPAN", it.duration_minutes)}
        case kinds.Finish():
            return {("SPAN", (it.time - now) / MINUTE)}
    return set()


def _places(it: kinds.Region) -> frozenset[int]:
    named = frozenset(it.regions)
    return named if it.allowed else frozenset(REGION_IDS) - named


def _days(it: Constraint) -> frozenset[str]:
    """The weekdays that are left, where it bounds nothing else."""
    if not isinstance(it, kinds.Hours) or it.start or it.end or it.also or it.dates:
        return frozenset()
    return frozenset(it.weekdays) if it.allowed else frozenset(kinds.WEEKDAYS) - set(it.weekdays)


def _excludes(one: Constraint, other: Constraint) -> bool:
    """Whether the same words cannot say both."""
    if isinstance(one, kinds.Region) and isinstance(other, kinds.Region):
        return bool(_places(one) - _places(other)) and bool(_places(other) - _places(one))
    if _days(one) and _days(other):
        return not (_days(one) <= _days(other) or _days(other) <= _days(one))
    if isinstance(one, kinds.Hours | kinds.Site | kinds.Hardware | kinds.Pausing) and type(one) is type(other):
        return one.allowed != other.allowed
    if isinstance(one, kinds.Start | kinds.Finish) and isinstance(other, kinds.Start | kinds.Finish):
        close = abs(one.time - other.time) <= timedelta(days=1)
        return close and (type(one) is not type(other) or getattr(one, "bound", 0) != getattr(other, "bound", 0))
    if isinstance(one, kinds.Preference) and isinstance(other, kinds.Preference):
        return {one.first, other.first} in ({"carbon", "cost"}, {"carbon", "cost_only"})
    return False


def _polarity(constraint: Constraint, scopes: Sequence[Scope], tags: Sequence[Tag]) -> str | None:
    bearing = (s for s in scopes if any(tag in s.values or tag.type in PAUSES for tag in tags if tag in s.tags))
    scope = next(bearing, scopes[0] if scopes else None)
    if scope is None:
        return "the quoted words say nothing"
    if scope.past:
        return "these words tell of the past, or ask"
    if scope.free and not (scope.must or scope.only):
        return "these words say that it need not be so"
    odd = _is_odd_before(scope, tags)
    if isinstance(constraint, kinds.Start | kinds.Finish):
        return _bound(constraint, scope, tags, odd=odd)
    if isinstance(constraint, kinds.Cap):
        return _side(constraint, scope, odd=odd)
    forbids = not getattr(constraint, "allowed", not odd)
    if isinstance(constraint, kinds.Region):
        named = frozenset().union(*(tag.value for tag in tags if tag.type == "PLACE"))
        forbids ^= frozenset(constraint.regions) == frozenset(REGION_IDS) - named
    counts = isinstance(constraint, kinds.Pausing) and (constraint.max_pauses is not None or "ONEGO" in scope.types)
    if odd == forbids or counts:
        return None
    return "the clause is negated" if odd else "nothing in the clause forbids it"


def _is_odd_before(scope: Scope, tags: Sequence[Tag]) -> bool:
    """Negations in the clause before the first of the quoted values, and judgements after it."""
    first = next((i for i, tag in enumerate(scope.tags) if tag in tags and tag.type in LIMITS | PAUSES), 0)
    return bool((sum(tag.type in {"NEG", "NOR", "OUT"} for tag in scope.tags[:first]) + (scope.after == "out")) % 2)


def _bound(constraint: kinds.Start | kinds.Finish, scope: Scope, tags: Sequence[Tag], *, odd: bool) -> str | None:
    bound = "latest" if isinstance(constraint, kinds.Finish) else constraint.bound
    values = [tag for tag in tags if tag.type in _TIMES]
    if values and values[0].type in {"RANGE", "DAYS"} and odd:
        return "the clause is negated"
    last = max((tag.start for tag in values), default=scope.tags[-1].end)
    relations = {tag.type for tag in scope.tags if tag.start < last} & {"BY", "BEFORE", "AFTER", "UNTIL"}
    waits = odd or bool(scope.types & {"WAIT", "AVAIL"})
    if bound == "latest" and ((relations & {"BEFORE", "UNTIL"} and waits) or (relations == {"AFTER"} and not odd)):
        return "the words bound it from below"
    if bound == "earliest" and ((relations & {"BY", "BEFORE"} and not odd) or (relations == {"AFTER"} and odd)):
        return "the words bound it from above"
    return None


def _side(constraint: Constraint, scope: Scope, *, odd: bool) -> str | None:
    """Caps are upper bounds, a renewable share a lower one."""
    sides = {SIDES[kind][odd] for kind in scope.types & COMPARISONS}
    other = "<" if isinstance(constraint, kinds.RenewableShare) else ">"
    return "the words bound it from the other side" if sides == {other} else None


def _in_other_words(constraint: Constraint) -> str | None:
    """In another language only figures can be checked: each of the value must stand in the quote, in some unit."""
    said = [float(number) for number in _numbers(constraint.quote)]
    given = [
        float(value) for name in ("amount", "max_pauses") if (value := getattr(constraint, name, None)) is not None
    ]
    for value in given:
        if not any(isclose(value, number * unit) for number in said for unit in (1, 1e3, 1e6, 1e-2, 1e-3)):
            return f"{value:g} is not in the quoted words"
    if isinstance(constraint, kinds.Start | kinds.Finish) and said:
        local = constraint.time.astimezone(UK)
        if not {local.hour, local.hour % 12, local.day, 12 if local.hour in {0, 12} else -1} & {int(n) for n in said}:
            return "the quoted words hold another time"
    return None


def _numbers(text: str) -> list[str]:
    cleaned = "".join(letter if letter in "0123456789." else " " for letter in text)
    return [part.strip(".") for part in cleaned.split() if part.strip(".").replace(".", "", 1).isdigit()]


def _spans(text: str, quote: str) -> Iterator[tuple[int, int]]:
    """Where the quoted words stand, spaces, case and apostrophes aside."""
    letters = [(i, letter) for i, letter in enumerate(_plain(text)) if not letter.isspace()]
    wanted = "".join(_plain(quote).split())
    squeezed = "".join(letter for _, letter in letters)
    at = squeezed.find(wanted) if wanted else -1
    while at >= 0:
        yield letters[at][0], letters[at + len(wanted) - 1][0] + 1
        at = squeezed.find(wanted, at + 1)


def _plain(text: str) -> str:
    """Lower case, letter by letter, so that positions stay."""
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text.replace("’", "'"))


def _folded(text: str) -> str:
    return " ".join(_plain(text).split())


def _overlaps(one: str, other: str) -> bool:
    return one in other or other in one
