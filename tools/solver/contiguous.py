"""Runs without a pause: the exact optimum over every start minute.

A run's carbon and cost are piecewise linear in its start, with breakpoints where its start or its end crosses a slot
edge or where committed capacity begins or ends. So an optimum lies at a breakpoint, at the first or last allowed
minute, or, under a cap, next to the minute at which the cap is crossed. Only those minutes are tried.
"""

from dataclasses import dataclass

import numpy as np

from tools.market import FloatArray
from tools.slots import SLOT_MINUTES
from tools.solver.instance import RENEWABLE, TIE, BoolArray, Criterion, Instance, IntArray, within


@dataclass(frozen=True)
class Starts:
    """Candidate start minutes with what a run from there sums up to. Shapes: A assets, N candidates."""

    start: IntArray
    """(A, N)."""
    total: FloatArray
    """(3, A, N): minutes-weighted sums of intensity, renewable share, price."""
    feasible: BoolArray
    """(A, N)."""


def contiguous_starts(instance: Instance) -> Starts:
    """Every start minute that can be optimal under any `Criterion`, checked against every hard limit."""
    breakpoints = _breakpoints(instance)
    shared = _at(instance, breakpoints)
    if breakpoints.size < 2 or not any(instance.caps(asset) for asset in range(len(instance.row))):
        return shared
    crossings = _crossings(instance, breakpoints, shared.total)
    extra = _at(instance, crossings)
    return Starts(
        np.concatenate([np.broadcast_to(shared.start, (len(instance.row), breakpoints.size)), extra.start], axis=1),
        np.concatenate([shared.total, extra.total], axis=2),
        np.concatenate([shared.feasible, extra.feasible], axis=1),
    )


def best_starts(instance: Instance, starts: Starts, criterion: Criterion) -> IntArray:
    """(A,): the best feasible start minute of each asset, -1 where there is none."""
    if starts.start.shape[1] == 0:
        return np.full(len(instance.row), -1, np.int64)
    best = starts.feasible
    for key in () if criterion is Criterion.SOONEST else instance.keys(criterion, starts.total / instance.minutes):
        masked = np.where(best, key, np.inf)
        best = best & (masked <= masked.min(axis=1, keepdims=True) + TIE)
    start: IntArray = np.where(best, starts.start, np.iinfo(np.int64).max).min(axis=1)
    return np.where(best.any(axis=1), start, -1)


def _breakpoints(instance: Instance) -> IntArray:
    """(N,): ascending minutes between which every sum is linear in the start."""
    last = int(min(instance.last_start.max(initial=-1), instance.finish - instance.minutes))
    if last < instance.first:
        return np.zeros(0, np.int64)
    edges = np.arange(0, instance.market.slots * SLOT_MINUTES + 1, SLOT_MINUTES)
    promises = np.array([edge for intervals in instance.blocked for edge in intervals], np.int64).reshape(-1, 2)
    minutes = np.concatenate(
        [
            np.array([instance.first, last]),
            edges,
            edges - instance.minutes,
            instance.last_start,
            promises[:, 0] - instance.minutes,
            promises[:, 1],
        ]
    )
    return np.unique(minutes[(minutes >= instance.first) & (minutes <= last)])


def _at(instance: Instance, minutes: IntArray) -> Starts:
    """Sums and feasibility at start minutes: (N,) shared by all assets, or (A, N)."""
    begin = np.atleast_2d(minutes)
    end = begin + instance.minutes
    reach = instance.market.slots * SLOT_MINUTES
    inside = (begin >= instance.first) & (begin <= instance.last_start[:, None]) & (end <= min(instance.finish, reach))
    lo, hi = np.clip(begin, 0, reach), np.clip(end, 0, reach)
    shared = minutes.ndim == 1
    row = instance.row if not shared else np.arange(len(instance.holes))
    total = _cumulative(instance, row, hi, shared=shared) - _cumulative(instance, row, lo, shared=shared)
    where = row[:, None]
    holes = instance.holes[where, -(-hi // SLOT_MINUTES)] - instance.holes[where, lo // SLOT_MINUTES]
    if shared:
        total, holes = total[:, instance.row], holes[instance.row]
    feasible = inside & (holes == 0) & (instance.row >= 0)[:, None]
    _apply_limits(instance, begin, total, feasible)
    return Starts(begin, total, feasible)


def _cumulative(instance: Instance, row: IntArray, minute: IntArray, *, shared: bool) -> FloatArray:
    """(3, len(row), N): sums up to a minute; `minute` is (1, N) where shared by all market rows, else (len(row), N)."""
    slot, part = np.divmod(minute, SLOT_MINUTES)
    at = np.minimum(slot, instance.market.slots - 1)
    if shared:
        total: FloatArray = instance.prefix[:, :, slot[0]] + instance.values[:, :, at[0]] * part
        return total
    where = row[:, None]
    gathered: FloatArray = instance.prefix[:, where, slot] + instance.values[:, where, at] * part
    return gathered


def _apply_limits(instance: Instance, begin: IntArray, total: FloatArray, feasible: BoolArray) -> None:
    for asset in range(len(instance.row)):
        starts = begin[asset if begin.shape[0] > 1 else 0]
        for busy_from, busy_until in instance.blocked[asset]:
            feasible[asset] &= (starts >= busy_until) | (starts + instance.minutes <= busy_from)
        for cap in instance.caps(asset):
            feasible[asset] &= within(total[:, asset], instance.minutes, cap)


def _crossings(instance: Instance, breakpoints: IntArray, total: FloatArray) -> IntArray:
    """(A, 4 × (N - 1)): the whole minutes on either side of where each asset's caps begin and cease to hold."""
    left, width = breakpoints[:-1].astype(float), np.diff(breakpoints).astype(float)
    minutes = np.empty((len(instance.row), 4, len(width)), np.int64)
    for asset in range(len(instance.row)):
        low, high = np.zeros_like(width), np.ones_like(width)
        for layer, threshold, rhs in instance.caps(asset):
            excess = total[layer, asset] - threshold * instance.minutes
            excess = (-excess if layer == RENEWABLE else excess) - (rhs if np.isfinite(rhs) else 0.0)
            slope = np.diff(excess)
            with np.errstate(divide="ignore", invalid="ignore"):
                at = -excess[:-1] / slope
            low = np.where((slope < 0) & (at > low), at, low)
            high = np.where((slope > 0) & (at < high), at, high)
        low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
        for i, (bound, rounding) in enumerate(((low, np.floor), (low, np.ceil), (high, np.floor), (high, np.ceil))):
            minutes[asset, i] = rounding(left + bound * width)
    return minutes.reshape(len(instance.row), -1)
