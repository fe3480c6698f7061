"""What a model says it read, checked against the request's own words; what cannot be decided may only tighten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isclose
from typing import Any

from agents import constraints as kinds
from agents.constraints import Constraint, ReadBy, ReadConstraint
from agents.request import times
from agents.request.evidence import MINUTE, missing
from agents.request.reader import ASKED, Reading
from agents.request.roles import NONE, OF, is_contradicted, made, on_day
from agents.request.tokens import Tag
from tools.regions import REGION_IDS
from tools.slots import UK

AS_READ_BY_THE_MODEL = "as read by the model, the request is not in English"
_BARE = frozenset({"NUM", "P", "W", "UNTIL", "AFTER", "IN", "GLUE"})
"""Of what hours are made where nothing says their half of the day."""
_CONTRARY = {"pausing": "in_one_go", "in_one_go": "pausing"}
PLAUSIBLE = 0.3
"""Probability of a role from which it is not contradicted."""


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
            read.append(_accepted(constraint, reading, text, read_by))
    accepted = [item.constraint for item in read if item.outcome != "refused"]
    read += [
        ReadConstraint(constraint=constraint, read_by="rules")
        for constraint in reading.constraints
        if not any(_is_same(constraint, other) for other in accepted)
    ]
    quotes = [_folded(constraint.quote) for constraint in accepted]
    left = [part for part in reading.not_understood if not any(_overlaps(_folded(part), quote) for quote in quotes)]
    return Verified(tuple(read), tuple(faults), tuple(left if reading.is_english or not accepted else ()))


def _accepted(constraint: Constraint, reading: Reading, text: str, read_by: ReadBy) -> ReadConstraint:
    """Where nobody can judge the polarity, "only there" shuts out all else: it is a wish at most, and that is told."""
    if not reading.is_english and getattr(constraint, "allowed", False) and not isinstance(constraint, kinds.Pausing):
        return ReadConstraint(constraint=_with(constraint, "should"), read_by=read_by, reason=AS_READ_BY_THE_MODEL)
    return ReadConstraint(constraint=_with(constraint, _strength(constraint, reading, text)), read_by=read_by)


def _with(constraint: Constraint, strength: str) -> Constraint:
    return constraint.model_copy(update={"strength": strength})


def _strength(constraint: Constraint, reading: Reading, text: str) -> str:
    """The rules know a wish from a demand where they read the same, and a hedge where they do not."""
    known = next((other for other in reading.constraints if _is_same(constraint, other)), None)
    if known is not None or reading.judgement is None:
        return (known or constraint).strength
    at = [i for span in _spans(text, constraint.quote) for i in _within(reading, *span) if reading.judgement.roles[i]]
    return "should" if any(reading.judgement.wish[i] > ASKED for i in at) else constraint.strength


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
    said = _said(reading, _within(reading, start, end))
    why = missing(constraint, [tag for _, tag in said], now)
    if why or isinstance(constraint, kinds.Unsupported):
        return why
    if any(_is_same(constraint, other) for other in reading.constraints if _overlaps(other.quote, constraint.quote)):
        return None
    likely, role = _likelihood(constraint, reading, said, now)
    if likely >= PLAUSIBLE:
        return None
    return "these words set no such limit for this job" if role == NONE else f"these words are read otherwise ({role})"


def _within(reading: Reading, start: int, end: int) -> list[int]:
    """The positions of the tags that stand there."""
    return [i for i, tag in enumerate(reading.tags) if tag.start < end and tag.end > start]


def _said(reading: Reading, at: Sequence[int]) -> list[tuple[int, Tag]]:
    """The tags that stand there and their positions; hours and clocks also on a day that is said apart from them.

    Of "from ten till six" code cannot know the half of the day, a model may.
    """
    tags, roles = reading.tags, () if reading.judgement is None else reading.judgement.roles
    days = [tags[i] for i in at if roles and roles[i].get(OF, 0.0) >= PLAUSIBLE]
    dated = [(i, found) for i in at for day in days if (found := on_day(tags[i], day)) is not None]
    others = [(i, replace(tags[i], value=times.half_a_day_on(tags[i].value))) for i in at if _is_either_half(tags[i])]
    return [*((i, tags[i]) for i in at), *dated, *others]


def _is_either_half(tag: Tag) -> bool:
    return tag.type.startswith("RANGE") and bool(tag.parts) and all(part.type in _BARE for part in tag.parts)


def _likelihood(
    constraint: Constraint, reading: Reading, said: Sequence[tuple[int, Tag]], now: datetime
) -> tuple[float, str]:
    """How likely the quoted values are in a role that makes the constraint, and what else they most likely are."""
    judgement = reading.judgement
    if judgement is None:
        return 1.0, NONE
    now = now.astimezone(UK)
    agreed: dict[int, dict[str, float]] = {i: {} for i, _ in said}
    for i, tag in said:
        for role, likely in judgement.roles[i].items():
            able_to = role != NONE and not is_contradicted(reading.tags, i, role)
            if able_to and any(_agrees(item, constraint) for item in made(tag, role, now)):
                agreed[i][role] = likely
    able = {i: sum(roles.values()) for i, roles in agreed.items()}
    asked = {name: likely for name, (likely, _) in judgement.whole.items()}
    topics = [name for name in _topics(constraint) if asked[name] >= asked.get(_CONTRARY.get(name, ""), 0.0)]
    best = max([*able.values(), *(asked[name] for name in topics), 0.0])
    rivals = [(p, role) for i in able for role, p in judgement.roles[i].items() if able[i] < PLAUSIBLE]
    return best, max(rivals, default=(0.0, NONE))[1]


def _topics(constraint: Constraint) -> tuple[str, ...]:
    """Of `WISHES`, what it would be."""
    if isinstance(constraint, kinds.Preference):
        return ("cost", "cost_only") if constraint.first == "cost" else (constraint.first,)
    if isinstance(constraint, kinds.Pausing) and constraint.max_pauses is None and constraint.min_run_minutes is None:
        return ("pausing",) if constraint.allowed else ("in_one_go",)
    return ()


def _agrees(item: Constraint, claimed: Constraint) -> bool:
    """Whether one value's constraint is the claimed one, or a part of it; "only Wales" shuts out the rest."""
    match item, claimed:
        case kinds.Region(), kinds.Region():
            mine, named = set(item.regions), set(claimed.regions)
            return mine <= named if item.allowed == claimed.allowed else not mine & named
        case kinds.Site(), kinds.Site():
            return item.allowed == claimed.allowed and {*item.sites} <= {*claimed.sites}
        case kinds.Hardware(), kinds.Hardware():
            return item.allowed == claimed.allowed
        case kinds.Hours(), kinds.Hours():
            if item.allowed != claimed.allowed:
                return bool(_days(item)) and _days(item) == _days(claimed)
            clock = item.start is None or bool(claimed.also) or (item.start, item.end) == (claimed.start, claimed.end)
            return clock and _named_days(item) <= (_named_days(claimed) or _named_days(item))
        case kinds.Pausing(), kinds.Pausing():
            return item.allowed == claimed.allowed and all(
                getattr(item, name) in {None, getattr(claimed, name)} for name in ("max_pauses", "min_run_minutes")
            )
        case kinds.JobFacts(), kinds.JobFacts():
            facts = item.model_dump(include={"duration_minutes", "energy_kwh", "gpus"}, exclude_none=True)
            return all(_is_close(float(value), float(getattr(claimed, name) or 0)) for name, value in facts.items())
    return type(item) is type(claimed) and _is_same(item, claimed)


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


def _places(it: kinds.Region) -> frozenset[int]:
    named = frozenset(it.regions)
    return named if it.allowed else frozenset(REGION_IDS) - named


def _days(it: Constraint) -> frozenset[str]:
    """The weekdays that are left, where it bounds nothing else."""
    if not isinstance(it, kinds.Hours) or it.start or it.end or it.also or it.dates:
        return frozenset()
    return frozenset(it.weekdays) if it.allowed else frozenset(kinds.WEEKDAYS) - set(it.weekdays)


def _named_days(it: kinds.Hours) -> frozenset[str]:
    return frozenset(it.weekdays) | {kinds.WEEKDAYS[day.weekday()] for day in it.dates}


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
