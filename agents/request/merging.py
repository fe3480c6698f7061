"""What several clauses say about the same thing, put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any, TypeAlias

from agents.constraints import Between, Constraint, Hours, Pausing, Preference, Region, Site


@dataclass(frozen=True)
class Found:
    """A constraint and where its words stand."""

    constraint: Constraint
    start: int
    end: int


Join: TypeAlias = Callable[[Any, Any], dict[str, object] | None]
"""What the first of two constraints becomes where both say one thing; None where they stand apart."""
_MOST = 32
"""Constraints that one is compared with; no person names more, and it bounds the time that any text takes."""


def merged(found: Sequence[Found], text: str) -> list[Constraint]:
    """One set of regions of each strength and polarity, one of weekdays or dates; what is said twice counts once."""
    kept = _without_hours_twice(_joined(found, text, _day_and_hours, most=1))
    return _once([item.constraint for item in _joined(_joined(kept, text, _union), text, _difference)])


def _joined(found: Sequence[Found], text: str, join: Join, most: int = _MOST) -> list[Found]:
    kept: list[Found] = []
    for item in found:
        for at, known in list(enumerate(kept))[-most:]:
            if (update := join(known.constraint, item.constraint)) is not None:
                start, end = min(known.start, item.start), max(known.end, item.end)
                update["quote"] = text[start:end].strip()
                kept[at] = Found(known.constraint.model_copy(update=update), start, end)
                break
        else:
            kept.append(item)
    return kept


def _day_and_hours(one: Any, two: Any) -> dict[str, object] | None:  # noqa: ANN401  constraints
    """ "On Monday or Tuesday between 9am and 5pm": the hours are of both days."""
    if not (isinstance(one, Hours) and isinstance(two, Hours) and one.allowed and two.allowed):
        return None
    bare = [item.start is None and item.end is None for item in (one, two)]
    days, hours = (one, two) if bare[0] else (two, one)
    if all(bare) or not any(bare) or (one.strength != two.strength and not (days.dates and hours.dates)):
        return None
    if hours.weekdays or (hours.dates and not (days.dates and bare[0])) or (days.weekdays and days.dates):
        return None
    clock = {"start": hours.start, "end": hours.end, "recurs": hours.recurs and not days.dates}
    return {**clock, "strength": hours.strength, "weekdays": days.weekdays, "dates": (*days.dates, *hours.dates)}


def _union(one: Any, two: Any) -> dict[str, object] | None:  # noqa: ANN401  constraints
    if type(one) is not type(two) or getattr(one, "allowed", None) != getattr(two, "allowed", None):
        return None
    if isinstance(one, Pausing) and one.allowed:  # "it may be paused, twice at most, for at least an hour"
        said = two.model_dump(include={"max_pauses", "min_run_minutes"}, exclude_none=True)
        return {**one.model_dump(include={"max_pauses", "min_run_minutes"}), **said}
    if one.strength != two.strength:
        return None
    if isinstance(one, Region):  # "in Wales or Scotland", "keep it out of London. Keep it out of Wales."
        return {"regions": tuple(sorted({*one.regions, *two.regions}))}
    if isinstance(one, Site) and one.allowed:
        return {"sites": tuple(dict.fromkeys((*one.sites, *two.sites)))}
    return _hours(one, two) if isinstance(one, Hours) else None


def _hours(one: Hours, two: Hours) -> dict[str, object] | None:
    clock, other = (one.start, one.end), (two.start, two.end)
    for name in ("weekdays", "dates"):  # "on Monday or Tuesday", "tomorrow or Friday between 9am and 5pm"
        days, more = getattr(one, name), getattr(two, name)
        if days and more and clock == other and (clock == (None, None) or (one.allowed and name == "dates")):
            return {name: tuple(dict.fromkeys((*days, *more)))}
    if not one.allowed or (one.weekdays, one.dates) != (two.weekdays, two.dates) or _slots(one) & _slots(two):
        return None
    return {"also": (*one.also, Between(start=two.start or time(), end=two.end or time()), *two.also)}


def _slots(hours: Hours) -> set[int]:
    """The half-hours of a day that it takes: ranges that no run can be in at once are alternatives."""
    ranges = [(hours.start or time(), hours.end or time()), *((other.start, other.end) for other in hours.also)]
    numbers = [[clock.hour * 2 + clock.minute // 30 for clock in ends] for ends in ranges]
    return {slot % 48 for first, last in numbers for slot in range(first, last + 48 * (last <= first))}


def _difference(one: Any, two: Any) -> dict[str, object] | None:  # noqa: ANN401  constraints
    """ "In England but not in London" is one set; "only Wales, never anywhere else" says one thing twice."""
    if not (isinstance(one, Region) and isinstance(two, Region)) or "should" in {one.strength, two.strength}:
        return None
    if one.allowed == two.allowed:
        return None
    inside, outside = (set(it.regions) for it in ((one, two) if one.allowed else (two, one)))
    left = inside if inside <= outside else inside - outside
    return {"regions": tuple(sorted(left)), "allowed": True} if inside & outside else None


def _without_hours_twice(found: Sequence[Found]) -> list[Found]:
    """ "Overnight, 23:00 to 05:00": the figures say what the word means."""
    hours = [item for item in found if isinstance(item.constraint, Hours) and item.constraint.allowed]
    firm = any(item.constraint.strength == "must" and _has_clock(item) for item in hours)
    wished = {id(item) for item in hours if firm and item.constraint.strength == "should"}
    return [item for item in found if id(item) not in wished]


def _has_clock(item: Found) -> bool:
    return isinstance(item.constraint, Hours) and item.constraint.start is not None


def _once(found: Sequence[Constraint]) -> list[Constraint]:
    kept: dict[str, Constraint] = {}
    values = {item.first for item in found if isinstance(item, Preference)}
    for item in found:
        if isinstance(item, Preference) and item.first == "cost" and "cost_only" in values:
            continue
        key = item.model_dump_json(exclude={"quote", "strength"})
        known = kept.get(key)
        if known is None or (known.strength == "should" and item.strength == "must"):
            kept[key] = item
    return list(kept.values())
