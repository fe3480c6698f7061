"""A run with pauses whose best plan breaks a cap on its sums: branch and bound.

The tables run on several weightings at once: the objective, each capped figure alone, and the objective with each
capped figure priced in. Together they bound any completion from below, and a depth-first search finds the best plan
among what the bounds leave.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Final

import numpy as np

from tools.market import FloatArray
from tools.solver.instance import RENEWABLE, TIE, BoolArray, Instance, IntArray
from tools.solver.pausing.dynamic_program import Move, Tables

NODES: Final = 2000
"""Bound on the search per asset; beyond it the best plan found so far is taken."""
MULTIPLIERS: Final = 2.0 ** np.arange(-5, 6)
"""Prices of a capped figure, in multiples of the ratio between the spreads of the objective and of that figure."""

Pieces = list[tuple[int, int]]
Lay = Callable[[FloatArray], Tables]
"""Tables of one asset for weights per minute (rows, slots)."""


@dataclass(frozen=True)
class _Moves:
    """The moves at one point and phase, side by side. M moves, A rows of the tables."""

    moves: Sequence[Move]
    to: IntArray
    phase: IntArray
    run: IntArray
    resumes: BoolArray
    price: FloatArray
    """(A, M)."""


class Capped:
    """One asset."""

    def __init__(self, instance: Instance, asset: int, objective: FloatArray, lay: Lay) -> None:
        """`objective`: (S,) per minute; `lay` takes (rows, S)."""
        figures, self._bounds = list[FloatArray](), list[float]()
        for layer, threshold, rhs in instance.caps(asset):
            per_minute = instance.values[layer, instance.row[asset]] - threshold
            figures.append(-per_minute if layer == RENEWABLE else per_minute)
            slack = TIE * instance.minutes * max(1.0, abs(threshold)) + (abs(rhs) * TIE if isfinite(rhs) else 0.0)
            self._bounds.append(rhs + slack)
        rows, offsets = [objective], [0.0]
        for figure, bound in zip(figures, self._bounds, strict=True):
            spread = float(np.ptp(figure))
            scale = float(np.ptp(objective)) / spread if spread > 0 else 0.0
            for multiplier in MULTIPLIERS * scale if isfinite(bound) else ():
                rows.append(objective + multiplier * figure)
                offsets.append(float(multiplier) * bound)
        self._priced, self._offset = len(rows), np.array(offsets)
        self._tables = lay(np.array([*rows, *figures]))
        self._at: dict[tuple[int, int], _Moves] = {}
        self._best_value = inf
        self._best: Pieces | None = None
        self._nodes = 0

    def solve(self) -> Pieces | None:
        """The best plan, or the best found within `NODES`; None where no plan keeps the caps. In the tables' units."""
        starts = self._tables.starts()
        bounds = self._bounds_of(starts.total)
        if bounds.min(initial=inf) == inf:
            return None
        for pieces in self._tables.best()[: self._priced]:
            if pieces is not None:
                self._offer(pieces)
        job = self._tables.timing
        for place in np.argsort(bounds, kind="stable").tolist():
            if bounds[place] >= self._limit:
                break
            move = starts.move(place)
            left, spent = job.minutes - (move.end - move.begin), self._tables.price(move.begin, move.end)
            self._descend(move.to, move.phase, job.layers - 1, left, spent, [(move.begin, move.end)])
        return self._best

    @property
    def _limit(self) -> float:
        return self._best_value - 1e-12 * max(1.0, abs(self._best_value)) if self._best_value < inf else inf

    def _bounds_of(self, total: FloatArray) -> FloatArray:
        """(M,): least objective of plans whose rows weigh at least `total` (A, M); infinite where a cap must break."""
        broken = (total[self._priced :] > np.array(self._bounds)[:, None]).any(axis=0)
        with np.errstate(invalid="ignore"):
            least = (total[: self._priced] - self._offset[:, None]).max(axis=0)
        return np.where(broken | ~np.isfinite(total[0]), inf, least)

    def _offer(self, pieces: Pieces) -> None:
        total = sum((self._tables.price(*piece) for piece in pieces), np.zeros(len(self._tables.weight)))
        if self._bounds_of(total[:, None])[0] < inf and total[0] < self._best_value:
            self._best_value, self._best = float(total[0]), pieces

    def _descend(self, i: int, phase: int, layer: int, left: int, spent: FloatArray, pieces: Pieces) -> None:
        if left == 0:
            self._offer(pieces)
        if self._nodes >= NODES:
            return
        self._nodes += 1
        here = self._moves(i, phase)
        rest = left - here.run + here.resumes * self._tables.timing.overhead
        fewer = np.full(len(rest), layer, np.int64) - here.resumes * (self._tables.timing.layers > 1)
        ahead = self._ahead(here, rest, fewer)
        bounds = self._bounds_of(spent[:, None] + here.price + ahead)
        for place in np.argsort(bounds, kind="stable").tolist():
            if bounds[place] >= self._limit:
                break
            move = here.moves[place]
            taken = [*pieces, (move.begin, move.end)] if move.end else pieces
            gained = spent + here.price[:, place]
            self._descend(move.to, move.phase, int(fewer[place]), int(rest[place]), gained, taken)

    def _ahead(self, here: _Moves, rest: IntArray, layer: IntArray) -> FloatArray:
        """(A, M): least weight of what remains after each move."""
        tables = self._tables
        fits = (rest >= 0) & (rest < tables.paused.shape[3]) & (layer >= 0)
        ahead = np.full((len(tables.weight), len(rest)), inf)
        for phase, table in enumerate((tables.paused, tables.running)):
            some = np.flatnonzero(fits & (here.phase == phase))
            ahead[:, some] = table[here.to[some], layer[some], :, rest[some]].T
        return ahead

    def _moves(self, i: int, phase: int) -> _Moves:
        if (i, phase) not in self._at:
            moves = list(self._tables.moves(i, phase))
            run = [self._tables.price(m.begin, m.end) if m.end else np.zeros(len(self._tables.weight)) for m in moves]
            self._at[i, phase] = _Moves(
                moves,
                np.array([move.to for move in moves], np.int64),
                np.array([move.phase for move in moves], np.int64),
                np.array([move.end - move.begin for move in moves], np.int64),
                np.array([move.resumes for move in moves], np.bool_),
                np.array(run).reshape(len(moves), len(self._tables.weight)).T,
            )
        return self._at[i, phase]
