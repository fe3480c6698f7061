"""Runs with pauses: the exact optimum over plans that use half-hours whole, but for one.

The window is cut into cells at its ends and at slot edges. A plan uses each cell wholly or not at all, one cell apart
that takes the remainder next to a used neighbour; a cell that lacks figures or power for a part of it is not used, and
no stretch is shorter than the job's minimum run, in whole half-hours. Without caps no plan of any shape is better:
weights are constant within a slot, so minutes can be moved between two part-used cells, to the cheaper one, until one
of them is whole or empty.

With the usual minimum run of one half-hour and no overhead per resume, the optimum is "the cheapest cells", with the
remainder and the part-slots at the window's ends tried in every way at once. Other cases, and optima that break a cap,
go to `tools.pausing_general`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tools.market import FloatArray
from tools.slots import SLOT_MINUTES
from tools.solver.instance import (
    BIG,
    INTENSITY,
    PRICE,
    RENEWABLE,
    TIE,
    Grid,
    IntArray,
    Minutes,
    Order,
    joined,
    keeps_limits,
    within,
)
from tools.solver.pausing.dynamic_program import solve_general


@dataclass(frozen=True)
class Cells:
    """The window of a problem cut at slot edges. Shapes: A assets, J cells."""

    edges: IntArray
    """(J + 1,) minutes."""
    weight: FloatArray
    """(A, J) per minute, tie-breaks folded in; BIG where the cell has a hole or too little free power."""

    @property
    def length(self) -> IntArray:
        lengths: IntArray = np.diff(self.edges)
        return lengths


def with_pauses(grid: Grid, plain: Mapping[Order, Sequence[Minutes | None]]) -> dict[Order, list[Minutes | None]]:
    """Replaces each asset's run without pauses by one with pauses where that is better, or the only feasible one.

    Under SOONEST a run without pauses always wins; else the paused one with the least mean running time.
    """
    laid = {order: cells for order in plain if (cells := cut(grid, order)) is not None}
    if not laid or grid.minutes <= SLOT_MINUTES:
        return {order: list(plans) for order, plans in plain.items()}
    found: dict[Order, list[Minutes | None]] = {}
    open_cases: list[tuple[Order, int]] = []
    for order, cells in laid.items():
        found[order], unsolved = _in_closed_form(grid, order, cells, plain[order])
        open_cases += [(order, i) for i in unsolved if order is not Order.SOONEST or plain[order][i] is None]
    if open_cases:
        weight = np.array([laid[order].weight[asset] for order, asset in open_cases])
        edges = next(iter(laid.values())).edges
        solved = solve_general(grid, edges, weight, [asset for _, asset in open_cases])
        for (order, asset), plan in zip(open_cases, solved, strict=True):
            found[order][asset] = plan
    return {
        order: [
            found[order][i] if take else plans[i] for i, take in enumerate(_better(grid, order, plans, found[order]))
        ]
        for order, plans in plain.items()
    }


def _in_closed_form(
    grid: Grid, order: Order, cells: Cells, plans: Sequence[Minutes | None]
) -> tuple[list[Minutes | None], list[int]]:
    """Paused plans, and the assets that need the general search."""
    job = grid.problem.job
    if job.min_run_minutes > SLOT_MINUTES or job.resume_overhead_minutes:
        return [None] * len(plans), _promising(grid, order, cells, plans)
    found = cheapest_cells(cells, grid.minutes)
    broken = [i for i, plan in enumerate(found) if plan is not None and not keeps_limits(grid, i, plan)]
    return [None if i in broken else plan for i, plan in enumerate(found)], _within_reach(grid, cells, broken)


def _promising(grid: Grid, order: Order, cells: Cells, plans: Sequence[Minutes | None]) -> list[int]:
    """Those assets on which even the cheapest minutes, however scattered, beat the run without pauses.

    With one resume's overhead, since a plan without any is a run without pauses. No bound where running longer may
    earn something: then every asset is promising.
    """
    everywhere = list(range(len(plans)))
    plain = [(i, plan) for i, plan in enumerate(plans) if plan is not None]
    if not plain or order is Order.SOONEST or cells.weight.min(initial=0.0) < 0:
        return everywhere
    by_weight = np.argsort(cells.weight, axis=1)
    length = cells.length[by_weight]
    running = grid.minutes + grid.problem.job.resume_overhead_minutes
    taken = np.clip(running - (np.cumsum(length, axis=1) - length), 0, length)
    least = (np.take_along_axis(cells.weight, by_weight, axis=1) * taken).sum(axis=1) / grid.minutes
    key, _ = _keys(grid, order, plain)
    settled = {i for (i, _), value in zip(plain, key.tolist(), strict=True) if least[i] > value + TIE}
    return [i for i in everywhere if i not in settled]


def _within_reach(grid: Grid, cells: Cells, assets: Sequence[int]) -> list[int]:
    """Those assets on which each cap taken alone can be kept by some plan: the rest need no search."""
    hopeful = list(assets)
    for layer in (INTENSITY, RENEWABLE, PRICE):
        caps = {a: [cap for cap in grid.caps(a) if cap[0] == layer] for a in hopeful}
        if not any(caps.values()):
            continue
        figures = grid.values[layer][:, cells.edges[:-1] // SLOT_MINUTES][grid.row]
        weight = np.where(cells.weight >= BIG / 2, BIG, -figures if layer == RENEWABLE else figures)
        least = cheapest_cells(Cells(cells.edges, weight), grid.minutes)
        hopeful = [
            a
            for a in hopeful
            if (plan := least[a]) is not None
            and all(within(grid.sums([(a, plan)])[:, 0], grid.minutes, cap) for cap in caps[a])
        ]
    return hopeful


def cut(grid: Grid, order: Order) -> Cells | None:
    """None where the window holds no two cells."""
    finish = min(grid.finish, grid.market.slots * SLOT_MINUTES)
    if finish - grid.first < grid.minutes:
        return None
    inner = np.arange(grid.first // SLOT_MINUTES + 1, -(-finish // SLOT_MINUTES)) * SLOT_MINUTES
    edges = np.concatenate([[grid.first], inner, [finish]]).astype(np.int64)
    slots = edges[:-1] // SLOT_MINUTES
    first, second = grid.weights(order)
    # below TIE, so that they decide between equals only: the lower second weight, then the earlier cell
    weight = first[:, slots] + 1e-9 * second[:, slots] + 1e-13 * np.arange(len(slots))
    holes = np.diff(grid.holes, axis=1)[:, slots] > 0
    weight = np.where(holes, BIG, weight)[grid.row]
    weight[grid.row < 0] = BIG
    for asset, stretches in enumerate(grid.blocked):
        for begin, end in stretches:
            weight[asset, (edges[:-1] < end) & (edges[1:] > begin)] = BIG
    return Cells(edges, weight)


def cheapest_cells(cells: Cells, minutes: int) -> list[Minutes | None]:
    """Per asset the plan of least weight with stretches of at least a half-hour, limits apart; None where none fits."""
    length, count = cells.length, len(cells.length)
    short_first = bool(length[0] < SLOT_MINUTES)
    short_last = bool(count > 1 and length[-1] < SLOT_MINUTES)
    pool = _Pool.of(cells)
    ways = [
        way
        for use_first in (False, True)[: 1 + short_first]
        for use_last in (False, True)[: 1 + short_last]
        for way in _ways(pool, minutes, use_first=use_first, use_last=use_last)
    ]
    if not ways:
        return [None] * len(cells.weight)
    at = np.array([way.value.argmin(axis=1) for way in ways])
    least = np.array([way.value[np.arange(at.shape[1]), columns] for way, columns in zip(ways, at, strict=True)])
    chosen = least.argmin(axis=0)
    return [
        _plan(pool, asset, ways[way], int(at[way, asset])) if least[way, asset] < BIG / 2 else None
        for asset, way in enumerate(chosen)
    ]


@dataclass(frozen=True)
class _Pool:
    """The whole cells by weight. Part-slots at the window's ends rank behind all of them."""

    cells: Cells
    order: IntArray
    """(A, J): cells by ascending weight."""
    rank: IntArray
    """(A, J): place of each cell in `order`; J for part-slots."""
    ordered: FloatArray
    """(A, J): weights in that order."""
    sums: FloatArray
    """(A, J + 1): of the first n."""

    @classmethod
    def of(cls, cells: Cells) -> "_Pool":
        whole = cells.length == SLOT_MINUTES
        weight = np.where(whole, cells.weight, BIG)
        order = np.argsort(weight, axis=1, kind="stable")
        ordered = np.take_along_axis(weight, order, axis=1)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], axis=1)
        sums = np.zeros((weight.shape[0], weight.shape[1] + 1))
        np.cumsum(ordered, axis=1, out=sums[:, 1:])
        return cls(cells, order, np.where(whole, rank, weight.shape[1]), ordered, sums)

    def cheapest(self, count: IntArray, excluded: Sequence[IntArray]) -> FloatArray:
        """(A, N): least sum of weights of `count` (N,) whole cells, none among those with the `excluded` ranks.

        Each of `excluded` is (A, N) or (A, 1) and distinct from the others where below J; BIG where too few are left.
        """
        size = self.ordered.shape[1]
        rows = np.arange(len(self.ordered))[:, None]
        ranks = np.empty((len(excluded), len(self.ordered), len(count)), np.int64)
        for i, one in enumerate(excluded):
            ranks[i] = one
        ranks.sort(axis=0)
        end = np.broadcast_to(count, ranks.shape[1:]).copy()
        skipped = np.zeros(ranks.shape[1:])
        for rank in ranks:
            inside = rank < end
            end += inside
            skipped += inside * self.ordered[rows, np.minimum(rank, size - 1)]
        total = self.sums[rows, np.minimum(np.maximum(end, 0), size)] - skipped
        return np.where((count >= 0) & (end <= size), total, BIG)

    def forced(self, chosen: Sequence[int]) -> FloatArray:
        """(A, 1): what these cells weigh when run whole."""
        picked = list(chosen)
        total: FloatArray = (self.cells.weight[:, picked] * self.cells.length[picked]).sum(axis=1, keepdims=True)
        return total

    def ranks(self, chosen: Sequence[int]) -> list[IntArray]:
        return [self.rank[:, [cell]] for cell in chosen]


