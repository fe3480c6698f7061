"""Whether the value of a constraint is made of the words that are quoted for it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from math import isclose

from agents import constraints as kinds
from agents.constraints import WEEKDAYS, Constraint, uk_time
from agents.request import times
from agents.request.times import Point
from agents.request.tokens import Tag, words
from tools.regions import REGION_IDS
from tools.slots import UK

MINUTE = timedelta(minutes=1)


def missing(it: Constraint, tags: Sequence[Tag], now: datetime) -> str | None:
    """What of the value the quoted tags do not say; None where they say all of it."""
    for given, types in _amounts(it):
        said = [_number(tag) for tag in tags if tag.type in types]
        fewer = [_number(tag) - 1 for tag in tags if tag.type == "COUNT" and "COUNT" in types]
        if given is not None and not any(isclose(given, one, rel_tol=1e-6, abs_tol=1e-9) for one in (*said, *fewer)):
            named = " and ".join(f"{number:g}" for number in said)
            return f"the quoted words hold {named or 'no such amount with its unit'}"
    match it:
        case kinds.Region():
            return _region(it, tags)
        case kinds.Site():
            named_sites = {str(tag.value).casefold() for tag in tags if tag.type == "SITE"}
            is_named = {site.casefold() for site in it.sites} <= named_sites
            return None if is_named else "the quoted words name no such data centre"
        case kinds.Hardware():
            return _hardware(it, tags)
        case kinds.Start() | kinds.Finish():
            return _instant(it, tags, now.astimezone(UK))
        case kinds.Hours():
            return _hours(it, tags, now.astimezone(UK))
    return None


def _amounts(it: Constraint) -> list[tuple[float | None, frozenset[str]]]:
    """Each with the types of the tags that can say it."""
    match it:
        case kinds.Cap() | kinds.Saving():
            return [(it.amount, words(it.value_type))]
        case kinds.Pausing():
            return [(it.max_pauses or None, words("COUNT NUM")), (it.min_run_minutes, words("SPAN"))]
        case kinds.JobFacts():
            return [(it.duration_minutes, words("SPAN")), (it.energy_kwh, words("ENERGY")), (it.gpus, words("GPUS"))]
    return []


def _number(tag: Tag) -> float:
    return float(tag.value.total_seconds() / 60 if tag.type == "SPAN" else tag.value)


def _region(it: kinds.Region, tags: Sequence[Tag]) -> str | None:
    named = frozenset().union(*(tag.value for tag in tags if tag.type == "PLACE"))
    if not named:
        return "the quoted words name no region of Great Britain"
    given = frozenset(it.regions)
    if given <= named or given == frozenset(REGION_IDS) - named:
        return None
    return f"the quoted words name regions {', '.join(map(str, sorted(named)))}"


def _hardware(it: kinds.Hardware, tags: Sequence[Tag]) -> str | None:
    parts = [part for tag in tags for part in (tag, *tag.parts) if part.type == "GPU"]
    named = [_squeezed("".join(part.word for part in gpu.parts)) for gpu in parts]
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


def _instants(tag: Tag, now: datetime) -> Iterator[datetime]:
    try:
        if tag.type == "INSTANT":
            yield from (times.resolve(tag.value, now, side) for side in ("early", "late"))
        elif tag.type in {"SPAN", "NEXTSPAN"}:
            yield now + tag.value
        elif tag.type.startswith("RANGE"):
            yield from times.window(tag.value, now) or ()
        elif tag.type == "DAYS" and tag.value == {"sat", "sun"}:
            saturday = times.weekday("sat", now.date())
            yield from (datetime.combine(saturday + timedelta(days=ahead), time(), UK) for ahead in (0, 2))
    except OverflowError:
        return


def _hours(it: kinds.Hours, tags: Sequence[Tag], now: datetime) -> str | None:
    told = [tag for tag in tags if tag.type in {"RANGE", "RANGEBARE", "DAYS", "INSTANT"}]
    if not told:
        return "the quoted words hold no hours or days"
    said: list[Point] = [tag.value if tag.type == "INSTANT" else tag.value[0] for tag in told if tag.type != "DAYS"]
    dates = {point.day for point in said if point.day}
    days = {WEEKDAYS[day.weekday()] for day in dates}.union(*(point.days for point in said))
    days = days.union(*(tag.value for tag in told if tag.type == "DAYS"))
    if it.weekdays and set(it.weekdays) not in (days, set(WEEKDAYS) - days):
        return f"the quoted words name {', '.join(day for day in WEEKDAYS if day in days) or 'no days'}"
    edges = [instant.astimezone(UK) for tag in told for instant in _edges(tag, now)]
    clocks = {edge.time().replace(second=0, microsecond=0, fold=0) for edge in edges}
    given = {clock.replace(tzinfo=None) for clock in (it.start, it.end) if clock is not None}
    if given - clocks - {time()}:
        return f"the quoted words name the hours {', '.join(f'{c:%H:%M}' for c in sorted(clocks)) or 'of no clock'}"
    if given and not said:
        return "the quoted words hold no hours"
    if dates and it.allowed and not (it.dates or it.weekdays):
        return "the quoted words name a day, and the answer does not"
    meant = dates | {edge.date() for edge in edges}
    if it.dates and meant and len(said) == len(told) and not set(it.dates) <= meant:
        return f"the quoted words mean {', '.join(day.isoformat() for day in sorted(meant))}"
    return None


def _edges(tag: Tag, now: datetime) -> Iterator[datetime]:
    if tag.type == "INSTANT" and tag.value.part:
        return iter(times.window(times.part_range(tag.value), now) or ())
    return _instants(tag, now)
