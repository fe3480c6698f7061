"""Runs without a pause: the exact optimum over every start minute.

A run's carbon and cost are piecewise linear in its start, with kinks where its start or its end crosses a slot edge
(or a promise of capacity begins or ends). So an optimum lies at a kink, at the first or last allowed minute, or, where
a cap holds, next to the minute at which the cap is crossed. Only those minutes are looked at.
"""

from dataclasses import dataclass

import numpy as np

from tools.market import FloatArray
from tools.slots import SLOT_MINUTES
from tools.solver.instance import RENEWABLE, TIE, BoolArray, Grid, IntArray, Order, within


@dataclass(frozen=True)
class Starts:
    """Candidate start minutes with what a run from there sums up to. Shapes: A assets, N candidates."""

    start: IntArray
    """(A, N)."""
    total: FloatArray
    """(3, A, N): minutes-weighted sums of intensity, renewable share, price."""
    feasible: BoolArray
    """(A, N)."""


def contiguous_starts(grid: Grid) -> Starts:
    """Every start minute that can be optimal under any `Order`, checked against every hard limit."""
    kinks = _kinks(grid)
    shared = _at(grid, kinks)
    if kinks.size < 2 or not any(grid.caps(asset) for asset in range(len(grid.row))):
        return shared
    crossings = _crossings(grid, kinks, shared.total)
    extra = _at(grid, crossings)
    return Starts(
        np.concatenate([np.broadcast_to(shared.start, (len(grid.row), kinks.size)), extra.start], axis=1),
        np.concatenate([shared.total, extra.total], axis=2),
        np.concatenate([shared.feasible, extra.feasible], axis=1),
    )


def best_starts(grid: Grid, starts: Starts, order: Order) -> IntArray:
    """(A,): the best feasible start minute of each asset, -1 where there is none."""
    if starts.start.shape[1] == 0:
        return np.full(len(grid.row), -1, np.int64)
    best = starts.feasible
    for key in () if order is Order.SOONEST else grid.keys(order, starts.total / grid.minutes):
        masked = np.where(best, key, np.inf)
        best = best & (masked <= masked.min(axis=1, keepdims=True) + TIE)
    start: IntArray = np.where(best, starts.start, np.iinfo(np.int64).max).min(axis=1)
    return np.where(best.any(axis=1), start, -1)


def _kinks(grid: Grid) -> IntArray:
    """(N,): ascending minutes between which every sum is linear in the start."""
    last = int(min(grid.last_start.max(initial=-1), grid.finish - grid.minutes))
    if last < grid.first:
        return np.zeros(0, np.int64)
    edges = np.arange(0, grid.market.slots * SLOT_MINUTES + 1, SLOT_MINUTES)
    promises = np.array([edge for stretches in grid.blocked for edge in stretches], np.int64).reshape(-1, 2)
    minutes = np.concatenate(
        [
            np.array([grid.first, last]),
            edges,
            edges - grid.minutes,
            grid.last_start,
            promises[:, 0] - grid.minutes,
            promises[:, 1],
        ]
    )
    return np.unique(minutes[(minutes >= grid.first) & (minutes <= last)])


def _at(grid: Grid, minutes: IntArray) -> Starts:
    """Sums and feasibility at start minutes: (N,) shared by all assets, or (A, N)."""
    begin = np.atleast_2d(minutes)
    end = begin + grid.minutes
    reach = grid.market.slots * SLOT_MINUTES
    inside = (begin >= grid.first) & (begin <= grid.last_start[:, None]) & (end <= min(grid.finish, reach))
    lo, hi = np.clip(begin, 0, reach), np.clip(end, 0, reach)
    shared = minutes.ndim == 1
    row = grid.row if not shared else np.arange(len(grid.holes))
    total = _cumulative(grid, row, hi, shared=shared) - _cumulative(grid, row, lo, shared=shared)
    where = row[:, None]
    holes = grid.holes[where, -(-hi // SLOT_MINUTES)] - grid.holes[where, lo // SLOT_MINUTES]
    if shared:
        total, holes = total[:, grid.row], holes[grid.row]
    feasible = inside & (holes == 0) & (grid.row >= 0)[:, None]
    _apply_limits(grid, begin, total, feasible)
    return Starts(begin, total, feasible)


def _cumulative(grid: Grid, row: IntArray, minute: IntArray, *, shared: bool) -> FloatArray:
    """(3, len(row), N): sums up to a minute; `minute` is (1, N) where shared by all market rows, else (len(row), N)."""
    slot, part = np.divmod(minute, SLOT_MINUTES)
    at = np.minimum(slot, grid.market.slots - 1)
    if shared:
        total: FloatArray = grid.prefix[:, :, slot[0]] + grid.values[:, :, at[0]] * part
        return total
    where = row[:, None]
    gathered: FloatArray = grid.prefix[:, where, slot] + grid.values[:, where, at] * part
    return gathered


def _apply_limits(grid: Grid, begin: IntArray, total: FloatArray, feasible: BoolArray) -> None:
    for asset in range(len(grid.row)):
        starts = begin[asset if begin.shape[0] > 1 else 0]
        for busy_from, busy_until in grid.blocked[asset]:
            feasible[asset] &= (starts >= busy_until) | (starts + grid.minutes <= busy_from)
        for cap in grid.caps(asset):
            feasible[asset] &= within(total[:, asset], grid.minutes, cap)


def _crossings(grid: Grid, kinks: IntArray, total: FloatArray) -> IntArray:
    """(A, 4 × (N - 1)): the whole minutes on either side of where each asset's caps begin and cease to hold."""
    left, width = kinks[:-1].astype(float), np.diff(kinks).astype(float)
    minutes = np.empty((len(grid.row), 4, len(width)), np.int64)
    for asset in range(len(grid.row)):
        low, high = np.zeros_like(width), np.ones_like(width)
        for layer, threshold, rhs in grid.caps(asset):
            excess = total[layer, asset] - threshold * grid.minutes
            excess = (-excess if layer == RENEWABLE else excess) - (rhs if np.isfinite(rhs) else 0.0)
            slope = np.diff(excess)
            with np.errstate(divide="ignore", invalid="ignore"):
                at = -excess[:-1] / slope
            low = np.where((slope < 0) & (at > low), at, low)
            high = np.where((slope > 0) & (at < high), at, high)
        low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
        for i, (bound, rounding) in enumerate(((low, np.floor), (low, np.ceil), (high, np.floor), (high, np.ceil))):
            minutes[asset, i] = rounding(left + bound * width)
    return minutes.reshape(len(grid.row), -1)
