"""Runs with pauses: the exact optimum at the grain of a minute, by a dynamic programme over points in time.

Why points suffice. Fix how many intervals a plan has and in which cell each of their ends lies; then its weight is
linear in the ends, and so are the rules: a shortest run for each interval, one sum for all. At a vertex every end but
one is tied to an edge of a cell, or to the other end of its interval by the shortest run. So the points are all edges
(of half-hours, of the window, of what is forbidden or promised) and those a shortest run before or after; the one free
end may be any minute between two of them. Ends could be tied through a pause of one minute too, but that pays only
where running costs less than nothing and a resume makes the run longer: there every minute is a point.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import gcd
from typing import NamedTuple

import numpy as np

from tools.market import FloatArray
from tools.solver.instance import BoolArray, IntArray

INF = float("inf")
PAUSED, RUNNING = 0, 1


@dataclass(frozen=True)
class Timing:
    """A job in units of time."""

    minutes: int
    min_run: int
    overhead: int
    pauses: int | None
    """At most; None: as many as pay."""

    def by(self, unit: int) -> "Timing":
        return Timing(self.minutes // unit, self.min_run // unit, self.overhead // unit, self.pauses)

    @property
    def layers(self) -> int:
        """How many counts of pauses are distinguished: one where the limit cannot bind."""
        if self.pauses is None:
            return 1
        gain = self.min_run - self.overhead
        could = (self.minutes - self.overhead) // gain if gain > 0 else self.pauses + 2
        return 1 if self.pauses >= could - 1 else self.pauses + 1


class Move(NamedTuple):
    """What a plan may do at a point: run `begin` to `end` (None: nothing), and go on at point `to`."""

    to: int
    phase: int
    begin: int
    end: int
    resumes: bool


@dataclass(frozen=True)
class Starts:
    """M ways to begin a plan. Shapes: A rows."""

    total: FloatArray
    """(A, M): least weight of a whole plan that begins so; infinite where the row may not."""
    to: IntArray
    begin: IntArray
    end: IntArray

    def move(self, place: int) -> Move:
        return Move(int(self.to[place]), RUNNING, int(self.begin[place]), int(self.end[place]), False)


@dataclass
class Tables:
    """Least weight of what remains at every point. Shapes: K counts of pauses left, A rows, W work left."""

    points: IntArray
    """(N + 1,) ascending, in units."""
    weight: FloatArray
    """(A, N) per unit of time between two points."""
    usable: BoolArray
    """(A, N)."""
    last_start: IntArray
    """(A,)."""
    timing: Timing
    paused: FloatArray = field(init=False)
    """(N + 1, K, A, W)."""
    running: FloatArray = field(init=False)
    """(N + 1, K, A, W): the shortest run is over."""

    def __post_init__(self) -> None:
        job, rows, last = self.timing, len(self.weight), len(self.points) - 1
        work = max(job.minutes - job.min_run, job.minutes - 2 * job.min_run + job.overhead) + 1
        shape = (last + 1, job.layers, rows, work)
        self.paused, self.running = np.full(shape, INF), np.full(shape, INF)
        self.paused[last, :, :, 0] = self.running[last, :, :, 0] = 0.0
        self._at = self.points.tolist()
        self._length = np.diff(self.points)
        self._cost = np.where(self.usable, self.weight * self._length, INF)
        self._reach = np.searchsorted(self.points, self.points + job.min_run).tolist()
        for point in range(last - 1, -1, -1):
            self._fill(point)

    def _fill(self, i: int) -> None:
        job, length = self.timing, int(self._length[i])
        weight = self.weight[None, :, i, None]
        shut = np.where(self.usable[:, i], 0.0, INF)[None, :, None]
        tilt = np.arange(self.paused.shape[3]) * weight
        waited = self.paused[i + 1].copy()
        if length > 1:
            for j, shortest in self._landings(i):
                run = self._whole(i + 1, j) + shut if j > i + 1 else shut
                shift = job.overhead - (self._at[j] - self._at[i + 1])
                started = _slide(self.running[j] - tilt, weight, shift, shortest, length - 1) + run
                _lower(waited, started, self._spends)
        paused = waited.copy()
        j = self._reach[i]
        if j <= len(self._at) - 1:
            shift = job.overhead - (self._at[j] - self._at[i])
            _lower(paused, _shifted(self.running[j], shift) + self._whole(i, j), self._spends)
        running = np.minimum(waited, _shifted(self.running[i + 1], -length) + self._whole(i, i + 1))
        if length > 1:
            np.minimum(running, _slide(self.paused[i + 1] - tilt, weight, 0, 1, length - 1) + shut, out=running)
        self.paused[i], self.running[i] = paused, running

    @property
    def _spends(self) -> bool:
        return self.timing.layers > 1

    def _whole(self, i: int, j: int) -> FloatArray:
        """(1, A, 1): weight of all between two points; infinite where a part of it cannot be used."""
        if j - i == 1:
            one: FloatArray = self._cost[None, :, i, None]
            return one
        total: FloatArray = self._cost[None, :, i:j].sum(axis=2)[:, :, None]
        return total

    def _landings(self, i: int) -> Iterator[tuple[int, int]]:
        """Points at which an interval that begins between points i and i + 1 may have run long enough, each with the
        least part of that cell that it then takes."""
        for j in range(i + 1, len(self._at)):
            shortest = max(1, self.timing.min_run - (self._at[j] - self._at[i + 1]))
            if shortest < self._length[i]:
                yield j, shortest
            if shortest == 1:
                return

    def moves(self, i: int, phase: int) -> Iterator[Move]:
        """All that a plan may do at a point, idling last."""
        at, last = self._at, len(self._at) - 1
        if phase == RUNNING:
            if i < last:
                yield Move(i + 1, RUNNING, at[i], at[i + 1], False)
                for minute in range(at[i + 1] - 1, at[i], -1):
                    yield Move(i + 1, PAUSED, at[i], minute, False)
        elif i < last and self._reach[i] <= last:
            yield Move(self._reach[i], RUNNING, at[i], at[self._reach[i]], True)
        yield from self.late_starts(i)
        if i < last:
            yield Move(i + 1, PAUSED, 0, 0, False)

    def late_starts(self, i: int) -> Iterator[Move]:
        """Stretches that begin between points i and i + 1."""
        if i < len(self._at) - 1:
            for j, shortest in self._landings(i):
                for part in range(int(self._length[i]) - 1, shortest - 1, -1):
                    yield Move(j, RUNNING, self._at[i + 1] - part, self._at[j], True)

    def price(self, begin: int, end: int) -> FloatArray:
        """(A,): weight of a run; infinite where a part cannot be used."""
        first = int(np.searchsorted(self.points, begin, side="right")) - 1
        last = int(np.searchsorted(self.points, end, side="left"))
        lengths = np.minimum(self.points[first + 1 : last + 1], end) - np.maximum(self.points[first:last], begin)
        part = slice(first, last)
        total: FloatArray = np.where(self.usable[:, part], self.weight[:, part] * lengths, INF).sum(axis=1)
        return total

    def starts(self) -> "Starts":
        """Every way in which a plan may begin, with the least weight of the whole plan."""
        job, most, at = self.timing, self.timing.layers - 1, self.points
        ways = [(i, j, low, high) for i in range(len(at) - 1) for j, low, high in self._openings(i)]
        cell, to, low, high = np.array(ways, np.int64).reshape(-1, 4).T
        count = high - low + 1
        way = np.repeat(np.arange(len(ways)), count)
        part = high[way] - (np.arange(len(way)) - np.repeat(np.cumsum(count) - count, count))
        begin, end = at[cell + 1][way] - part, at[to][way]
        left = job.minutes - (end - begin)
        fits = (left >= 0) & (left < self.running.shape[3])
        way, part, begin, end, left = way[fits], part[fits], begin[fits], end[fits], left[fits]
        between = np.array([self._whole(i + 1, j)[0, :, 0] for i, j, _, _ in ways]).reshape(len(ways), -1)
        per_minute = np.where(self.usable, self.weight, INF)[:, cell[way]]
        total = self.running[to[way], most, :, left].T + between[way].T + per_minute * part
        return Starts(np.where(begin <= self.last_start[:, None], total, INF), to[way], begin, end)

    def _openings(self, i: int) -> Iterator[tuple[int, int, int]]:
        """Landings of a plan's first interval, where it begins at point i or later in its cell: least and most."""
        length = int(self._length[i])
        if self._reach[i] < len(self._at):
            yield self._reach[i], length, length
        if length > 1:
            for j, shortest in self._landings(i):
                yield j, shortest, length - 1

    def best(self, below: FloatArray | None = None) -> list[list[tuple[int, int]] | None]:
        """Per row the pieces of the plan of least weight; None where there is none, or none that weighs less."""
        starts = self.starts()
        if not len(starts.to):
            return [None] * len(self.weight)
        chosen = starts.total.argmin(axis=1)
        least = starts.total[np.arange(len(chosen)), chosen]
        wanted = least < (INF if below is None else below)
        return [self._trace(row, starts.move(int(chosen[row]))) if wanted[row] else None for row in range(len(chosen))]

    def _trace(self, row: int, first: Move) -> list[tuple[int, int]]:
        pieces = [(first.begin, first.end)]
        left, layer = self.timing.minutes - (first.end - first.begin), self.timing.layers - 1
        i, phase = first.to, RUNNING
        while (target := self.value(i, phase, layer, left)[row]) or left:
            if phase == PAUSED:  # as long as waiting costs nothing
                slack = 1e-12 * max(1.0, abs(target))
                i += int(np.argmin(np.append(self.paused[i:, layer, row, left] <= target + slack, False))) - 1
            move = self._best_move(row, i, phase, layer, left)
            if move.end:
                pieces.append((move.begin, move.end))
            left, layer = self.after(move, left, layer)
            i, phase = move.to, move.phase
        return pieces

    def _best_move(self, row: int, i: int, phase: int, layer: int, left: int) -> Move:
        """The first move of the plan of least weight from there."""
        at, weight = self._at, float(self.weight[row, i])
        found: list[tuple[float, Move]] = []
        if phase == RUNNING:
            whole = self.value(i + 1, RUNNING, layer, left - int(self._length[i]))[row] + self._cost[row, i]
            found.append((float(whole), Move(i + 1, RUNNING, at[i], at[i + 1], False)))
            if self.usable[row, i] and self._length[i] > 1 and left:
                parts = np.arange(1, min(int(self._length[i]) - 1, left) + 1)
                totals = self.paused[i + 1, layer, row, left - parts] + weight * parts
                best = int(totals.argmin()) if parts.size else -1
                if best >= 0:
                    found.append((float(totals[best]), Move(i + 1, PAUSED, at[i], at[i] + best + 1, False)))
            idle = self.value(i + 1, PAUSED, layer, left)[row]
            found.append((float(idle), Move(i + 1, PAUSED, 0, 0, False)))
        fewer = layer - self._spends
        openings = list(self._openings(i)) if fewer >= 0 else []
        for j, low, high in openings if phase == PAUSED else [one for one in openings if one[2] < self._length[i]]:
            parts = np.arange(high, low - 1, -1)
            rest = left + self.timing.overhead - (at[j] - at[i + 1]) - parts
            inside = (rest >= 0) & (rest < self.running.shape[3])
            if self.usable[row, i] and inside.any():
                parts, rest = parts[inside], rest[inside]
                totals = self.running[j, fewer, row, rest] + self._cost[row, i + 1 : j].sum() + weight * parts
                best = int(totals.argmin())
                found.append((float(totals[best]), Move(j, RUNNING, at[i + 1] - int(parts[best]), at[j], True)))
        return min(found, key=lambda pair: pair[0])[1]

    def after(self, move: Move, left: int, layer: int) -> tuple[int, int]:
        """Work and layer left after a move."""
        rest = left - (move.end - move.begin) + (self.timing.overhead if move.resumes else 0)
        return rest, layer - (1 if move.resumes and self._spends else 0)

    def value(self, i: int, phase: int, layer: int, left: int) -> FloatArray:
        """(A,): least weight of what remains."""
        table = self.running if phase == RUNNING else self.paused
        if not 0 <= left < table.shape[3] or layer < 0:
            return np.full(table.shape[2], INF)
        found: FloatArray = table[i, layer, :, left]
        return found


