"""Whether the value of a constraint is made of the words that are quoted for it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time, timedelta
from math import isclose
from typing import Any

from agents import constraints as kinds
from agents.constraints import WEEKDAYS, Constraint, uk_time
from agents.request import times
from agents.request.tokens import Tag
from tools.regions import REGION_IDS
from tools.slots import UK

MINUTE = timedelta(minutes=1)
_MOODS = {
    "carbon": frozenset({"CARBON", "GREENEST", "MINIMISE", "RENEW", "INTENSITY"}),
    "cost": frozenset({"COST", "CHEAPEST", "MINIMISE"}),
    "cost_only": frozenset({"CARBON", "COST", "CHEAPEST", "RENEW", "GREENEST"}),
    "soon": frozenset({"SOON", "NOWT", "EARLIEST", "TODAY"}),
    "renewables": frozenset({"RENEW"}),
}
PAUSES = frozenset({"PAUSE", "PAUSABLE", "ONEGO", "STRETCH", "COUNT"})


def missing(constraint: Constraint, tags: Sequence[Tag], now: datetime) -> str | None:
    """What of the value the quoted tags do not say; None where they say all of it."""
    why: str | None = _VALUES[type(constraint)](constraint, tags, now.astimezone(UK))
    return why


def _region(it: kinds.Region, tags: Sequence[Tag], _: datetime) -> str | None:
    named = frozenset().union(*(tag.value for tag in tags if tag.type == "PLACE"))
    if not named:
        return "the quoted words name no region of Great Britain"
    given = frozenset(it.regions)
    if given <= named or given == frozenset(REGION_IDS) - named:
        return None
    return f"the quoted words name regions {', '.join(map(str, sorted(named)))}"


def _site(it: kinds.Site, tags: Sequence[Tag], _: datetime) -> str | None:
    named = {str(tag.value).casefold() for tag in tags if tag.type == "SITE"}
    return None if {site.casefold() for site in it.sites} <= named else "the quoted words name no such data centre"


def _hardware(it: kinds.Hardware, tags: Sequence[Tag], _: datetime) -> str | None:
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


def _instant(it: kinds.Start | kinds.Finish, tags: Sequence[Tag], now: datetime) -> str | None:
    meant = [instant for tag in tags for instant in _instants(tag, now)]
    if not meant:
        return "the quoted words hold no time"
    if any(abs(instant - it.time) <= MINUTE for instant in meant):
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


def _hours(it: kinds.Hours, tags: Sequence[Tag], now: datetime) -> str | None:
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


def _dates(it: kinds.Hours, told: Sequence[Tag], now: datetime) -> str | None:
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


def _amount(it: kinds.Cap, tags: Sequence[Tag], _: datetime) -> str | None:
    return _is_said(it.amount, [tag.value for tag in tags if tag.type == it.measure[0]])


def _is_said(given: float, said: Sequence[float]) -> str | None:
    if any(isclose(given, amount, rel_tol=1e-6, abs_tol=1e-9) for amount in said):
        return None
    return f"the quoted words hold {' and '.join(f'{amount:g}' for amount in said) or 'no such amount with its unit'}"


def _pausing(it: kinds.Pausing, tags: Sequence[Tag], _: datetime) -> str | None:
    if not any(tag.type in PAUSES or any(part.type == "PAUSE" for part in tag.parts) for tag in tags):
        return "the quoted words say nothing of pauses"
    if it.max_pauses and not any(tag.type in {"COUNT", "NUM"} and tag.value == it.max_pauses for tag in tags):
        return "the quoted words hold no such number of pauses"
    spans = [tag.value.total_seconds() / 60 for tag in tags if tag.type == "SPAN"]
    return None if it.min_run_minutes is None else _is_said(it.min_run_minutes, spans)


def _saving(it: kinds.Saving, tags: Sequence[Tag], _: datetime) -> str | None:
    if not any(tag.type in {"SAVE", "LESS", "CHEAPEST", "GREENEST", "MINIMISE"} for tag in tags):
        return "the quoted words say nothing of saving"
    kind = {"pct": "PCT", "g": "MASS", "gbp": "MONEY"}[it.unit]
    return _is_said(it.amount, [tag.value for tag in tags if tag.type == kind])


def _preference(it: kinds.Preference, tags: Sequence[Tag], _: datetime) -> str | None:
    if any(tag.type in _MOODS[it.first] or (it.first == "carbon" and tag.word == "green") for tag in tags):
        return None
    return "the quoted words say nothing of what matters most"


def _job(it: kinds.JobFacts, tags: Sequence[Tag], _: datetime) -> str | None:
    said = (
        (it.duration_minutes, [tag.value.total_seconds() / 60 for tag in tags if tag.type == "SPAN"]),
        (it.energy_kwh, [tag.value for tag in tags if tag.type == "ENERGY"]),
        (it.gpus, [tag.value for tag in tags if tag.type == "GPUS"]),
    )
    return next((why for given, amounts in said if given is not None and (why := _is_said(given, amounts))), None)


_VALUES: dict[type, Callable[[Any, Sequence[Tag], datetime], str | None]] = {
    kinds.Region: _region,
    kinds.Site: _site,
    kinds.Hardware: _hardware,
    kinds.Start: _instant,
    kinds.Finish: _instant,
    kinds.Hours: _hours,
    **dict.fromkeys(kinds.Cap.__subclasses__(), _amount),
    kinds.Pausing: _pausing,
    kinds.Saving: _saving,
    kinds.Preference: _preference,
    kinds.JobFacts: _job,
    kinds.Unsupported: lambda _it, _tags, _now: None,
}
