"""What a plan with pauses may do in one half-hour, given what it did before: the states and moves of the search."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import NamedTuple

from tools.slots import SLOT_MINUTES

NEW, PAUSED, RUNNING = 0, 1, 2


@dataclass(frozen=True, slots=True)
class State:
    """At a cell's edge: not begun, paused, or running and owing that many minutes to the minimum run."""

    phase: int
    spent: bool = False
    """The one part-used cell has been used."""
    owed: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """What one cell can be used for in a state."""

    to: int
    """Index of the state at the cell's end."""
    minutes: int
    """Of the cell that are run."""
    overhead: int
    """Minutes of work lost by resuming."""
    leads: bool
    """Runs at the cell's end (else at its start, or not at all)."""
    begins: bool
    """The first stretch of the plan."""


class Step(NamedTuple):
    """A move whose state at the cell's end is not numbered yet; fields as of `Move`."""

    after: State
    minutes: int
    overhead: int = 0
    leads: bool = False
    begins: bool = False


FIXED = (State(NEW), State(PAUSED), State(PAUSED, spent=True), State(RUNNING), State(RUNNING, spent=True))
BEGIN = 0
ENDED = (1, 2, 3, 4)
"""Indexes of the states in which a plan may be over."""


@dataclass(frozen=True)
class Machine:
    """All states that can be reached, and their moves in the first cell, one in the middle, and the last."""

    job_minutes: int
    min_run: int
    overhead: int
    lengths: tuple[int, int, int]
    """Of the first cell, one in the middle, the last; minutes."""

    @classmethod
    def of(cls, job_minutes: int, min_run_minutes: int, overhead: int, lengths: Sequence[int]) -> "Machine":
        """`lengths` of all cells; the minimum run is rounded up to whole half-hours."""
        min_run = max(1, -(-min_run_minutes // SLOT_MINUTES)) * SLOT_MINUTES
        return cls(job_minutes, min_run, overhead, (int(lengths[0]), SLOT_MINUTES, int(lengths[-1])))

    @cached_property
    def partials(self) -> tuple[int, ...]:
        """Minutes that the one part-used cell can be left with, over all uses of the ends and numbers of resumes."""
        ends = [length for length in (self.lengths[0], self.lengths[2]) if length < SLOT_MINUTES]
        whole = {0, *ends, sum(ends)}
        resumes = range(SLOT_MINUTES // gcd(SLOT_MINUTES, self.overhead) if self.overhead else 1)
        found = {(self.job_minutes + self.overhead * i - used) % SLOT_MINUTES for used in whole for i in resumes}
        return tuple(sorted(found - {0}))

    @cached_property
    def states(self) -> tuple[State, ...]:
        """Those that are always there, then what is reached through the first cell and those in the middle."""
        found = dict.fromkeys(FIXED)
        fresh = [step.after for step in self._steps(State(NEW), 0)]
        while fresh:
            found |= dict.fromkeys(fresh)
            reached = [step.after for state in (*FIXED, *fresh) for step in self._steps(state, 1)]
            fresh = [state for state in dict.fromkeys(reached) if state not in found]
        return tuple(found)

    @cached_property
    def table(self) -> tuple[tuple[tuple[Move, ...], ...], ...]:
        """[first, middle or last cell][state]: the moves, running before idling so that of equals the earlier wins."""
        index = {state: i for i, state in enumerate(self.states)}
        return tuple(
            tuple(
                tuple(
                    Move(index[step.after], step.minutes, step.overhead, step.leads, step.begins)
                    for step in self._steps(state, kind)
                    if step.after in index
                )
                for state in self.states
            )
            for kind in range(3)
        )

    @property
    def most_remaining(self) -> int:
        """Work that can be left at any edge: a resume costs overhead, but only after a minimum run."""
        return max(self.job_minutes, self.job_minutes - self.min_run + self.overhead)

    def kind(self, cell: int, cells: int) -> int:
        return 0 if cell == 0 else 2 if cell == cells - 1 else 1

    def _steps(self, state: State, kind: int) -> Iterator[Step]:
        """In the last cell none that would leave a stretch too short."""
        for step in self._any_steps(state, self.lengths[kind]):
            if kind < 2 or step.after.phase != RUNNING or step.after.owed == 0:
                yield step._replace(after=self._alike(step.after))

    def _alike(self, state: State) -> State:
        """One state for all that need as many whole half-hours: a spent plan can pay what it owes with nothing else.

        Not where the window's last cell is a part-slot, which may just suffice.
        """
        if not state.spent or self.lengths[2] < SLOT_MINUTES:
            return state
        return State(state.phase, state.spent, -(-state.owed // SLOT_MINUTES) * SLOT_MINUTES)

    def _any_steps(self, state: State, length: int) -> Iterator[Step]:
        spent = state.spent
        if state.phase != RUNNING:
            yield from self._begin(state, length)
            yield Step(state, 0)
            return
        yield Step(State(RUNNING, spent, max(0, state.owed - length)), length, leads=True)
        if not spent:
            for part in self.partials:
                if state.owed <= part < length:
                    yield Step(State(PAUSED, spent=True), part)
        if state.owed == 0:
            yield Step(State(PAUSED, spent), 0)
            yield from (step for step in self._begin(State(PAUSED, spent), length) if step.minutes < length)

    def _begin(self, state: State, length: int) -> Iterator[Step]:
        """A stretch that begins in this cell and runs on at its end: the whole cell, or its last part."""
        overhead, first = (0, True) if state.phase == NEW else (self.overhead, False)
        yield Step(State(RUNNING, state.spent, max(0, self.min_run - length)), length, overhead, True, first)
        if not state.spent:
            for part in self.partials:
                if part < length:
                    after = State(RUNNING, spent=True, owed=max(0, self.min_run - part))
                    yield Step(after, part, overhead, True, first)
