"""The store over any transport that can call the project's SQL functions: what is asked, sent again, and read back."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, cast
from uuid import UUID, uuid4

from pydantic import JsonValue

from persistence.errors import LeaseLost, RowBusy, StoreError, Unreachable
from persistence.retry import Backoff, Retrier, Until
from persistence.store.queue import Claim, Completed, FailOutcome, Lease
from persistence.workload import Recommendation, Row

SENDS: Final = 3
"""Times a call is sent before its error is the caller's: covers a dropped connection, not an outage."""
LONGEST_PAUSE_SECONDS: Final = 1.0
_SUSPECT: Final = re.compile(r"\\u(0000|d[89a-f])|NaN|Infinity")
"""In JSON of ASCII letters; also found in some text that is sound (a surrogate pair)."""
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


class Transport(Protocol):
    """Calls one SQL function, by name and named arguments, and returns its JSON. Raises `StoreError`, before long even
    where nobody answers."""

    name: str

    async def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue: ...

    async def wait_for_work(self, *, timeout_seconds: float) -> None: ...

    async def aclose(self) -> None: ...


class RpcStore:
    """`persistence.store.Store`. Every call may be sent again: a function answers a repetition as the first time."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._retry = Retrier(backoff=Backoff(base_seconds=0.1, cap_seconds=LONGEST_PAUSE_SECONDS))
        self.name = transport.name

    async def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        arguments = cast("dict[str, JsonValue]", storable(dict(arguments)))
        sent = 0

        async def send() -> JsonValue:
            nonlocal sent
            sent += 1
            resend = sent > 1 and "p_resend" in arguments
            return await self._transport.call(function, {**arguments, "p_resend": True} if resend else arguments)

        return await self._retry(function, send, until=Until(attempts=SENDS), retry_on=_worth_sending_again)

    async def claim(self, *, owner: str, limit: int, lease_seconds: float, max_attempts: int) -> list[Claim]:
        found = await self.call(
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
        return sorted((_claim(entry) for entry in _rows(found)), key=lambda claim: claim.lease.token)

    async def extend(self, leases: Sequence[Lease], *, lease_seconds: float) -> set[int]:
        if not leases:
            return set()
        held = await self.call("extend_leases", {**_held(leases), "p_lease_seconds": lease_seconds})
        return set(cast("list[int]", held))

    async def complete(self, lease: Lease, recommendation: Recommendation) -> bool:
        done = await self.complete_all([(lease, recommendation)])
        if lease.token in done.busy:
            raise RowBusy(lease.workload_id)
        return lease.token in done.written

    async def complete_all(self, results: Sequence[tuple[Lease, Recommendation]]) -> Completed:
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
        done = cast("dict[str, list[int]]", await self.call("complete_workloads", {"p_items": items}))
        return Completed(written=frozenset(done["written"]), busy=frozenset(done["busy"]))

    async def fail(
        self, lease: Lease, error: str, *, retry_in_seconds: float | None, max_attempts: int, details: Row | None = None
    ) -> FailOutcome:
        outcome = await self.call(
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

    async def new_thread(self, lease: Lease) -> Lease:
        thread = await self.call("start_new_thread", {"p_id": str(lease.workload_id), "p_token": lease.token})
        if thread is None:
            raise _lost(lease.workload_id, lease.token)
        return Lease(
            workload_id=lease.workload_id,
            thread_id=UUID(str(thread)),
            token=lease.token,
            owner=lease.owner,
            attempt=lease.attempt,
            until=lease.until,
        )

    async def release(self, leases: Sequence[Lease]) -> int:
        return cast("int", await self.call("release_workloads", _held(leases))) if leases else 0

    async def adopt_orphans(self, *, grace_seconds: float = 600) -> int:
        return cast("int", await self.call("adopt_orphans", {"p_grace_seconds": grace_seconds}))

    async def wait_for_work(self, *, timeout_seconds: float) -> None:
        await self._transport.wait_for_work(timeout_seconds=timeout_seconds)

    async def submit(self, rows: Sequence[Row]) -> list[UUID]:
        if not rows:
            return []
        # ids from here, so that a re-send inserts nothing twice
        items: list[JsonValue] = [{**row, "id": row.get("id") or str(uuid4())} for row in rows]
        return _uuids(await self.call("submit_workloads", {"p_rows": items}))

    async def read(self, workload_id: UUID) -> Row | None:
        return cast("Row | None", await self.call("read_workload", {"p_id": str(workload_id)}))

    async def catalogue(self) -> list[Row]:
        return _rows(await self.call("compute_catalogue", {}))

    async def commitments(self, start: datetime, end: datetime) -> list[Row]:
        arguments: dict[str, JsonValue] = {"p_start": start.isoformat(), "p_end": end.isoformat()}
        return _rows(await self.call("power_commitments", arguments))

    async def reserve(self, workload_id: UUID, windows: Sequence[Row], *, token: int | None) -> bool:
        items: list[JsonValue] = [dict(window) for window in windows]
        answer = await self.call("reserve_power", {"p_workload": str(workload_id), "p_token": token, "p_items": items})
        if answer == "lost":
            raise _lost(workload_id, token)
        return answer == "reserved"

    async def status(self) -> Row:
        return cast("Row", await self.call("queue_status", {}))

    async def depth(self) -> Row:
        return cast("Row", await self.call("queue_depth", {}))

    async def history(self, workload_id: UUID) -> list[Row]:
        return _rows(await self.call("workload_history", {"p_id": str(workload_id)}))

    async def requeue(self, workload_ids: Sequence[UUID], *, fresh: bool) -> list[UUID]:
        if not workload_ids:
            return []
        return _uuids(await self.call("requeue_workloads", {"p_ids": _texts(workload_ids), "p_fresh": fresh}))

    async def prunable_threads(self, *, retention_seconds: float, limit: int = 100) -> list[UUID]:
        arguments: dict[str, JsonValue] = {"p_retention_seconds": retention_seconds, "p_limit": limit}
        return _uuids(await self.call("prunable_threads", arguments))

    async def mark_pruned(self, thread_ids: Sequence[UUID], *, retention_seconds: float) -> None:
        if thread_ids:
            await self.call(
                "mark_threads_pruned", {"p_threads": _texts(thread_ids), "p_retention_seconds": retention_seconds}
            )

    async def trim_history(self, *, retention_seconds: float, limit: int = 1000) -> int:
        arguments: dict[str, JsonValue] = {"p_retention_seconds": retention_seconds, "p_limit": limit}
        return cast("int", await self.call("trim_history", arguments))

    async def aclose(self) -> None:
        await self._transport.aclose()


def storable(value: JsonValue) -> JsonValue:
    """The value as PostgreSQL can keep it: NUL and lone surrogates in text become U+FFFD, NaN and infinity null."""
    return _mended(value) if _SUSPECT.search(json.dumps(value)) else value


def _mended(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {str(_mended(key)): _mended(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_mended(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _lost(workload_id: UUID, token: int | None) -> LeaseLost:
    return LeaseLost(f"The lease of workload {workload_id} (token {token}) is held by somebody else now.")


def _worth_sending_again(error: StoreError) -> bool:
    """A call that has waited for a connection in vain would only wait again."""
    return error.retryable and not isinstance(error, Unreachable)


def _held(leases: Sequence[Lease]) -> dict[str, JsonValue]:
    return {"p_ids": _texts([lease.workload_id for lease in leases]), "p_tokens": [lease.token for lease in leases]}


def _texts(ids: Sequence[UUID]) -> list[JsonValue]:
    return [str(one) for one in ids]


def _uuids(value: JsonValue) -> list[UUID]:
    return [UUID(str(one)) for one in cast("list[str]", value)]


def _rows(value: JsonValue) -> list[Row]:
    return cast("list[Row]", value)


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
        ),
        row=found["row"],
    )
