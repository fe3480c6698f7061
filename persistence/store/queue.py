"""Who works on what: claims, leases, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias, cast
from uuid import UUID, uuid4

from pydantic import JsonValue

from persistence.errors import RowBusy
from persistence.store.answers import lost, rows, texts
from persistence.transports.rpc import Rpc
from persistence.workload import Recommendation, Row

FailOutcome: TypeAlias = Literal["failed", "retry", "lost"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to write one workload's result until `until` (by the server's clock)."""

    workload_id: UUID
    thread_id: UUID
    """One per submission of the row; the LangGraph thread that carries the run."""
    token: int
    owner: str
    attempt: int
    until: datetime
    submission: int = 1
    """Which of the row's submissions this is; an edit makes a new one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A lease and what a run needs of the row it is for."""

    lease: Lease
    row: Row
    """The columns that `persistence.workload.parse_workload` reads, as JSON (timestamps as ISO strings, numerics as
    numbers), `agent_started_at`, and of `metadata` its `user_request` alone.

    Whatever users or operators put into the row, it is bounded and flat, so that it cannot hinder those it is claimed
    with: a list or an object inside `user_request` is empty, a text is cut at 100,000 characters, a larger
    `user_request` arrives as that much text, and `metadata` that is not an object as an empty list. All of these, where
    they matter, `parse_workload` refuses in words. The whole row is what `Operations.read` returns.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """What became of a group of results, by token. One in neither set was dropped: its lease was lost, or its row was
    edited, cancelled or deleted."""

    written: frozenset[int]
    """Decided for good; shown in the shared row at once or, where that does not let it be written, by `project`."""
    busy: frozenset[int]
    """Somebody edits the row this moment: nothing was touched, send these again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Projected:
    """What one round of showing came to."""

    shown: int
    busy: int
    """Rows that somebody has locked; tried again soon."""
    parked: int
    """Rows that refuse the update; tried again later and later, and shown by `Operations.status`."""
    next_seconds: float | None
    """Until the next is due; None where nothing is left to show."""


class Queue:
    """Raises `persistence.errors.StoreError` only; `.retryable` says whether the same call may succeed later."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    @property
    def rpc(self) -> Rpc:
        """What the calls go through, for a queue that does more at some of them."""
        return self._rpc

    async def claim(self, *, owner: str, limit: int, lease_seconds: float, max_attempts: int) -> list[Claim]:
        """Due retries and expired leases first, then pending rows in queue order."""
        found = await self._rpc(
            "claim_workloads",
            {
                "p_owner": owner,
                "p_limit": limit,
                "p_lease_seconds": lease_seconds,
                "p_max_attempts": max_attempts,
                "p_request": str(uuid4()),
                "p_resend": False,
            },
        )
        return sorted((_claim(entry) for entry in rows(found)), key=lambda claim: claim.lease.token)

    async def extend(self, leases: Sequence[Lease], *, lease_seconds: float) -> set[int]:
        """Tokens that are still held; a missing one is lost, or its row was cancelled: stop that run.

        A lease that is locked this moment is reported as held, without more time: one that is being taken over
        counts as held until the next call.
        """
        if not leases:
            return set()
        held = await self._rpc("extend_leases", {**_held(leases), "p_lease_seconds": lease_seconds})
        return set(cast("list[int]", held))

    async def complete(self, lease: Lease, recommendation: Recommendation) -> bool:
        """False when the lease was lost or the row edited or cancelled; then nothing was written. Raises `RowBusy`."""
        done = await self.complete_all([(lease, recommendation)])
        if lease.token in done.busy:
            raise RowBusy(lease.workload_id)
        return lease.token in done.written

    async def complete_all(self, results: Sequence[tuple[Lease, Recommendation]]) -> Completed:
        """In one transaction that waits for nobody: a lost lease or a busy row does not hinder the others."""
        if not results:
            return Completed(written=frozenset(), busy=frozenset())
        items: list[JsonValue] = [
            {
                "workload_id": str(lease.workload_id),
                "token": lease.token,
                "result": recommendation.model_dump(mode="json"),
            }
            for lease, recommendation in results
        ]
        done = cast("dict[str, list[int]]", await self._rpc("complete_workloads", {"p_items": items}))
        return Completed(written=frozenset(done["written"]), busy=frozenset(done["busy"]))

    async def fail(
        self, lease: Lease, error: str, *, retry_in_seconds: float | None, max_attempts: int, details: Row | None = None
    ) -> FailOutcome:
        """Terminal when `retry_in_seconds` is None or attempts are used up; otherwise a lease due in the future.

        `details` go into the row's metadata; their `relaxations` are what `Operations.relax` obeys.
        Raises `RowBusy`.
        """
        outcome = await self._rpc(
            "fail_workload",
            {
                "p_id": str(lease.workload_id),
                "p_token": lease.token,
                "p_error": error,
                "p_retry_seconds": retry_in_seconds,
                "p_max_attempts": max_attempts,
                "p_details": None if details is None else dict(details),
            },
        )
        if outcome == "busy":
            raise RowBusy(lease.workload_id)
        return cast("FailOutcome", outcome)

    async def project(self, *, limit: int = 20) -> Projected:
        """Shows in the shared table what it has not let be written yet, row by row. Any process may, at any time."""
        found = cast("dict[str, Any]", await self._rpc("project_workloads", {"p_limit": limit}))
        return Projected(**found)

    async def new_thread(self, lease: Lease) -> Lease:
        """A fresh thread id under the same lease: the run is planned again. Raises `LeaseLost`."""
        thread = await self._rpc("start_new_thread", {"p_id": str(lease.workload_id), "p_token": lease.token})
        if thread is None:
            raise lost(lease.workload_id, lease.token)
        return replace(lease, thread_id=UUID(str(thread)))

    async def release(self, leases: Sequence[Lease]) -> int:
        """Due now, attempt refunded; how many. One that is locked this moment is left to run out."""
        return cast("int", await self._rpc("release_workloads", _held(leases))) if leases else 0

    async def wait_for_work(self, *, timeout_seconds: float) -> None:
        """Returns when rows arrived or were released, or after the timeout. One waiter per store."""
        await self._rpc.transport.wait_for_work(timeout_seconds=timeout_seconds)


def _held(leases: Sequence[Lease]) -> dict[str, JsonValue]:
    return {"p_ids": texts([lease.workload_id for lease in leases]), "p_tokens": [lease.token for lease in leases]}


def _claim(entry: Row) -> Claim:
    found = cast("dict[str, Any]", entry)
    return Claim(
        lease=Lease(
            workload_id=UUID(found["workload_id"]),
            thread_id=UUID(found["thread_id"]),
            token=found["token"],
            owner=found["owner"],
            attempt=found["attempt"],
            until=datetime.fromisoformat(found["until"]),
            submission=found["submission"],
        ),
        row=found["row"],
    )
