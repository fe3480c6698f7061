"""What several clauses say about the same thing, put together."""

from collections.abc import Iterator, Sequence
from datetime import time
from itertools import combinations

from agents.constraints import Between, Constraint, Hours, Pausing, Preference, Region, Site
from agents.request.scope import Found

_MOST_RANGES = 32
"""Ranges compared with each other; no person names more, and it bounds the time that any text takes."""


def merged(found: Sequence[Found], text: str) -> list[Constraint]:
    """One set of regions of each strength and polarity, one of weekdays or dates; what is said twice counts once."""
    kept = _without_hours_twice(_days_with_hours(found, text))
    for strength in ("must", "should"):
        for allowed in (True, False):
            kept = _joined_regions(kept, text, strength, allowed=allowed)
        kept = _joined_sites(kept, text, strength)
    kept = _less_excluded(_joined_pauses(kept, text), text)
    for allowed in (True, False):
        kept = _joined_days(kept, text, allowed=allowed)
    kept = _any_of_the_ranges(kept, text)
    return _once([item.constraint for item in kept])


def _joined(items: Sequence[Found], text: str, **update: object) -> Found:
    start, end = min(item.start for item in items), max(item.end for item in items)
    quote = text[start:end].strip()
    return Found(items[0].constraint.model_copy(update={**update, "quote": quote}), start, end)


def _replaced(found: Sequence[Found], items: Sequence[Found], by: Found) -> list[Found]:
    """The whole with `items` taken out, `by` where the first of them stood."""
    gone = {id(item) for item in items[1:]}
    return [by if item is items[0] else item for item in found if id(item) not in gone]


def _regions(found: Sequence[Found], strength: str, *, allowed: bool) -> list[Found]:
    return [
        item
        for item in found
        if isinstance(item.constraint, Region)
        and item.constraint.strength == strength
        and item.constraint.allowed == allowed
    ]


def _named(item: Found) -> frozenset[int]:
    return frozenset(item.constraint.regions) if isinstance(item.constraint, Region) else frozenset()


def _joined_regions(found: Sequence[Found], text: str, strength: str, *, allowed: bool) -> list[Found]:
    """ "In Wales or Scotland", "keep it out of London. Keep it out of Wales." """
    same = _regions(found, strength, allowed=allowed)
    if len(same) < 2:
        return list(found)
    regions = tuple(sorted(frozenset().union(*map(_named, same))))
    return _replaced(found, same, _joined(same, text, regions=regions))


def _joined_sites(found: Sequence[Found], text: str, strength: str) -> list[Found]:
    """ "At Edinburgh Park or Cardiff One"."""
    same = [
        item
        for item in found
        if isinstance(item.constraint, Site) and item.constraint.allowed and item.constraint.strength == strength
    ]
    if len(same) < 2:
        return list(found)
    sites = dict.fromkeys(name for item in same for name in item.constraint.sites)  # type: ignore[union-attr]  # Site
    return _replaced(found, same, _joined(same, text, sites=tuple(sites)))


def _joined_pauses(found: Sequence[Found], text: str) -> list[Found]:
    """ "It may be paused, twice at most, for stretches of at least an hour"."""
    same = [item for item in found if isinstance(item.constraint, Pausing) and item.constraint.allowed]
    if len(same) < 2:
        return list(found)
    said = {
        name: value
        for item in same
        for name in ("max_pauses", "min_run_minutes")
        if (value := getattr(item.constraint, name)) is not None
    }
    return _replaced(found, same, _joined(same, text, **said))


def _less_excluded(found: Sequence[Found], text: str) -> list[Found]:
    """ "In England but not in London" is one set; "only Wales, never anywhere else" says one thing twice."""
    allowed, excluded = _regions(found, "must", allowed=True), _regions(found, "must", allowed=False)
    if not (allowed and excluded):
        return list(found)
    inside, outside = _named(allowed[0]), _named(excluded[0])
    if inside <= outside:
        return [item for item in found if item is not excluded[0]]
    if inside & outside:
        both = [allowed[0], excluded[0]]
        return _replaced(found, both, _joined(both, text, regions=tuple(sorted(inside - outside))))
    return list(found)


