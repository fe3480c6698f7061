"""What a model says it read, checked against the request's own words; what cannot be decided may only tighten."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from math import isclose
from typing import Any, Literal, TypeAlias

from agents.constraints import (
    WEEKDAYS,
    CarbonIntensity,
    CarbonTotal,
    Constraint,
    CostTotal,
    Finish,
    Hardware,
    Hours,
    JobFacts,
    Pausing,
    Preference,
    PricePerKwh,
    ReadBy,
    ReadConstraint,
    Region,
    RenewableShare,
    Saving,
    Site,
    Start,
    Unsupported,
    uk_time,
)
from agents.request import times
from agents.request.reader import Reading
from agents.request.scope import Scope
from agents.request.tokens import Tag
from agents.request.values import LIMITS
from tools.regions import REGION_IDS
from tools.slots import UK

Verdict: TypeAlias = Literal["confirmed", "contradicted", "undecided"]

_MINUTE = timedelta(minutes=1)
_AMOUNTS: dict[type, tuple[str, str]] = {
    CarbonTotal: ("MASS", "max_g"),
    CarbonIntensity: ("GKWH", "max_g_per_kwh"),
    RenewableShare: ("PCT", "min_pct"),
    CostTotal: ("MONEY", "max_gbp"),
    PricePerKwh: ("RATE", "max_gbp_per_kwh"),
}
_MOODS = {
    "carbon": frozenset({"CARBON", "GREENEST", "MINIMISE", "RENEW", "INTENSITY"}),
    "cost": frozenset({"COST", "CHEAPEST", "MINIMISE"}),
    "cost_only": frozenset({"CARBON", "COST", "CHEAPEST", "RENEW", "GREENEST"}),
    "soon": frozenset({"SOON", "NOWT", "EARLIEST", "TODAY"}),
    "renewables": frozenset({"RENEW"}),
}
_PAUSES = frozenset({"PAUSE", "PAUSABLE", "ONEGO", "STRETCH", "COUNT"})
_TIMES = frozenset({"INSTANT", "RANGE", "DAYS", "SPAN", "NEXTSPAN"})
_UPWARDS, _DOWNWARDS = frozenset({"GE", "MORE"}), frozenset({"LE", "LESS"})


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
        verdict, why = verify(constraint, reading, text, now)
        if verdict == "contradicted":
            faults.append(f"constraints: {constraint.kind} {constraint.quote!r}: {why}")
            read.append(ReadConstraint(constraint=constraint, read_by=read_by, outcome="refused", reason=why))
        else:
            as_said = _with_strength(constraint, reading)
            read.append(ReadConstraint(constraint=as_said, read_by=read_by))
    accepted = [item.constraint for item in read if item.outcome != "refused"]
    read += [
        ReadConstraint(constraint=constraint, read_by="rules")
        for constraint in reading.constraints
        if not any(_is_same(constraint, other) for other in accepted)
    ]
    quotes = [_folded(constraint.quote) for constraint in accepted]
    left = [part for part in reading.not_understood if not any(_overlaps(_folded(part), quote) for quote in quotes)]
    if not reading.is_english and accepted:
        left = []
    return Verified(tuple(read), tuple(faults), tuple(left))


def verify(constraint: Constraint, reading: Reading, text: str, now: datetime) -> tuple[Verdict, str]:
    """Whether the quoted words say it, with the reason."""
    spans = list(_spans(text, constraint.quote))
    if not spans:
        return "contradicted", "these words are not in the request"
    if not reading.is_english:
        return _in_other_words(constraint)
    faults = [_contradiction(constraint, reading, start, end, now) for start, end in spans]
    if all(faults):
        return "contradicted", str(faults[0])
    confirmed = any(_is_same(constraint, found.constraint) for found in reading.found) or any(
        _is_same(constraint, found) for found in reading.constraints
    )
    return ("confirmed", "the rules read the same") if confirmed else ("undecided", "it only tightens")


def _contradiction(constraint: Constraint, reading: Reading, start: int, end: int, now: datetime) -> str | None:
    scopes = [scope for scope in reading.scopes if scope.tags[0].start < end and scope.tags[-1].end > start]
    tags = [tag for scope in scopes for tag in scope.tags if tag.start < end and tag.end > start]
    why = _VALUES[type(constraint)](constraint, tags, now.astimezone(UK))
    if why:
        return why
    if isinstance(constraint, Unsupported):
        return None
    mine = [found.constraint for found in reading.found if found.start < end and found.end > start]
    mine += [found for found in reading.constraints if _overlaps(_folded(found.quote), _folded(constraint.quote))]
    if any(_is_same(constraint, other) for other in mine):
        return None
    rival = next((other for other in mine if _excludes(constraint, other)), None)
    if rival is not None:
        return f"these words say the contrary ({rival.kind} is read the other way round)"
    return _polarity(constraint, scopes, tags)


# what the value is made of


def _region(it: Region, tags: Sequence[Tag], _: datetime) -> str | None:
    named = frozenset().union(*(tag.value for tag in tags if tag.type == "PLACE"))
    if not named:
        return "the quoted words name no region of Great Britain"
    given = frozenset(it.regions)
    if given <= named or given == frozenset(REGION_IDS) - named:
        return None
    return f"the quoted words name regions {', '.join(map(str, sorted(named)))}"


def _site(it: Site, tags: Sequence[Tag], _: datetime) -> str | None:
    named = {str(tag.value).casefold() for tag in tags if tag.type == "SITE"}
    return None if {site.casefold() for site in it.sites} <= named else "the quoted words name no such data centre"


def _hardware(it: Hardware, tags: Sequence[Tag], _: datetime) -> str | None:
    named = {
        _squeezed("".join(part.word for part in tag.parts))
        for tag in tags
        for tag in (tag, *tag.parts)
        if tag.type == "GPU"
    }
    model = _squeezed(it.gpu_model)
    return None if any(model in name or name in model for name in named) else "the quoted words name no such hardware"


def _squeezed(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _instant(it: Start | Finish, tags: Sequence[Tag], now: datetime) -> str | None:
    meant = [instant for tag in tags for instant in _instants(tag, now)]
    if not meant:
        return "the quoted words hold no time"
    if any(abs(instant - it.time) <= _MINUTE for instant in meant):
        return None
    return f"the quoted words mean {' or '.join(dict.fromkeys(uk_time(instant) for instant in meant))} UK time"


def _instants(tag: Tag, now: datetime) -> list[datetime]:
    try:
        if tag.type == "INSTANT":
            return [times.resolve(tag.value, now, side) for side in ("early", "late")]
        if tag.type in {"SPAN", "NEXTSPAN"}:
            return [now + tag.value]
        if tag.type == "RANGE":
            return list(times.window(tag.value, now) or ())
        if tag.type == "DAYS" and tag.value == {"sat", "sun"}:
            saturday = times.weekday("sat", now.date())
            return [datetime.combine(saturday + timedelta(days=ahead), time(), UK) for ahead in (0, 2)]
    except OverflowError:
        pass
    return []


def _hours(it: Hours, tags: Sequence[Tag], now: datetime) -> str | None:
    told = [tag for tag in tags if tag.type in {"RANGE", "DAYS", "INSTANT"}]
    if not told:
        return "the quoted words hold no hours or days"
    days = {day for tag in told for day in _weekdays(tag)}
    if it.weekdays and not (set(it.weekdays) == days or set(it.weekdays) == set(WEEKDAYS) - days):
        return f"the quoted words name {', '.join(day for day in WEEKDAYS if day in days) or 'no days'}"
    clocks = {_minute(instant) for tag in told for instant in _edges(tag, now)}
    given = {clock.replace(tzinfo=None) for clock in (it.start, it.end) if clock is not None}
    if given - clocks - {time()}:
        named = ", ".join(f"{clock:%H:%M}" for clock in sorted(clocks))
        return f"the quoted words name the hours {named or 'of no clock'}"
    if given and not any(tag.type in {"RANGE", "INSTANT"} for tag in told):
        return "the quoted words hold no hours"
    return _dates(it, told, now)


def _weekdays(tag: Tag) -> Iterator[str]:
    if tag.type == "DAYS":
        yield from tag.value
    elif tag.type == "INSTANT" and tag.value.day:
        yield WEEKDAYS[tag.value.day.weekday()]
    elif tag.type == "RANGE" and tag.value[0].day:
        yield WEEKDAYS[tag.value[0].day.weekday()]


def _edges(tag: Tag, now: datetime) -> list[datetime]:
    if tag.type == "INSTANT" and tag.value.part:
        return list(times.window(times.part_range(tag.value), now) or ())
    return _instants(tag, now)


def _minute(instant: datetime) -> time:
    return instant.astimezone(UK).time().replace(second=0, microsecond=0, fold=0)


def _dates(it: Hours, told: Sequence[Tag], now: datetime) -> str | None:
    meant = {instant.astimezone(UK).date() for tag in told for instant in _edges(tag, now)}
    for tag in told:
        said = tag.value if tag.type == "INSTANT" else tag.value[0] if tag.type == "RANGE" else None
        if said is not None and said.day:
            meant.add(said.day)
            if it.allowed and not (it.dates or it.weekdays):
                return "the quoted words name a day, and the answer does not"
    if it.dates and meant and not set(it.dates) <= meant and not any(tag.type == "DAYS" for tag in told):
        return f"the quoted words mean {', '.join(day.isoformat() for day in sorted(meant))}"
    return None


def _amount(it: Any, tags: Sequence[Tag], _: datetime) -> str | None:  # noqa: ANN401  one of _AMOUNTS
    kind, field = _AMOUNTS[type(it)]
    return _is_said(getattr(it, field), [tag.value for tag in tags if tag.type == kind])


def _is_said(given: float, said: Sequence[float]) -> str | None:
    if any(isclose(given, amount, rel_tol=1e-6, abs_tol=1e-9) for amount in said):
        return None
    return f"the quoted words hold {' and '.join(f'{amount:g}' for amount in said) or 'no such amount with its unit'}"


def _pausing(it: Pausing, tags: Sequence[Tag], _: datetime) -> str | None:
    if not any(tag.type in _PAUSES or any(part.type == "PAUSE" for part in tag.parts) for tag in tags):
        return "the quoted words say nothing of pauses"
    if it.max_pauses and not any(tag.type in {"COUNT", "NUM"} and tag.value == it.max_pauses for tag in tags):
        return "the quoted words hold no such number of pauses"
    spans = [tag.value.total_seconds() / 60 for tag in tags if tag.type == "SPAN"]
    return None if it.min_run_minutes is None else _is_said(it.min_run_minutes, spans)


def _saving(it: Saving, tags: Sequence[Tag], _: datetime) -> str | None:
    if not any(tag.type in {"SAVE", "LESS", "CHEAPEST", "GREENEST", "MINIMISE"} for tag in tags):
        return "the quoted words say nothing of saving"
    kind = {"pct": "PCT", "g": "MASS", "gbp": "MONEY"}[it.unit]
    return _is_said(it.amount, [tag.value for tag in tags if tag.type == kind])


def _preference(it: Preference, tags: Sequence[Tag], _: datetime) -> str | None:
    if any(tag.type in _MOODS[it.first] or (it.first == "carbon" and tag.word == "green") for tag in tags):
        return None
    return "the quoted words say nothing of what matters most"


def _job(it: JobFacts, tags: Sequence[Tag], _: datetime) -> str | None:
    said = (
        (it.duration_minutes, [tag.value.total_seconds() / 60 for tag in tags if tag.type == "SPAN"]),
        (it.energy_kwh, [tag.value for tag in tags if tag.type == "ENERGY"]),
        (it.gpus, [tag.value for tag in tags if tag.type == "GPUS"]),
    )
    return next((why for given, amounts in said if given is not None and (why := _is_said(given, amounts))), None)


_VALUES: dict[type, Callable[[Any, Sequence[Tag], datetime], str | None]] = {
    Region: _region,
    Site: _site,
    Hardware: _hardware,
    Start: _instant,
    Finish: _instant,
    Hours: _hours,
    **dict.fromkeys(_AMOUNTS, _amount),
    Pausing: _pausing,
    Saving: _saving,
    Preference: _preference,
    JobFacts: _job,
    Unsupported: lambda _it, _tags, _now: None,
}


# polarity


def _is_same(one: Constraint, other: Constraint) -> bool:
    """The same demand, whatever its words and strength."""
    if isinstance(one, Region) and isinstance(other, Region):
        return _places(one) == _places(other)
    if isinstance(one, Start | Finish) and type(one) is type(other):
        same_bound = getattr(one, "bound", None) == getattr(other, "bound", None)
        return same_bound and abs(one.time - other.time) <= _MINUTE
    if type(one) is not type(other):
        return False
    values = ((getattr(one, name), getattr(other, name)) for name in type(one).model_fields if name not in _UNSAID)
    return all(isclose(a, b) if isinstance(a, float) and isinstance(b, float) else a == b for a, b in values)


_UNSAID = frozenset({"quote", "strength", "recurs"})


def _places(it: Region) -> frozenset[int]:
    named = frozenset(it.regions)
    return named if it.allowed else frozenset(REGION_IDS) - named


def _excludes(one: Constraint, other: Constraint) -> bool:
    """Whether the same words cannot say both."""
    if isinstance(one, Region) and isinstance(other, Region):
        return bool(_places(one) - _places(other)) and bool(_places(other) - _places(one))
    if isinstance(one, Hours | Site | Hardware | Pausing) and type(one) is type(other):
        return one.allowed != other.allowed
    if isinstance(one, Start | Finish) and isinstance(other, Start | Finish):
        close = abs(one.time - other.time) <= timedelta(days=1)
        return close and (type(one) is not type(other) or getattr(one, "bound", 0) != getattr(other, "bound", 0))
    if isinstance(one, Preference) and isinstance(other, Preference):
        return {one.first, other.first} in ({"carbon", "cost"}, {"carbon", "cost_only"})
    return False


def _polarity(constraint: Constraint, scopes: Sequence[Scope], tags: Sequence[Tag]) -> str | None:
    bearing = [
        scope
        for scope in scopes
        if any(tag in scope.values or tag.type in _PAUSES for tag in tags if tag in scope.tags)
    ]
    scope = next(iter(bearing or scopes), None)
    if scope is None:
        return "the quoted words say nothing"
    if scope.past:
        return "these words tell of the past, or ask"
    if scope.free and not (scope.must or scope.only):
        return "these words say that it need not be so"
    odd = _is_odd_before(scope, tags)
    if isinstance(constraint, Region):
        named = frozenset().union(*(tag.value for tag in tags if tag.type == "PLACE"))
        complement = frozenset(constraint.regions) == frozenset(REGION_IDS) - named
        return _clash(odd, forbids=constraint.allowed == complement)
    if isinstance(constraint, Site | Hardware | Hours):
        return _clash(odd, forbids=not constraint.allowed)
    if isinstance(constraint, Pausing) and constraint.max_pauses is None and "ONEGO" not in scope.types:
        return _clash(odd, forbids=not constraint.allowed)
    if isinstance(constraint, Start | Finish):
        return _bound(constraint, scope, tags, odd=odd)
    if type(constraint) in _AMOUNTS:
        return _side(constraint, scope, odd=odd)
    return None


def _is_odd_before(scope: Scope, tags: Sequence[Tag]) -> bool:
    """Negations in the clause before the first of the quoted values, and judgements after it."""
    first = next(
        (i for i, tag in enumerate(scope.tags) if tag in tags and (tag.type in LIMITS or tag.type in _PAUSES)), 0
    )
    ahead = [tag.type for tag in scope.tags[:first]]
    flips = sum(kind in {"NEG", "NOR"} for kind in ahead) + ahead.count("OUT") + (scope.after == "out")
    return bool(flips % 2)


def _clash(odd: bool, *, forbids: bool) -> str | None:
    if odd == forbids:
        return None
    return "the clause is negated" if odd else "nothing in the clause forbids it"


def _bound(constraint: Start | Finish, scope: Scope, tags: Sequence[Tag], *, odd: bool) -> str | None:
    is_upper = isinstance(constraint, Finish) or constraint.bound == "latest"
    is_lower = isinstance(constraint, Start) and constraint.bound == "earliest"
    values = [tag for tag in tags if tag.type in _TIMES]
    if values and values[0].type in {"RANGE", "DAYS"} and odd:
        return "the clause is negated"
    last = max((tag.start for tag in values), default=scope.tags[-1].end)
    relations = {tag.type for tag in scope.tags if tag.start < last} & {"BY", "BEFORE", "AFTER", "UNTIL"}
    waits = "WAIT" in scope.types or "AVAIL" in scope.types
    if is_upper and ((relations & {"BEFORE", "UNTIL"} and (odd or waits)) or (relations == {"AFTER"} and not odd)):
        return "the words bound it from below"
    if is_lower and ((relations & {"BY", "BEFORE"} and not odd) or (relations == {"AFTER"} and odd)):
        return "the words bound it from above"
    return None


def _side(constraint: Constraint, scope: Scope, *, odd: bool) -> str | None:
    """Caps are upper bounds, a renewable share a lower one."""
    upwards, downwards = scope.types & _UPWARDS, scope.types & _DOWNWARDS
    if upwards == frozenset({"MORE"}) and odd:
        upwards, downwards = frozenset(), frozenset({"LE"})
    elif downwards == frozenset({"LESS"}) and odd:
        upwards, downwards = frozenset({"GE"}), frozenset()
    wrong = downwards if isinstance(constraint, RenewableShare) else upwards
    right = upwards if isinstance(constraint, RenewableShare) else downwards
    return "the words bound it from the other side" if wrong and not right else None


def _with_strength(constraint: Constraint, reading: Reading) -> Constraint:
    """The rules know a wish from a demand where they read the same."""
    known = next((other for other in reading.constraints if _is_same(constraint, other)), None)
    return constraint if known is None else constraint.model_copy(update={"strength": known.strength})


# words


def _in_other_words(constraint: Constraint) -> tuple[Verdict, str]:
    """In another language only figures can be checked: each of the value must stand in the quote, in some unit."""
    said = [float(number) for number in _numbers(constraint.quote)]
    fields = ("max_g", "max_g_per_kwh", "min_pct", "max_gbp", "max_gbp_per_kwh", "amount", "max_pauses")
    given = [float(value) for name in fields if (value := getattr(constraint, name, None)) is not None]
    for value in given:
        if not any(isclose(value, number * unit) for number in said for unit in (1, 1e3, 1e6, 1e-2, 1e-3)):
            return "contradicted", f"{value:g} is not in the quoted words"
    if isinstance(constraint, Start | Finish) and said:
        local = constraint.time.astimezone(UK)
        if not {local.hour, local.hour % 12, local.day, 12 if local.hour in {0, 12} else -1} & {int(n) for n in said}:
            return "contradicted", "the quoted words hold another time"
    return "undecided", "the request is not in English; it only tightens"


def _numbers(text: str) -> list[str]:
    cleaned = "".join(letter if letter.isascii() and (letter.isdigit() or letter == ".") else " " for letter in text)
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
