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

from tools.market import FloatArray
from tools.slots import SLOT_MINUTES
from tools.solver.instance import BIG, RENEWABLE, TIE, Grid, IntArray, joined, keeps_limits
from tools.solver.pausing.automaton import BEGIN, ENDED, Machine, Move

NODES = 6000
"""Bound on the depth-first search per asset; beyond it the best plan found so far is taken."""
TABLE_BYTES = 100_000_000
"""Bound on the memory of one set of tables."""
MULTIPLIERS = 2.0 ** np.arange(-5, 6)
"""Prices of a capped figure, in multiples of the ratio between the spreads of the objective and of that figure."""


@dataclass
class _Tables:
    """(J + 1, states, rows, remaining minutes / unit): least weight of what remains."""

    machine: Machine
    edges: IntArray
    weight: FloatArray
    """(rows, J) per minute."""
    last_start: IntArray
    """(rows,)."""
    unit: int
    value: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        steps = self.machine.most_remaining // self.unit
        cells, states = len(self.edges) - 1, len(self.machine.states)
        self.value = np.full((cells + 1, states, len(self.weight), steps + 1), BIG)
        self.value[-1, ENDED, :, 0] = 0.0
        for cell in range(cells - 1, -1, -1):
            for state in range(states if cell else 1):
                self._fill(cell, state, steps)
            self.value[cell, ENDED, :, 0] = 0.0

    def moves(self, cell: int, state: int) -> tuple[Move, ...]:
        return self.machine.table[self.machine.kind(cell, len(self.edges) - 1)][state]

    def _fill(self, cell: int, state: int, steps: int) -> None:
        into, after = self.value[cell, state], self.value[cell + 1]
        per_minute = self.weight[:, cell, None]
        for move in self.moves(cell, state):
            shift = (move.minutes - move.overhead) // self.unit
            low, high = max(0, shift), steps + min(0, shift)
            if low > high:
                continue
            total = after[move.to, :, low - shift : high + 1 - shift]
            if move.begins:
                total = total + self.price(cell, move)[:, None]
            elif move.minutes:
                total = total + per_minute * move.minutes
            part = into[:, low : high + 1]
            np.minimum(part, total, out=part)

    def price(self, cell: int, move: Move) -> FloatArray:
        """(rows,): weight of a move; big where the row may not make it."""
        weight: FloatArray = self.weight[:, cell] * move.minutes
        if move.begins:
            weight = np.where(self.starts(cell, move) > self.last_start, BIG, weight)
        return weight

    def price_in(self, cell: int, move: Move, row: int) -> float:
        """`price` of one row."""
        if move.begins and self.starts(cell, move) > self.last_start[row]:
            return BIG
        return float(self.weight[row, cell]) * move.minutes

    def starts(self, cell: int, move: Move) -> int:
        return int(self.edges[cell + 1] - move.minutes) if move.leads else int(self.edges[cell])

    def piece(self, cell: int, move: Move) -> tuple[int, int]:
        begin = self.starts(cell, move)
        return begin, begin + move.minutes

    def best(self, row: int) -> list[tuple[int, int]] | None:
        """The optimum of one row as pieces, limits of other rows apart; None where there is none."""
        state, left = BEGIN, self.machine.job_minutes
        if self.value[0, 0, row, left // self.unit] >= BIG / 2:
            return None
        pieces: list[tuple[int, int]] = []
        cell = 0
        while left or state not in ENDED:
            target = self.value[cell, state, row, left // self.unit]
            for move in self.moves(cell, state):
                rest = left + move.overhead - move.minutes
                if not 0 <= rest <= self.machine.most_remaining:
                    continue
                total = self.value[cell + 1, move.to, row, rest // self.unit] + self.price_in(cell, move, row)
                if total <= target + 1e-12 * max(1.0, abs(target)):
                    break
            if move.minutes:
                pieces.append(self.piece(cell, move))
            state, left, cell = move.to, rest, cell + 1
        return pieces


def solve_general(
    grid: Grid, edges: IntArray, weight: FloatArray, assets: Sequence[int]
) -> list[list[tuple[int, int]] | None]:
    """The optimal plan of each case under every limit: a row of `weight` (cases, J) per minute, on an asset."""
    job = grid.problem.job
    lengths = np.diff(edges)
    machine = Machine.of(grid.minutes, job.min_run_minutes, job.resume_overhead_minutes, lengths.tolist())
    unit = gcd(SLOT_MINUTES, grid.minutes, job.resume_overhead_minutes, int(lengths[0]), int(lengths[-1]))
    found: list[list[tuple[int, int]] | None] = []
    rows = _rows_at_once(machine, len(lengths), unit)
    for first in range(0, len(assets), rows):
        part = slice(first, first + rows)
        tables = _Tables(machine, edges, weight[part], grid.last_start[list(assets[part])], unit)
        for row, asset in enumerate(assets[part]):
            pieces = tables.best(row)
            if pieces is not None and not keeps_limits(grid, asset, joined(pieces)):
                pieces = _Capped(grid, asset, tables, row).solve()
            found.append(None if pieces is None else list(joined(pieces)))
    return found


def _rows_at_once(machine: Machine, cells: int, unit: int) -> int:
    """How many weightings fit into `TABLE_BYTES`; at least one."""
    return max(1, TABLE_BYTES // (8 * (cells + 1) * len(machine.states) * (machine.most_remaining // unit + 1)))


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
        most = _rows_at_once(tables.machine, len(objective), tables.unit) // len(self.caps) - 2
        multipliers = MULTIPLIERS if most >= len(MULTIPLIERS) else MULTIPLIERS[:: len(MULTIPLIERS) // max(2, most) + 1]
        for figure, bound in zip(figures, self.bounds, strict=True):
            spread = float(np.ptp(figure[usable])) if usable.any() else 0.0
            scale = float(np.ptp(objective[usable])) / spread if spread > 0 else 0.0
            for multiplier in multipliers * scale if isfinite(bound) else ():
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
        if left == 0 and state in ENDED:
            self._offer(pieces)
            return
        if cell == len(tables.edges) - 1 or self.nodes >= NODES:
            return
        self.nodes += 1
        children = []
        for move in tables.moves(cell, state):
            rest = left + move.overhead - move.minutes
            if 0 <= rest <= machine.most_remaining:
                gained = spent + tables.price(cell, move)
                bound = self._bound(gained + tables.value[cell + 1, move.to, :, rest // tables.unit])
                children.append((bound, move, rest, gained))
        for bound, move, rest, gained in sorted(children, key=lambda child: child[0]):
            if bound < self.best_value - 1e-12 * max(1.0, abs(bound)):
                taken = [*pieces, tables.piece(cell, move)] if move.minutes else pieces
                self._descend(cell + 1, move.to, rest, gained, taken)
