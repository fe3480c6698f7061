"""Runs with pauses where they are better than runs without: which method finds them, and under which limits."""

from collections.abc import Mapping, Sequence

import numpy as np

from tools.market import FloatArray
from tools.slots import SLOT_MINUTES
from tools.solver.instance import TIE, BoolArray, Criterion, Instance, IntArray, Intervals, joined, keeps_limits
from tools.solver.pausing.capped import Capped
from tools.solver.pausing.closed_form import cheapest_slots
from tools.solver.pausing.dynamic_program import Tables, Timing, points_of, unit_of

TABLE_BYTES = 150_000_000
"""Bound on the memory of one set of tables."""
EVERY_MINUTE = 240
"""Under caps every minute of a window of so many is a point."""
SECOND, EARLIER = 1e-9, 1e-13
"""Weights of a criterion's tie-break and of time, relative to its own: below TIE, so they only separate equals."""


def with_pauses(
    instance: Instance, plain: Mapping[Criterion, Sequence[Intervals | None]]
) -> dict[Criterion, list[Intervals | None]]:
    """Replaces each asset's run without pauses by one with pauses where that is better, or the only feasible one.

    Under SOONEST a run without pauses always wins; else the paused one with the least mean running time.
    """
    found: dict[Criterion, list[Intervals | None]] = {criterion: list(plans) for criterion, plans in plain.items()}
    search = _Search(instance)
    if not search.may_pause:
        return found
    for criterion, plans in plain.items():
        weight = _weights(instance, criterion)
        open_assets = [
            asset
            for asset, plan in enumerate(plans)
            if instance.row[asset] >= 0 and (criterion is not Criterion.SOONEST or plan is None)
        ]
        for asset, paused in search.best(weight, open_assets, plans).items():
            plan = plans[asset]
            if paused is not None and (plan is None or _is_better(instance, criterion, asset, paused, plan)):
                found[criterion][asset] = paused
    return found