@dataclass(frozen=True)
class _Way:
    """Ways to place the remainder, with the same part-slots in use. Shapes: A assets, N ways."""

    value: FloatArray
    """(A, N): weight of the plan."""
    remainder: int
    cell: IntArray
    """(N,): the cell that takes the remainder."""
    side: IntArray
    """(N,): -1, the remainder follows its left neighbour; +1, it leads into its right one; 0, there is none."""
    forced: tuple[int, ...]
    """Cells that are used whole in any case."""
    free: IntArray
    """(N,): how many more cells are taken by weight."""


def _ways(pool: _Pool, minutes: int, *, use_first: bool, use_last: bool) -> list[_Way]:
    length, last = pool.cells.length, len(pool.cells.length) - 1
    ends = [cell for cell, used in ((0, use_first), (last, use_last)) if used]
    rest = minutes - int(sum(length[cell] for cell in ends))
    beside = sorted({1 if cell == 0 else last - 1 for cell in ends})
    if rest < 0 or any(length[cell] < SLOT_MINUTES for cell in beside):
        return []
    whole, remainder = divmod(rest, SLOT_MINUTES)
    forced = (*ends, *beside)
    free = whole - len(beside)
    if remainder == 0:
        count = np.array([free])
        value = pool.forced(forced) + SLOT_MINUTES * pool.cheapest(count, pool.ranks(forced))
        return [_Way(value, 0, np.zeros(1, np.int64), np.zeros(1, np.int64), forced, count)]
    ways = [_with_remainder(pool, forced, free, remainder)]
    for end, side in ((0, -1), (last, 1)):
        if end in ends and length[end] + remainder >= SLOT_MINUTES:
            others = tuple(cell for other, cell in ((0, 1), (last, last - 1)) if other in ends and other != end)
            if end - side not in others:
                ways.append(_leaning(pool, (*ends, *others), whole - len(others), remainder, side, end - side))
    return ways


