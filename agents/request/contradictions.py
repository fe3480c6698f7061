"""Demands of one text that cannot all be meant."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from itertools import combinations
from typing import Any

from agents import constraints as kinds
from agents.constraints import Constraint
from agents.request.merging import Found
from tools.slots import UK

_MOST = 40
"""Constraints that are held against each other; it bounds the time that any text takes."""


def contradictions(found: Sequence[Found], text: str) -> Iterator[tuple[Found, Found]]:
    """Pairs of demands that differ about the same thing: nobody knows which of them holds."""
    firm = [it for it in found if it.constraint.strength == "must" or isinstance(it.constraint, kinds.Preference)]
    return (
        (one, two)
        for one, two in combinations(firm[:_MOST], 2)
        if _contradict(one.constraint, two.constraint) or (_elsewhere(one, two) and _are_apart(one, two, text))
    )


def _elsewhere(one: Found, two: Found) -> bool:
    """ "Only in Wales" and "only in Scotland"."""
    match one.constraint, two.constraint:
        case (kinds.Region(allowed=True, regions=first), kinds.Region(allowed=True, regions=last)):
            return not set(first) & set(last)
    return False


def _are_apart(one: Found, two: Found, text: str) -> bool:
    """In different sentences."""
    first, last = sorted((one, two), key=lambda item: item.start)
    return any(sign in text[first.end : last.start] for sign in ".!?\n")


def _contradict(one: Any, two: Any) -> bool:  # noqa: ANN401  constraints
    match one, two:
        case (kinds.Start(), kinds.Finish()) | (kinds.Finish(), kinds.Start()):
            start, finish = (one, two) if isinstance(one, kinds.Start) else (two, one)
            return bool(start.time >= finish.time)
        case kinds.Start(), kinds.Start():
            return bool(one.bound == two.bound and one.time != two.time)
        case kinds.Finish(), kinds.Finish():
            return bool(one.time != two.time) and not _ends_the_day_of(one.time, two.time)
        case kinds.Region(), kinds.Region():
            return one.allowed != two.allowed and one.regions == two.regions
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
