"""Limits that the owner of a workload has given up after a failure: what its words ask for is loosened so far again."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from pydantic import AwareDatetime, JsonValue, TypeAdapter, ValidationError

from tools.placement import Limits, Problem, Relaxed, Segment

T = TypeVar("T", int, float, datetime)
_INSTANT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
_SEGMENTS: TypeAdapter[tuple[tuple[datetime, datetime], ...]] = TypeAdapter(
    tuple[tuple[AwareDatetime, AwareDatetime], ...]
)
_CEILINGS = (
    "carbon_cap_g",
    "max_intensity_g_per_kwh",
    "max_cost_gbp",
    "max_price_gbp_per_kwh",
    "max_mean_price_gbp_per_kwh",
)


def keep_relaxed(before: Problem, after: Problem) -> Problem:
    """`after`, which the words of the request made of `before`, with what their owner gave up (`before.relaxed`).

    Never looser than `before`, whose limits are the columns': those are loosened in the row itself. Where no guard
    keeps users from `metadata`, anything may stand there: an entry that makes no sense changes nothing.
    """
    for relaxed in before.relaxed:
        with suppress(ValidationError):
            after = _loosened(before, after, relaxed)
    return after


def _loosened(before: Problem, after: Problem, relaxed: Relaxed) -> Problem:
    if relaxed.limit == "max_pauses":
        job, columns = after.job, before.job.max_pauses
        most = _looser(job.max_pauses, _number(relaxed.value), columns)
        return after.model_copy(update={"job": job.model_copy(update={"max_pauses": most})})
    return after.model_copy(
        update={"limits": after.limits.model_copy(update=_limit(before.limits, after.limits, relaxed))}
    )


def _limit(columns: Limits, words: Limits, relaxed: Relaxed) -> dict[str, object]:
    name, value = relaxed.limit, relaxed.value
    if name in ("latest_finish", "latest_start"):
        return {name: _looser(getattr(words, name), _instant(value), getattr(columns, name))}
    if name == "earliest_start":
        wanted = _instant(value) or columns.earliest_start
        return {name: max(columns.earliest_start, min(words.earliest_start, wanted))}
    if name in _CEILINGS:
        return {name: _looser(getattr(words, name), _number(value), getattr(columns, name))}
    if name == "min_renewable_pct":
        least, floor, share = columns.min_renewable_pct, words.min_renewable_pct, _number(value)
        kept = None if floor is None or share is None else min(floor, share)
        return {name: least if kept is None else kept if least is None else max(kept, least)}
    if name == "forbidden":
        return {name: tuple(left for one in words.forbidden for left in _less(one, _SEGMENTS.validate_python(value)))}
    listed = [one for one in value if isinstance(one, str | int | float)] if isinstance(value, list) else []
    given = getattr(words, name, None)
    if name.startswith("required_"):
        return {name: None if given is None else tuple(dict.fromkeys([*given, *listed]))}
    if name.startswith("excluded_"):
        return {name: tuple(one for one in given or () if one not in listed)}
    return {}


def _looser(words: T | None, wanted: T | None, columns: T | None) -> T | None:
    """Of upper limits; None: none."""
    loosened = None if words is None or wanted is None else max(words, wanted)
    return columns if loosened is None else loosened if columns is None else min(loosened, columns)


def _less(one: Segment, allowed: Iterable[tuple[datetime, datetime]]) -> list[Segment]:
    """What is left of a forbidden interval."""
    left = [one]
    for start, end in allowed:
        cut = [(part.start, min(part.end, start)) for part in left] + [
            (max(part.start, end), part.end) for part in left
        ]
        left = [Segment(start=begin, end=until) for begin, until in cut if begin < until]
    return left


def _instant(value: JsonValue) -> datetime | None:
    return None if value is None else _INSTANT.validate_python(value)


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None