def _with_remainder(pool: _Pool, forced: tuple[int, ...], free: int, remainder: int) -> _Way:
    """The remainder in any cell that is not forced, beside a whole cell on either side that is then forced too."""
    weight, length = pool.cells.weight, pool.cells.length
    count = len(length)
    cell = np.tile(np.arange(count), 2)
    side = np.repeat([-1, 1], count)
    neighbour = np.minimum(np.maximum(cell + side, 0), count - 1)
    is_forced = np.zeros(count, np.bool_)
    is_forced[list(forced)] = True
    usable = (length[cell] > remainder) & ~is_forced[cell]
    usable &= (cell + side == neighbour) & (length[neighbour] == SLOT_MINUTES)
    extra = ~is_forced[neighbour]
    excluded = [*pool.ranks(forced), pool.rank[:, cell], np.where(extra, pool.rank[:, neighbour], count)]
    taken = pool.cheapest(free - extra, excluded)
    beside = (SLOT_MINUTES * extra) * weight[:, neighbour]
    value = pool.forced(forced) + remainder * weight[:, cell] + beside + SLOT_MINUTES * taken
    return _Way(np.where(usable, value, BIG), remainder, cell, side, forced, free - extra)


def _leaning(pool: _Pool, forced: tuple[int, ...], free: int, remainder: int, side: int, cell: int) -> _Way:
    """The remainder beside a part-slot at the window's end, the two together a half-hour or more."""
    count = np.array([free])
    taken = pool.cheapest(count, pool.ranks((*forced, cell)))
    value = pool.forced(forced) + remainder * pool.cells.weight[:, [cell]] + SLOT_MINUTES * taken
    return _Way(value, remainder, np.array([cell]), np.array([side]), forced, count)


