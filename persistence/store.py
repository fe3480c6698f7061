"""The one interface to the table, with two transports: psycopg and Supabase's REST API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias
from uuid import UUID

from pydantic import JsonValue

from persistence.workload import Recommendation

Row: TypeAlias = Mapping[str, JsonValue]
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
    """A lease and the row it is for, as JSON (timestamps as ISO strings, numerics as numbers)."""

    lease: Lease
    row: Row


class Store(Protocol):
    """Raises `persistence.errors.StoreError` only; `.retryable` says whether the same call may succeed later."""

    name: str
    """Host and database or project, without credentials; for the banner and for provenance."""

    async def claim(self, *, owner: str, limit: int, lease_seconds: int, max_attempts: int) -> list[Claim]:
        """Due retries and expired leases first, then pending rows in queue order."""
        ...

    async def extend(self, leases: Sequence[Lease], *, lease_seconds: int) -> set[int]:
        """Tokens that are still held; a missing one is lost."""
        ...

    async def complete(self, lease: Lease, recommendation: Recommendation) -> bool:
        """False when the lease was lost or the row left `processing`; then nothing was written."""
        ...

    async def fail(
        self, lease: Lease, error: str, *, retry_in_seconds: float | None, max_attempts: int, details: Row | None = None
    ) -> FailOutcome:
        """Terminal when `retry_in_seconds` is None or attempts are used up; otherwise a lease due in the future."""
        ...

    async def new_thread(self, lease: Lease) -> Lease:
        """A fresh thread id under the same lease: the run is planned anew."""
        ...

    async def release(self, leases: Sequence[Lease]) -> int:
        """Due now, attempt refunded."""
        ...

    async def adopt_orphans(self) -> int:
        """Rows in `processing` without a lease become due."""
        ...

    async def submit(self, rows: Sequence[Row]) -> list[UUID]: ...

    async def read(self, workload_id: UUID) -> Row | None: ...

    async def catalogue(self) -> list[Row]:
        """Active assets: `asset_id, asset_name, asset_type, region_number, region_id, grid_zone_id, rated_power_kw,
        max_deferral_hours, min_renewable_threshold_pct, carbon_intensity_cap_gco2_kwh, metadata`."""
        ...

    async def commitments(self, start: datetime, end: datetime) -> list[Row]:
        """Windows promised to queued workloads: `asset_id, start, end, power_kw`."""
        ...

    async def status(self) -> Row: ...

    async def history(self, workload_id: UUID) -> list[Row]: ...

    async def requeue(self, workload_ids: Sequence[UUID], *, fresh: bool) -> list[UUID]: ...

    async def aclose(self) -> None: ...
