"""Plans of a run as minutes: what they share, whoever found them."""

from collections.abc import Sequence
from typing import TypeAlias

from tools.grid import Grid, within

Minutes: TypeAlias = Sequence[tuple[int, int]]
"""Stretches [start, end) in minutes from the market's start, ascending."""

BIG = 1e9
"""Per-minute weight of a cell that cannot be used; far above any price or intensity."""


def keeps_limits(grid: Grid, asset: int, plan: Minutes) -> bool:
    """Latest start and caps; everything else holds by construction."""
    if plan[0][0] > grid.last_start[asset]:
        return False
    caps = grid.caps(asset)
    if not caps:
        return True
    minutes = sum(end - start for start, end in plan)
    total = grid.sums([(asset, plan)])[:, 0]
    return all(bool(within(total, minutes, cap)) for cap in caps)


def joined(pieces: Sequence[tuple[int, int]]) -> Minutes:
    """Sorted, neighbours that touch made one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(pieces):
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(merged)