def _lower(into: FloatArray, found: FloatArray, spends: bool) -> None:
    """The less of each; a start takes one of the pauses left, where they are counted."""
    if spends:
        np.minimum(into[1:], found[:-1], out=into[1:])
    else:
        np.minimum(into, found, out=into)


def _shifted(table: FloatArray, shift: int) -> FloatArray:
    """`table` at work + shift; infinite outside."""
    moved = np.full_like(table, INF)
    size = table.shape[-1]
    low, high = max(0, -shift), min(size, size - shift)
    if low < high:
        moved[..., low:high] = table[..., low + shift : high + shift]
    return moved


def _slide(tilted: FloatArray, weight: FloatArray, shift: int, low: int, high: int) -> FloatArray:
    """At each work w the least of x × weight + table[w + shift − x] over low ≤ x ≤ high, of a table from which its work
    × weight has been taken."""
    size = tilted.shape[-1]
    pad = high + abs(shift)
    least = np.full((*tilted.shape[:-1], size + 2 * pad), INF)
    least[..., pad : pad + size] = tilted
    least = least[..., pad + shift - high : pad + shift - low + size]
    window, width = high - low + 1, 1
    while 2 * width <= window:  # least over `width` neighbours, doubled
        least = np.minimum(least[..., :-width], least[..., width:])
        width *= 2
    if width < window:
        least = np.minimum(least[..., : -(window - width)], least[..., window - width :])
    return least + (np.arange(shift, shift + size) * weight)


def points_of(edges: Sequence[int], anchors: Sequence[int], min_run: int, *, every: bool) -> IntArray:
    """The points of a window: its edges, and what lies a shortest run from an anchor; or every minute."""
    first, last = min(edges), max(edges)
    if every:
        return np.arange(first, last + 1)
    around = [one for anchor in anchors for one in (anchor - min_run, anchor, anchor + min_run)]
    return np.unique([one for one in (*edges, *around) if first <= one <= last])


def unit_of(points: IntArray, timing: Timing, last_start: IntArray) -> int:
    """Greatest unit of which all times are multiples."""
    steps = [int(b - a) for a, b in pairwise(points.tolist())]
    return gcd(timing.minutes, timing.min_run, timing.overhead, *steps, *(last_start - points[0]).tolist())
