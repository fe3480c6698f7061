"""Runs with pauses."""

from collections.abc import Sequence

from tools.grid import Grid, Order


def with_pauses(
    grid: Grid, order: Order, plans: Sequence[Sequence[tuple[int, int]] | None]
) -> list[Sequence[tuple[int, int]] | None]:
    return list(plans)
