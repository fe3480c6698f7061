"""Runs with pauses where every half-hour is used whole or not at all, but for one: the cheapest half-hours.

So it is where a resume costs nothing, an interval need be no longer than a half-hour, and the window and all that is
blocked in it begin and end with half-hours: minutes can be moved between two part-used half-hours, to the cheaper one,
until one of them is whole or empty. All ways to place the remainder are weighed at once. Else: `dynamic_program`.
"""

from dataclasses import dataclass

import numpy as np

from tools.market import FloatArray
from tools.slots import SLOT_MINUTES
from tools.solver.instance import BIG_M, BoolArray, IntArray, Intervals, joined


def cheapest_slots(weight: FloatArray, usable: BoolArray, first: int, minutes: int) -> list[Intervals | None]:
    """Per asset the plan of least weight, limits apart; None where none fits.

    Args:
        weight: (A, J) per minute of each half-hour, the first of which begins at minute `first`.
        usable: (A, J).
        minutes: to be run, at least a half-hour.
    """
    slots = _Ranked.of(np.where(usable, weight, BIG_M))
    whole, remainder = divmod(minutes, SLOT_MINUTES)
    count = weight.shape[1]
    if whole + (remainder > 0) > count:
        return [None] * len(weight)
    if not remainder:
        value = SLOT_MINUTES * slots.sums[:, whole]
        chosen = slots.order[:, :whole]
        return [_plan(first, chosen[a], None) if value[a] < BIG_M / 2 else None for a in range(len(value))]
    cell = np.tile(np.arange(count), 2)
    side = np.repeat([-1, 1], count)
    """-1: the remainder follows its left neighbour; +1: it leads into its right one."""
    beside = cell + side
    inside = (beside >= 0) & (beside < count)
    cell, side, beside = cell[inside], side[inside], beside[inside]
    taken = slots.cheapest(whole - 1, cell, beside)
    value = remainder * slots.weight[:, cell] + SLOT_MINUTES * (slots.weight[:, beside] + taken)
    best = value.argmin(axis=1)
    plans: list[Intervals | None] = []
    for asset, way in enumerate(best.tolist()):
        if value[asset, way] >= BIG_M / 2:
            plans.append(None)
            continue
        out = (cell[way], beside[way])
        others = [slot for slot in slots.order[asset, : whole + 1].tolist() if slot not in out][: whole - 1]
        begin = first + int(cell[way]) * SLOT_MINUTES + (SLOT_MINUTES - remainder if side[way] > 0 else 0)
        plans.append(_plan(first, np.array([*others, beside[way]]), (begin, begin + remainder)))
    return plans


def _plan(first: int, slots: IntArray, remainder: tuple[int, int] | None) -> Intervals:
    begins = [first + slot * SLOT_MINUTES for slot in slots.tolist()]
    pieces = [(begin, begin + SLOT_MINUTES) for begin in begins]
    return joined([*pieces, remainder] if remainder else pieces)


@dataclass(frozen=True)
class _Ranked:
    """Half-hours by weight. Shapes: A assets, J half-hours."""

    weight: FloatArray
    """(A, J)."""
    order: IntArray
    """(A, J): by ascending weight."""
    rank: IntArray
    """(A, J): place of each in `order`."""
    ordered: FloatArray
    """(A, J): weights in that order."""
    sums: FloatArray
    """(A, J + 1): of the first n."""

    @classmethod
    def of(cls, weight: FloatArray) -> "_Ranked":
        order = np.argsort(weight, axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], axis=1)
        ordered = np.take_along_axis(weight, order, axis=1)
        sums = np.zeros((weight.shape[0], weight.shape[1] + 1))
        np.cumsum(ordered, axis=1, out=sums[:, 1:])
        return cls(weight, order, rank, ordered, sums)

    def cheapest(self, count: int, one: IntArray, other: IntArray) -> FloatArray:
        """(A, N): least sum of weights of `count` half-hours but `one` and `other`, (N,) each; BIG_M where too few."""
        low = np.minimum(self.rank[:, one], self.rank[:, other])
        high = np.maximum(self.rank[:, one], self.rank[:, other])
        rows, size = np.arange(len(self.weight))[:, None], self.weight.shape[1]
        end = np.full(low.shape, count)
        skipped = np.zeros(low.shape)
        for rank in (low, high):
            taken = rank < end
            end += taken
            skipped += taken * self.ordered[rows, rank]
        total = self.sums[rows, np.minimum(end, size)] - skipped
        return np.where(end <= size, total, BIG_M)
