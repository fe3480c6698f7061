"""Which pollers there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

from persistence.transports.rpc import Rpc


@dataclass(frozen=True, kw_only=True, slots=True)
class PollerIdentity:
    """What a poller says of itself."""

    owner: str
    """host:process:random, as in its leases."""
    version: str
    lease_seconds: float
    concurrency: int
    """Runs at a time."""


class PollerSeen(TypedDict):
    """A poller that was alive within its last two leases."""

    owner: str
    version: str
    lease_seconds: float
    concurrency: int
    started_at: str
    seconds_since_seen: float
    """Age of its last heartbeat; more than `lease_seconds`: it is dead or cut off."""
    problems: list[str]
    """What keeps it from working, and how to mend it; empty for one that works."""


class Pollers:
    """Raises `persistence.errors.StoreError` only."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def report(self, poller: PollerIdentity) -> None:
        """It is alive; repeated with every heartbeat."""
        await self._rpc(
            "report_poller",
            {
                "p_owner": poller.owner,
                "p_version": poller.version,
                "p_lease_seconds": poller.lease_seconds,
                "p_concurrency": poller.concurrency,
            },
        )

    async def report_problems(self, poller: PollerIdentity, problems: Sequence[str]) -> None:
        """What keeps it from working, each in words for an operator; empty once all is well."""
        await self._rpc("report_poller_problems", {"p_owner": poller.owner, "p_items": list(problems)})

    async def leave(self, poller: PollerIdentity) -> None:
        """It has stopped."""
        await self._rpc("leave_poller", {"p_owner": poller.owner})

    async def seen(self) -> list[PollerSeen]:
        """Oldest first."""
        return cast("list[PollerSeen]", await self._rpc("list_pollers", {}))