class _Search:
    """One instance's plans with pauses."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        job = instance.problem.job
        min_run = max(1, -(-job.min_run_minutes // SLOT_MINUTES)) * SLOT_MINUTES
        self._timing = Timing(instance.minutes, min_run, job.resume_overhead_minutes, job.max_pauses)
        self._finish = min(instance.finish, instance.market.slots * SLOT_MINUTES)
        self.may_pause = (
            self._finish - instance.first > instance.minutes >= min_run and job.max_pauses != 0 and job.pausable
        )
        self._blocked = [
            [
                (max(a, instance.first), min(b, self._finish))
                for a, b in intervals
                if a < self._finish and b > instance.first
            ]
            for intervals in instance.blocked
        ]

    def best(
        self, weight: FloatArray, assets: Sequence[int], plain: Sequence[Intervals | None]
    ) -> dict[int, Intervals | None]:
        """Per asset its plan of least weight under every limit; None where none keeps them, or the plain one weighs no
        more. `weight`: (R, S) per minute."""
        simple = [asset for asset in assets if self._is_simple(asset)]
        found = self._of_whole_slots(weight, simple)
        broken = [
            asset for asset, plan in found.items() if plan is not None and not keeps_limits(self._instance, asset, plan)
        ]
        general = [asset for asset in assets if asset not in found]
        found |= self._by_tables(weight, general, plain)
        broken += [a for a in general if (plan := found[a]) is not None and not keeps_limits(self._instance, a, plan)]
        for asset in broken:
            found[asset] = self._capped(weight, asset)
        return found

    def _is_simple(self, asset: int) -> bool:
        """No resume costs anything, and the window and what is blocked in it begin and end with half-hours."""
        job, instance = self._timing, self._instance
        edges = [instance.first, self._finish, *(edge for interval in self._blocked[asset] for edge in interval)]
        free = job.overhead == 0 and job.min_run == SLOT_MINUTES and job.layers == 1
        return (
            free
            and instance.last_start[asset] >= self._finish - job.minutes
            and not any(e % SLOT_MINUTES for e in edges)
        )

    def _of_whole_slots(self, weight: FloatArray, assets: Sequence[int]) -> dict[int, Intervals | None]:
        if not assets:
            return {}
        edges = np.arange(self._instance.first, self._finish + 1, SLOT_MINUTES)
        laid = weight[self._instance.row[list(assets)]][:, edges[:-1] // SLOT_MINUTES]
        plans = cheapest_slots(laid, self._usable(edges, assets), int(edges[0]), self._timing.minutes)
        return dict(zip(assets, plans, strict=True))

    def _by_tables(
        self, weight: FloatArray, assets: Sequence[int], plain: Sequence[Intervals | None]
    ) -> dict[int, Intervals | None]:
        """In groups that fit into memory; of assets with running that pays for itself every minute is a point."""
        slots = slice(self._instance.first // SLOT_MINUTES, -(-self._finish // SLOT_MINUTES))
        earns = {a for a in assets if self._timing.overhead and weight[self._instance.row[a], slots].min() < 0}
        found: dict[int, Intervals | None] = {}
        for every, group in ((False, [a for a in assets if a not in earns]), (True, [a for a in assets if a in earns])):
            while group:
                points = self._points(group, every=every)
                unit = unit_of(points, self._timing, self._instance.last_start[group])
                size = 16 * len(points) * self._timing.layers * (self._timing.minutes // unit + 1)
                part, group = group[: max(1, TABLE_BYTES // size)], group[max(1, TABLE_BYTES // size) :]
                tables, unit = self._tables(weight[self._instance.row[part]], part, every=every)
                below = np.array([self._weigh(weight, asset, plain[asset]) for asset in part])
                for asset, pieces in zip(part, tables.best(below), strict=True):
                    found[asset] = self._in_minutes(pieces, unit)
        return found

    def _weigh(self, weight: FloatArray, asset: int, plan: Intervals | None) -> float:
        """Infinite for no plan; a little more than the plan's own weight, for rounding."""
        if plan is None:
            return float("inf")
        edges = np.arange(weight.shape[1] + 1) * SLOT_MINUTES
        minutes = sum(np.clip(np.minimum(edges[1:], b) - np.maximum(edges[:-1], a), 0, None) for a, b in plan)
        total = float(weight[self._instance.row[asset]] @ minutes)
        return total + TIE * max(1.0, abs(total))

    def _tables(self, weight: FloatArray, assets: Sequence[int], *, every: bool) -> tuple[Tables, int]:
        """Tables for weights per minute (A, S), in units of time from the window's start; and the unit."""
        points, starts = self._points(assets, every=every), self._instance.last_start[list(assets)]
        usable = self._usable(points, assets)
        unit = unit_of(points, self._timing, starts)
        first = points[0]
        laid = unit * weight[:, points[:-1] // SLOT_MINUTES]
        return Tables((points - first) // unit, laid, usable, (starts - first) // unit, self._timing.by(unit)), unit

    def _points(self, assets: Sequence[int], *, every: bool) -> IntArray:
        first, finish = self._instance.first, self._finish
        edges = [first, *range((first // SLOT_MINUTES + 1) * SLOT_MINUTES, finish, SLOT_MINUTES), finish]
        anchors = {first, finish, *(edge for a in assets for interval in self._blocked[a] for edge in interval)}
        anchors |= {int(self._instance.last_start[a]) for a in assets}
        return points_of(edges, sorted(anchors), self._timing.min_run, every=every)

    def _usable(self, points: IntArray, assets: Sequence[int]) -> BoolArray:
        """(A, N): whether the time between two points can be used."""
        instance, slots = self._instance, points[:-1] // SLOT_MINUTES
        usable: BoolArray = (np.diff(instance.holes, axis=1) == 0)[instance.row[list(assets)]][:, slots]
        for place, asset in enumerate(assets):
            for begin, end in self._blocked[asset]:
                usable[place, (points[:-1] < end) & (points[1:] > begin)] = False
        return usable

    def _capped(self, weight: FloatArray, asset: int) -> Intervals | None:
        units: list[int] = []
        every = self._finish - self._instance.first <= EVERY_MINUTE

        def lay(rows: FloatArray) -> Tables:
            tables, unit = self._tables(rows, [asset] * len(rows), every=every)
            units.append(unit)
            return tables

        pieces = Capped(self._instance, asset, weight[self._instance.row[asset]], lay).solve()
        return self._in_minutes(pieces, *units)

    def _in_minutes(self, pieces: Sequence[tuple[int, int]] | None, unit: int) -> Intervals | None:
        first = self._instance.first
        return None if pieces is None else joined([(first + begin * unit, first + end * unit) for begin, end in pieces])


def _weights(instance: Instance, criterion: Criterion) -> FloatArray:
    first, second = instance.weights(criterion)
    return first + SECOND * second + EARLIER * np.arange(first.shape[1])


def _is_better(instance: Instance, criterion: Criterion, asset: int, paused: Intervals, plain: Intervals) -> bool:
    """Per minute of the job and not of the run, so that overhead counts."""
    first, second = instance.keys(criterion, instance.sums([(asset, paused), (asset, plain)]) / instance.minutes)
    if abs(first[0] - first[1]) > TIE:
        return bool(first[0] < first[1])
    return bool(second[0] < second[1] - TIE)
