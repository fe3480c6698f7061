"""The one interface to the table, with two transports: psycopg and Supabase's REST API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias
from uuid import UUID

from pydantic import JsonValue

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A lease and what a run needs of the row it is for."""

    lease: Lease
    row: Row
    """The columns that `persistence.workload.parse_workload` reads, as JSON (timestamps as ISO strings, numerics as
    numbers), `agent_started_at`, and of `metadata` its `user_request` alone.

    Whatever users or operators put into the row, it is bounded and flat, so that it cannot hinder those it is claimed
    with: a list or an object inside `user_request` is empty, a text is cut at 100,000 characters, a larger
    `user_request` arrives as that much text, and `metadata` that is no object as an empty list. All of these, where
    they matter, `parse_workload` refuses in words. The whole row is what `Store.read` returns.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """What became of a group of results, by token. One in neither set was dropped: its lease was lost, or its row left
    `processing`."""

    written: frozenset[int]
    busy: frozenset[int]
    """Another transaction has the row locked: nothing was touched, send these again."""


class Store(Protocol):
    """Raises `persistence.errors.StoreError` only; `.retryable` says whether the same call may succeed later."""

    name: str
    """Host and database or project, without credentials; for the banner and for provenance."""

    async def claim(self, *, owner: str, limit: int, lease_seconds: float, max_attempts: int) -> list[Claim]:
        """Due retries and expired leases first, then pending rows in queue order."""
        ...

    async def extend(self, leases: Sequence[Lease], *, lease_seconds: float) -> set[int]:
        """Tokens that are still held; a missing one is lost, or its row was cancelled: stop that run.

        A lease that is locked this moment is answered as it stands, without more time: one that is being taken over
        counts as held until the next call.
        """
        ...

    async def complete(self, lease: Lease, recommendation: Recommendation) -> bool:
        """False when the lease was lost or the row left `processing`; then nothing was written. Raises `RowBusy`."""
        ...

    async def complete_all(self, results: Sequence[tuple[Lease, Recommendation]]) -> Completed:
        """In one transaction that waits for nobody: a lost lease or a busy row does not hinder the others."""
        ...

    async def fail(
        self, lease: Lease, error: str, *, retry_in_seconds: float | None, max_attempts: int, details: Row | None = None
    ) -> FailOutcome:
        """Terminal when `retry_in_seconds` is None or attempts are used up; otherwise a lease due in the future.

        Raises `RowBusy`.
        """
        ...

    async def new_thread(self, lease: Lease) -> Lease:
        """A fresh thread id under the same lease: the run is planned anew. Raises `LeaseLost`."""
        ...

    async def release(self, leases: Sequence[Lease]) -> int:
        """Due now, attempt refunded; how many. One that is locked this moment is left to run out."""
        ...

    async def adopt_orphans(self, *, grace_seconds: float = 600) -> int:
        """Rows in `processing` without a lease become due, once they have been at it for `grace_seconds`."""
        ...

    async def wait_for_work(self, *, timeout_seconds: float) -> None:
        """Returns when rows arrived or were released, or after the timeout. One waiter per store."""
        ...

    async def submit(self, rows: Sequence[Row]) -> list[UUID]:
        """Inserts rows as `pending`, keys as the columns are called; the ids in their order."""
        ...

    async def read(self, workload_id: UUID) -> Row | None: ...

    async def catalogue(self) -> list[Row]:
        """Active assets: `asset_id, asset_name, asset_type, region_number, region_id, grid_zone_id, rated_power_kw,
        max_deferral_hours, min_renewable_threshold_pct, carbon_intensity_cap_gco2_kwh, metadata`."""
        ...

    async def commitments(self, start: datetime, end: datetime) -> list[Row]:
        """Windows promised or reserved: `workload_id, asset_id, start, end, power_kw`, one per stretch.

        Promised: rows whose `metadata.provenance` has `power_kw` (and, if paused, `segments: [{start, end}]`).
        """
        ...

    async def reserve(self, workload_id: UUID, windows: Sequence[Row], *, token: int | None) -> bool:
        """`asset_id, start, end, power_kw` per window, kept with the lease that has this token in place of what it had.

        False, and nothing changed, where others have been promised too much of a site's rated power meanwhile. Raises
        `LeaseLost`. Without a token only the answer counts.
        """
        ...

    async def status(self) -> Row:
        """`depth()` and `counts, oldest_pending, leases, failures, last_hour, oldest_transaction_seconds`."""
        ...

    async def depth(self) -> Row:
        """`pending, oldest_pending_seconds, in_flight, waiting_for_retry, overdue, next_due_seconds`; cheap.

        `next_due_seconds`: until the next lease runs out or retry falls due; null without leases.
        """
        ...

    async def history(self, workload_id: UUID) -> list[Row]:
        """Attempts, oldest first: `token, thread_id, attempt, owner, outcome, claimed_at, ended_at, seconds, error`.

        `outcome`: queued, failed, retry, lost, released, cancelled; for the present lease running or waiting.
        """
        ...

    async def requeue(self, workload_ids: Sequence[UUID], *, fresh: bool) -> list[UUID]:
        """Failed rows resume on their last thread or, `fresh`, are submitted again; the ids that were taken."""
        ...

    async def prunable_threads(self, *, retention_seconds: float, limit: int = 100) -> list[UUID]:
        """Threads that ended that long ago and that no lease will resume."""
        ...

    async def mark_pruned(self, thread_ids: Sequence[UUID], *, retention_seconds: float) -> None:
        """Their checkpoints are gone; a later `requeue` starts on a new thread."""
        ...

    async def trim_history(self, *, retention_seconds: float, limit: int = 1000) -> int:
        """Forgets attempts that ended that long ago (a day at least) and that nobody needs any more; how many.

        Needed: attempts whose checkpoints are not pruned, and all attempts of a workload that holds a lease.
        """
        ...

    async def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        """One of the project's SQL functions by name; what `persistence.source_cache` is built on."""
        ...

    async def aclose(self) -> None: ...
