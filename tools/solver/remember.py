"""Results of pure functions, kept while their (frozen) arguments live: the nodes of a run ask the same thing often."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, TypeVar

from tools.market import Market
from tools.placement import Problem

T = TypeVar("T")
_REMEMBERED: Final = 128
"""Results kept per function: those of the runs in flight, each asked for a dozen times."""


class _Same:
    """Equal to itself only: a key by identity, which keeps its object alive while it is one."""

    __slots__ = ("value",)

    def __init__(self, value: Problem | Market) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value


def remembered(compute: Callable[[Problem, Market], T]) -> Callable[[Problem, Market], T]:
    """Not computed again for the very same objects."""

    @lru_cache(maxsize=_REMEMBERED)
    def cached(problem: _Same, market: _Same) -> T:
        if not isinstance(problem.value, Problem) or not isinstance(market.value, Market):
            raise TypeError
        return compute(problem.value, market.value)

    @wraps(compute)
    def remembering(problem: Problem, market: Market) -> T:
        return cached(_Same(problem), _Same(market))

    return remembering
