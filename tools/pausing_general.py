"""Runs with pauses in full generality: long minimum runs, overhead per resume, latest start, caps.

A dynamic programme over the cells gives, for every state, the least weight of what remains. Without caps its optimum
is read off. With caps it runs on several weightings at once: the objective, each capped figure alone, and the
objective with each capped figure priced in; together they bound any completion from below, and a depth-first search
finds the optimum among what the bounds leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import gcd, inf, isfinite

import numpy as np

from tools.grid import RENEWABLE, SLOT_MINUTES, TIE, Grid, IntArray
from tools.market import FloatArray
from tools.plans import BIG, Minutes, joined, keeps_limits

NODES = 6000
"""Bound on the depth-first search per asset; beyond it the best plan found so far is taken."""
MULTIPLIERS = 2.0 ** np.arange(-5, 6)
"""Prices of a capped figure, in multiples of the ratio between the spreads of the objective and of that figure."""


@dataclass(frozen=True)
class _Move:
    """What one cell can be used for in a state."""

    to: int
    minutes: int
    """Of the cell that are run."""
    overhead: int
    leads: bool
    """Runs at the cell's end (else at its start, or not at all)."""
    begins: bool
    """The first stretch of the plan."""


@dataclass(frozen=True)
class _Machine:
    """States of a plan at a cell's edge: not begun, paused, or running with some minutes still owed to the minimum
    run; and whether the one part-used cell is spent."""

    job_minutes: int
    min_run: int
    overhead: int
    partials: tuple[int, ...]
    owed: tuple[int, ...]

    @classmethod
    def of(cls, job_minutes: int, min_run_minutes: int, overhead: int, lengths: IntArray) -> "_Machine":
        min_run = max(1, -(-min_run_minutes // SLOT_MINUTES)) * SLOT_MINUTES
        ends = [int(n) for n in (lengths[0], lengths[-1]) if n < SLOT_MINUTES]
        sums = {0, *ends, sum(ends)}
        resumes = range(SLOT_MINUTES // gcd(SLOT_MINUTES, overhead) if overhead else 1)
        partials = {(job_minutes + overhead * i - used) % SLOT_MINUTES for used in sums for i in resumes} - {0}
        owed, fresh = {0}, {max(0, min_run - n) for n in (SLOT_MINUTES, *ends, *partials)}
        while fresh - owed:
            owed |= fresh
            fresh = {max(0, v - n) for v in owed for n in (SLOT_MINUTES, *ends, *partials)}
        return cls(job_minutes, min_run, overhead, tuple(sorted(partials)), tuple(sorted(owed)))

    @property
    def states(self) -> int:
        return 1 + 2 * (1 + len(self.owed))

    @property
    def most_remaining(self) -> int:
        return max(self.job_minutes, self.job_minutes - self.min_run + self.overhead)

    def paused(self, spent: int) -> int:
        return 1 + spent

    def running(self, owed: int, spent: int) -> int:
        return 3 + 2 * self.owed.index(owed) + spent

    def ended(self) -> list[int]:
        """States in which the plan may be over."""
        return [self.paused(0), self.paused(1), self.running(0, 0), self.running(0, 1)]

    def moves(self, state: int, length: int) -> list[_Move]:
        """Running first, so that of equals the earlier is taken."""
        if state < 3:
            spent = 0 if state == 0 else state - 1
            overhead = 0 if state == 0 else self.overhead
            return [*self._begin(length, spent, overhead, state == 0), _Move(state, 0, 0, False, False)]
        index, spent = divmod(state - 3, 2)
        owed = self.owed[index]
        moves = [_Move(self.running(max(0, owed - length), spent), length, 0, True, False)]
        if not spent:
            moves += [
                _Move(self.paused(1), part, 0, False, False) for part in self.partials if part < length and part >= owed
            ]
        if owed == 0:
            moves.append(_Move(self.paused(spent), 0, 0, False, False))
            if not spent:
                moves += [m for m in self._begin(length, 0, self.overhead, False) if m.minutes < length]
        return moves

    def _begin(self, length: int, spent: int, overhead: int, first: bool) -> list[_Move]:
        whole = _Move(self.running(max(0, self.min_run - length), spent), length, overhead, True, first)
        if spent:
            return [whole]
        parts = [
            _Move(self.running(max(0, self.min_run - part), 1), part, overhead, True, first)
            for part in self.partials
            if part < length
        ]
        return [whole, *parts]


@dataclass
class _Tables:
    """(J + 1, states, rows, remaining minutes / unit): least weight of what remains."""

    machine: _Machine
    edges: IntArray
    weight: FloatArray
    """(rows, J) per minute."""
    last_start: IntArray
    """(rows,)."""
    unit: int
    value: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        steps = self.machine.most_remaining // self.unit
        lengths = np.diff(self.edges)
        self.value = np.full((len(lengths) + 1, self.machine.states, len(self.weight), steps + 1), BIG)
        self.value[-1, self.machine.ended(), :, 0] = 0.0
        for cell in range(len(lengths) - 1, -1, -1):
            for state in range(self.machine.states):
                self._fill(cell, state, int(lengths[cell]), steps)
            self.value[cell, self.machine.ended(), :, 0] = 0.0

    def _fill(self, cell: int, state: int, length: int, steps: int) -> None:
        into, after = self.value[cell, state], self.value[cell + 1]
        for move in self.machine.moves(state, length):
            shift = (move.minutes - move.overhead) // self.unit
            low, high = max(0, shift), steps + min(0, shift)
            if low > high:
                continue
            gain = self.price(cell, move)[:, None]
            np.minimum(
                into[:, low : high + 1],
                after[move.to, :, low - shift : high + 1 - shift] + gain,
                out=into[:, low : high + 1],
            )

    def price(self, cell: int, move: _Move) -> FloatArray:
        """(rows,): weight of a move; big where the row may not make it."""
        weight: FloatArray = self.weight[:, cell] * move.minutes
        if move.begins:
            weight = np.where(self.starts(cell, move) > self.last_start, BIG, weight)
        return weight

    def starts(self, cell: int, move: _Move) -> int:
        return int(self.edges[cell + 1] - move.minutes) if move.leads else int(self.edges[cell])

    def piece(self, cell: int, move: _Move) -> tuple[int, int]:
        begin = self.starts(cell, move)
        return begin, begin + move.minutes

    def best(self, row: int) -> list[tuple[int, int]] | None:
        """The optimum of one row as pieces, limits of other rows apart; None where there is none."""
        state, left = 0, self.machine.job_minutes
        if self.value[0, 0, row, left // self.unit] >= BIG / 2:
            return None
        pieces: list[tuple[int, int]] = []
        cell = 0
        while left or state not in self.machine.ended():
            target = self.value[cell, state, row, left // self.unit]
            for move in self.machine.moves(state, int(self.edges[cell + 1] - self.edges[cell])):
                rest = left + move.overhead - move.minutes
                if not 0 <= rest <= self.machine.most_remaining:
                    continue
                total = self.value[cell + 1, move.to, row, rest // self.unit] + self.price(cell, move)[row]
                if total <= target + 1e-12 * max(1.0, abs(target)):
                    break
            if move.minutes:
                pieces.append(self.piece(cell, move))
            state, left, cell = move.to, rest, cell + 1
        return pieces


def solve_general(grid: Grid, edges: IntArray, weight: FloatArray, assets: Sequence[int]) -> dict[int, Minutes | None]:
    """The optimal plan of each of these assets under every limit; `weight` is (A, J) per minute."""
    job = grid.problem.job
    usable = [asset for asset in assets if grid.row[asset] >= 0]
    if not usable:
        return dict.fromkeys(assets)
    lengths = np.diff(edges)
    machine = _Machine.of(grid.minutes, job.min_run_minutes, job.resume_overhead_minutes, lengths)
    unit = gcd(SLOT_MINUTES, grid.minutes, job.resume_overhead_minutes, int(lengths[0]), int(lengths[-1]))
    found: dict[int, Minutes | None] = dict.fromkeys(assets)
    tables = _Tables(machine, edges, weight[usable], grid.last_start[usable], unit)
    for row, asset in enumerate(usable):
        pieces = tables.best(row)
        if pieces is not None and not keeps_limits(grid, asset, joined(pieces)):
            pieces = _Capped(grid, asset, tables, row).solve()
        found[asset] = None if pieces is None else joined(pieces)
    return found


class _Capped:
    """One asset whose unlimited optimum breaks a cap."""

    def __init__(self, grid: Grid, asset: int, tables: _Tables, row: int) -> None:
        self.caps = grid.caps(asset)
        objective = tables.weight[row]
        usable = objective < BIG / 2
        slots = tables.edges[:-1] // SLOT_MINUTES
        figures, self.bounds = [], []
        for layer, threshold, rhs in self.caps:
            per_minute = grid.values[layer, grid.row[asset], slots] - threshold
            figures.append(-per_minute if layer == RENEWABLE else per_minute)
            slack = TIE * grid.minutes * max(1.0, threshold) + (abs(rhs) * TIE if isfinite(rhs) else 0.0)
            self.bounds.append(rhs + slack)
        rows, self.offset = [objective], [0.0]
        for figure, bound in zip(figures, self.bounds, strict=True):
            spread = float(np.ptp(figure[usable])) if usable.any() else 0.0
            scale = float(np.ptp(objective[usable])) / spread if spread > 0 else 0.0
            for multiplier in MULTIPLIERS * scale if isfinite(bound) else ():
                rows.append(objective + multiplier * figure)
                self.offset.append(float(multiplier) * bound)
        self.priced = len(rows)
        weight = np.where(usable, np.array([*rows, *figures]), BIG)
        last_start = np.full(len(weight), tables.last_start[row])
        self.tables = _Tables(tables.machine, tables.edges, weight, last_start, tables.unit)
        self.best_value = inf
        self.best_pieces: list[tuple[int, int]] | None = None
        self.nodes = 0

    def solve(self) -> list[tuple[int, int]] | None:
        """The optimum, or the best plan found within `NODES`; None where no plan keeps the caps."""
        machine = self.tables.machine
        start = self.tables.value[0, 0, :, machine.job_minutes // self.tables.unit]
        if self._bound(start) == inf:
            return None
        for row in range(self.priced):
            self._offer(self.tables.best(row))
        self._descend(0, 0, machine.job_minutes, np.zeros(len(self.tables.weight)), [])
        return self.best_pieces

    def _bound(self, total: FloatArray) -> float:
        """Least objective of a plan whose rows weigh at least this; infinite where a cap must break."""
        if total[0] >= BIG / 2 or any(t > b for t, b in zip(total[self.priced :], self.bounds, strict=True)):
            return inf
        return float((total[: self.priced] - self.offset).max())

    def _offer(self, pieces: list[tuple[int, int]] | None) -> None:
        if pieces is None:
            return
        total = np.zeros(len(self.tables.weight))
        for begin, end in pieces:
            cell = int(np.searchsorted(self.tables.edges, begin, side="right")) - 1
            total += self.tables.weight[:, cell] * (end - begin)
        if self._bound(total) < inf and total[0] < self.best_value:
            self.best_value, self.best_pieces = float(total[0]), pieces

    def _descend(self, cell: int, state: int, left: int, spent: FloatArray, pieces: list[tuple[int, int]]) -> None:
        machine, tables = self.tables.machine, self.tables
        if left == 0 and state in machine.ended():
            self._offer(pieces)
            return
        if cell == len(tables.edges) - 1 or self.nodes >= NODES:
            return
        self.nodes += 1
        children = []
        for move in machine.moves(state, int(tables.edges[cell + 1] - tables.edges[cell])):
            rest = left + move.overhead - move.minutes
            if 0 <= rest <= machine.most_remaining:
                gained = spent + tables.price(cell, move)
                bound = self._bound(gained + tables.value[cell + 1, move.to, :, rest // tables.unit])
                children.append((bound, move, rest, gained))
        for bound, move, rest, gained in sorted(children, key=lambda child: child[0]):
            if bound < self.best_value - 1e-12 * max(1.0, abs(bound)):
                taken = [*pieces, tables.piece(cell, move)] if move.minutes else pieces
                self._descend(cell + 1, move.to, rest, gained, taken)