def _joined_days(found: Sequence[Found], text: str, *, allowed: bool) -> list[Found]:
    """ "On Monday or Tuesday": days without hours are alternatives."""
    same = [
        item
        for item in found
        if isinstance(item.constraint, Hours)
        and item.constraint.allowed == allowed
        and item.constraint.start is None
        and item.constraint.end is None
    ]
    for name in ("weekdays", "dates"):
        days = [item for item in same if getattr(item.constraint, name)]
        if len(days) > 1:
            union = {day: None for item in days for day in getattr(item.constraint, name)}
            found = _replaced(found, days, _joined(days, text, **{name: tuple(union)}))
    return list(found)


def _any_of_the_ranges(found: Sequence[Found], text: str) -> list[Found]:
    """ "Between 1am and 4am or between 2pm and 4pm": two ranges that no run can be in at once are alternatives."""
    kept: list[Found] = list(found)
    ranges = [item for item in kept if _has_clock(item) and item.constraint.allowed]  # type: ignore[union-attr]  # Hours
    gone: set[int] = set()
    for item, other in combinations(ranges[:_MOST_RANGES], 2):
        one, two = item.constraint, other.constraint
        if gone & {id(item), id(other)} or not isinstance(one, Hours) or not isinstance(two, Hours):
            continue
        before = kept
        if one.strength != two.strength or one.weekdays != two.weekdays:
            continue
        if one.dates == two.dates and _are_apart(one, two):
            also = (*one.also, Between(start=two.start or time(), end=two.end or time()))
            kept = _replaced(kept, [item, other], _joined([item, other], text, also=also))
        elif one.dates and two.dates and (one.start, one.end) == (two.start, two.end):
            kept = _replaced(kept, [item, other], _joined([item, other], text, dates=(*one.dates, *two.dates)))
        if kept is not before:
            gone |= {id(item), id(other)}
    return kept


def _days_with_hours(found: Sequence[Found], text: str) -> list[Found]:
    """ "On Monday or Tuesday between 9am and 5pm": the hours are of both days."""
    kept = list(found)
    at = 0
    while at + 1 < len(kept):
        one, two = kept[at].constraint, kept[at + 1].constraint
        joined = _day_and_hours(one, two) if isinstance(one, Hours) and isinstance(two, Hours) else None
        if joined is None:
            at += 1
        else:
            kept[at : at + 2] = [_joined(kept[at : at + 2], text, **joined)]
    return kept


def _day_and_hours(one: Hours, two: Hours) -> dict[str, object] | None:
    bare = [item.start is None and item.end is None for item in (one, two)]
    if not (one.allowed and two.allowed) or all(bare) or not any(bare):
        return None
    days, hours = (one, two) if bare[0] else (two, one)
    if one.strength != two.strength and not (days.dates and hours.dates):
        return None
    if hours.weekdays or (hours.dates and not (days.dates and bare[0])) or (days.weekdays and days.dates):
        return None
    clock = {"start": hours.start, "end": hours.end, "recurs": hours.recurs and not days.dates}
    return {**clock, "strength": hours.strength, "weekdays": days.weekdays, "dates": (*days.dates, *hours.dates)}


def _are_apart(one: Hours, two: Hours) -> bool:
    taken = [set(_half_hours(hours)) for hours in (one, two)]
    return not taken[0] & taken[1]


def _half_hours(hours: Hours) -> Iterator[int]:
    first, last = ((clock or time()).hour * 2 + (clock or time()).minute // 30 for clock in (hours.start, hours.end))
    return (slot % 48 for slot in range(first, last + 48 * (last <= first)))


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