def _plan(pool: _Pool, asset: int, way: _Way, column: int) -> Minutes:
    edges, cell, side = pool.cells.edges, int(way.cell[column]), int(way.side[column])
    chosen = set(way.forced)
    left_out = set()
    if way.remainder:
        chosen.add(cell + side)
        left_out.add(cell)
    free = int(way.free[column])
    for other in pool.order[asset, : free + len(chosen) + 1].tolist():
        if free and other not in chosen and other not in left_out:
            chosen.add(other)
            free -= 1
    pieces = [(int(edges[c]), int(edges[c + 1])) for c in chosen]
    if way.remainder:
        start, end = int(edges[cell]), int(edges[cell + 1])
        pieces.append((start, start + way.remainder) if side < 0 else (end - way.remainder, end))
    return joined(pieces)


def _better(grid: Grid, order: Order, plain: Sequence[Minutes | None], paused: Sequence[Minutes | None]) -> list[bool]:
    """Per asset whether its paused plan is to be taken."""
    better = [one is None for one in plain]
    both = [i for i, (one, two) in enumerate(zip(plain, paused, strict=True)) if one is not None and two is not None]
    if order is Order.SOONEST or not both:
        return better
    (one, one_tie), (two, two_tie) = (
        _keys(grid, order, [(i, plan) for i in both if (plan := plans[i]) is not None]) for plans in (plain, paused)
    )
    wins = (two < one - TIE) | ((two <= one + TIE) & (two_tie < one_tie - TIE))
    for i, win in zip(both, wins.tolist(), strict=True):
        better[i] = win
    return better


def _keys(grid: Grid, order: Order, plans: Sequence[tuple[int, Minutes]]) -> tuple[FloatArray, FloatArray]:
    """(number of plans,) twice: per minute of the job and not of the run, so that overhead counts."""
    return grid.keys(order, grid.sums(plans) / grid.minutes)
