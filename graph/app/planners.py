"""Where a held command's window comes from: a plan of its own, searched again each half-hour, or a row of the queue."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from graph.app.hold import NoRun, Window
from graph.app.oneshot import Answered
from graph.exports.run import Run
from persistence.errors import StoreError
from persistence.workload import Row
from tools.errors import GridwiseError
from tools.placement import Option, Problem, Segment
from tools.slots import slot_start
from tools.solver.candidates import option_by_id
from tools.solver.policy import worth_shifting
from tools.solver.search import search

ENDED = frozenset({"failed", "cancelled"})


class OwnPlan:
    """Asked again in each half-hour with the newest figures; the plan moves only when that is worth it."""

    def __init__(self, answer: Callable[[datetime], Awaitable[Answered]], first: Answered, now: datetime) -> None:
        self._answer = answer
        self._asked_in = slot_start(now)
        self._window = window_of(first)
        self._chosen = _winner(first)
        self.moves = 0

    async def window(self, now: datetime) -> Window:
        if self._window.start > now and slot_start(now) != self._asked_in:
            self._asked_in = slot_start(now)
            await self._ask(now)
        return self._window

    async def _ask(self, now: datetime) -> None:
        try:
            found = await self._answer(now)
        except GridwiseError:
            return  # what was found while there was more room is kept
        winner = _winner(found)
        if winner is None or self._chosen is None or _same(winner, self._chosen):
            return
        standing = pinned(found.problem, found, self._chosen)
        if standing is None or worth_shifting(found.problem, found.market, winner, standing):
            self._window, self._chosen = window_of(found), winner
            self.moves += 1


class RowPlan:
    """The window in the workload's row, whoever changes it."""

    def __init__(self, read: Callable[[], Awaitable[Row | None]], workload_id: object) -> None:
        self._read = read
        self._id = workload_id
        self._known: Window | None = None

    async def window(self, now: datetime) -> Window | None:
        try:
            row = await self._read()
        except StoreError as error:
            if error.retryable:
                return self._known  # an outage does not move a plan
            raise
        if row is None:
            msg = f"Workload {self._id} was deleted; nothing is started."
            raise NoRun(msg)
        if row.get("status") in ENDED:
            msg = f"Workload {self._id} is {row['status']}; nothing is started. {row.get('agent_error') or ''}"
            raise NoRun(msg.strip())
        if row.get("status") not in ("pending", "processing") and row.get("recommended_time_window_start"):
            run = Run.of(row)
            self._known = Window(run.region, run.segments)
        return self._known


def window_of(answered: Answered) -> Window:
    """The recommended intervals."""
    best = answered.recommendation.options[0]
    provenance = answered.recommendation.metadata.get("provenance")
    parts = provenance.get("segments") if isinstance(provenance, Mapping) else None
    return Window(best.region, _stretches(parts) or ((best.start, best.end),))


def pinned(problem: Problem, answered: Answered, standing: Option) -> Option | None:
    """The standing plan by the newest figures; None where it is not possible any more."""
    gaps = zip(standing.segments, standing.segments[1:], strict=False)
    limits = problem.limits.model_copy(
        update={
            "earliest_start": standing.start,
            "latest_start": standing.start,
            "latest_finish": standing.end,
            "forbidden": tuple(Segment(start=one.end, end=other.start) for one, other in gaps),
        }
    )
    only = problem.model_copy(update={"limits": limits, "assets": (standing.asset,)})
    found = search(only, answered.market)
    return found[0] if found else None


def _winner(answered: Answered) -> Option | None:
    if not answered.chosen:
        return None
    return option_by_id(answered.problem, answered.market, answered.chosen[0])


def _same(one: Option, other: Option) -> bool:
    return one.asset == other.asset and one.segments == other.segments


def _stretches(parts: Any) -> tuple[tuple[datetime, datetime], ...]:  # noqa: ANN401  JSON
    if not isinstance(parts, Sequence) or isinstance(parts, str):
        return ()
    known = [part for part in parts if isinstance(part, Mapping) and {"start", "end"} <= part.keys()]
    return tuple((_utc(part["start"]), _utc(part["end"])) for part in known)


def _utc(value: object) -> datetime:
    return datetime.fromisoformat(str(value)).astimezone(UTC)
