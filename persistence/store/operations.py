"""What people and their commands ask of the queue: submit, look, try again."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, TypedDict, cast
from uuid import UUID, uuid4

from pydantic import JsonValue

from persistence import columns
from persistence.errors import InvalidWorkload
from persistence.store.answers import texts, uuids
from persistence.transports.rpc import Rpc, unstorable
from persistence.workload import Row

AttemptOutcome: TypeAlias = Literal["queued", "failed", "retry", "lost", "released", "cancelled", "running", "waiting"]
"""The last two for the present lease."""


class Depth(TypedDict):
    """How much there is to do. Times in seconds."""

    pending: int
    oldest_pending_seconds: float | None
    in_flight: int
    waiting_for_retry: int
    overdue: int
    next_due_seconds: float | None
    """Until the next lease runs out or retry falls due; null without leases."""
    unshown: int
    """Rows whose state or answer has yet to be written to the shared table."""
    parked: int
    """Of these, rows that refuse it."""


class Count(TypedDict):
    """Rows in one state."""

    status: str | None
    agent_status: str | None
    count: int


class Oldest(TypedDict):
    """The workload that has waited longest."""

    id: str
    workload_name: str | None
    submitted_at: str | None


class Leased(TypedDict):
    """A workload that somebody works on, or (`owner` null) that waits for its next attempt at `until`."""

    workload_id: str
    workload_name: str | None
    thread_id: str
    owner: str | None
    attempt: int
    claimed_at: str
    age_seconds: float
    until: str
    last_error: str | None


class Failure(TypedDict):
    """A workload that failed."""

    workload_id: str
    workload_name: str | None
    attempt: int
    ended_at: str
    error: str | None


class Parked(TypedDict):
    """A row that refuses its state (`what`: processing) or its answer; `reason` is the database's message."""

    workload_id: str
    workload_name: str | None
    what: Literal["processing", "answer"]
    reason: str
    since: str
    tries: int
    next_try: str


class LastHour(TypedDict):
    """Attempts that ended in the last hour, by outcome; the median of those that were placed."""

    queued: int
    failed: int
    retry: int
    lost: int
    released: int
    cancelled: int
    median_seconds: float | None


class Status(Depth):
    """What `gridwise status` shows."""

    is_read_only: bool
    """The database takes no writes, not even a poller's word of what keeps it from working."""
    counts: list[Count]
    oldest_pending: Oldest | None
    leases: list[Leased]
    parked_rows: list[Parked]
    failures: list[Failure]
    last_hour: LastHour
    oldest_transaction_seconds: float | None


class Attempt(TypedDict):
    """One attempt at a workload. Times are ISO 8601."""

    workload_id: str
    thread_id: str
    token: int
    attempt: int
    owner: str | None
    outcome: AttemptOutcome
    claimed_at: str
    ended_at: str | None
    seconds: float
    error: str | None


class Operations:
    """Raises `persistence.errors.StoreError` only."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def submit(self, rows: Sequence[Row]) -> list[UUID]:
        """Inserts rows as `pending`, keys are column names; the ids in their order. Raises `InvalidWorkload`,
        and inserts none, where a text has a character that PostgreSQL cannot keep (NUL, half of a surrogate pair)."""
        if not rows:
            return []
        found = [(row, unstorable(dict(row))) for row in rows]
        problems = tuple(
            f"{columns.shown(row.get('workload_name'))}: {bad}, which cannot be stored; remove it."
            for row, bad in found
            if bad is not None
        )
        if problems:
            raise InvalidWorkload(problems)
        # ids from here, so that a re-send inserts nothing twice
        items: list[JsonValue] = [{**row, "id": row.get("id") or str(uuid4())} for row in rows]
        return uuids(await self._rpc("submit_workloads", {"p_rows": items}))

    async def read(self, workload_id: UUID) -> Row | None:
        """The whole row."""
        return cast("Row | None", await self._rpc("read_workload", {"p_id": str(workload_id)}))

    async def record_run(self, workload_id: UUID, run: Row) -> bool:
        """Puts what really ran into `metadata.actual_run`; False where the row is gone."""
        return bool(await self._rpc("record_run", {"p_id": str(workload_id), "p_details": dict(run)}))

    async def status(self) -> Status:
        return cast("Status", await self._rpc("queue_status", {}))

    async def depth(self) -> Depth:
        """Cheap: for whoever asks every few seconds."""
        return cast("Depth", await self._rpc("queue_depth", {}))

    async def history(self, workload_id: UUID) -> list[Attempt]:
        """Attempts, oldest first."""
        return cast("list[Attempt]", await self._rpc("workload_history", {"p_id": str(workload_id)}))

    async def requeue(self, workload_ids: Sequence[UUID], *, fresh: bool) -> list[UUID]:
        """Failed rows resume on their last thread or, `fresh`, are submitted again; the ids that were taken."""
        if not workload_ids:
            return []
        return uuids(await self._rpc("requeue_workloads", {"p_ids": texts(workload_ids), "p_fresh": fresh}))

    async def relax(self, workload_id: UUID, number: int) -> Row:
        """Accepts relaxation `number` of a workload that no placement could satisfy: the row is loosened as our search
        said, and submitted again. `{id, n, says, changed}`. Raises `StoreError` where there is none of that number, or
        it is not the owner's to give."""
        return cast("Row", await self._rpc("relax", {"id": str(workload_id), "n": number}))
