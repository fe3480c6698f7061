"""Events that wait to be sent to a webhook, under leases."""

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from pydantic import JsonValue

from persistence.store.answers import rows
from persistence.transports.rpc import Rpc


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One event, leased."""

    id: UUID
    """The same at every attempt, so that a receiver can tell a repetition."""
    token: UUID
    event: str
    attempt: int
    """From 1."""
    created_at: str
    payload: JsonValue


class Outbox:
    """Raises `persistence.errors.StoreError` only."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def claim(self, *, limit: int, lease_seconds: float) -> list[Delivery]:
        """Events that are due, the oldest of each workload first; asking for them switches their recording on."""
        arguments: dict[str, JsonValue] = {"p_limit": limit, "p_lease_seconds": lease_seconds}
        return [
            Delivery(
                id=UUID(str(row["id"])),
                token=UUID(str(row["token"])),
                event=str(row["event"]),
                attempt=cast("int", row["attempt"]),
                created_at=str(row["created_at"]),
                payload=row["payload"],
            )
            for row in rows(await self._rpc("claim_deliveries", arguments))
        ]

    async def delivered(self, delivery: Delivery) -> bool:
        """False where the lease had run out: somebody else sends it again."""
        return await self._settle(delivery, None, None)

    async def failed(self, delivery: Delivery, error: str, *, retry_seconds: float | None) -> bool:
        """Tried again after `retry_seconds`; None gives it up."""
        return await self._settle(delivery, error, retry_seconds)

    async def _settle(self, delivery: Delivery, error: str | None, retry_seconds: float | None) -> bool:
        arguments: dict[str, JsonValue] = {
            "p_id": str(delivery.id),
            "p_token": str(delivery.token),
            "p_error": error,
            "p_retry_seconds": retry_seconds,
        }
        return bool(await self._rpc("settle_delivery", arguments))
