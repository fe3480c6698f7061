"""Results of pure functions, kept while their (frozen) problem lives: the nodes of a run ask the same thing often."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import ref

from tools.market import Market
from tools.placement import Problem

T = TypeVar("T")


def remembered(compute: Callable[[Problem, Market], T]) -> Callable[[Problem, Market], T]:
    """Not computed again for the very same objects. A result must not refer to its problem, which would never go."""
    known: dict[int, tuple[ref[Problem], dict[int, tuple[Market, T]]]] = {}
    """By identity, which no other object can have while the one that is kept lives."""

    @wraps(compute)
    def remembering(problem: Problem, market: Market) -> T:
        key = id(problem)
        if key not in known:
            known[key] = ref(problem, lambda _: known.pop(key, None)), {}
        by_market = known[key][1]
        if id(market) not in by_market:
            by_market[id(market)] = market, compute(problem, market)
        return by_market[id(market)][1]

    return remembering
