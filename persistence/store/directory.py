"""What people ask for by hand: find a workload by what they call it, list, cancel, purge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

from pydantic import JsonValue

from persistence.store.answers import rows, texts, uuids
from persistence.transports.rpc import Rpc
from persistence.workload import Row

FOUND_AT_MOST: Final = 6
"""Of `find`: enough to name those that a word may mean."""
_BATCH: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which workloads are meant; None does not filter."""

    states: Sequence[str] | None = None
    part_of_name: str | None = None
    since_seconds: float | None = None


class Directory:
    """Raises `persistence.errors.StoreError` only."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def find(self, text: str) -> list[Row]:
        """Workloads with this id, name, or first digits of the id: `id, workload_name, status, agent_status,
        submitted_at`, newest first, at most `FOUND_AT_MOST`."""
        return rows(await self._rpc("find_workloads", {"p_text": text}))

    async def recent(self, chosen: Filter, *, limit: int) -> list[Row]:
        """Newest first: the columns of a list (no request, no options), and of `metadata` the savings alone."""
        arguments: dict[str, JsonValue] = {
            "p_limit": limit,
            "p_states": None if chosen.states is None else list(chosen.states),
            "p_like": chosen.part_of_name,
            "p_since_seconds": chosen.since_seconds,
        }
        return rows(await self._rpc("list_workloads", arguments))

    async def cancel(self, workload_ids: Sequence[UUID]) -> set[UUID]:
        """Those that waited, were worked on or had an answer are cancelled: their ids."""
        return set(uuids(await self._rpc("cancel_workloads", {"p_ids": texts(workload_ids)})))

    async def purge(
        self,
        *,
        workload_ids: Sequence[UUID] | None = None,
        states: Sequence[str] | None = None,
        older_than_seconds: float | None = None,
        dry_run: bool = False,
    ) -> int:
        """Delete finished workloads (an answer, a failure, cancelled); how many. `dry_run` only counts them."""
        total = 0
        while True:
            count = await self._rpc(
                "purge_workloads",
                {
                    "p_ids": None if workload_ids is None else texts(workload_ids),
                    "p_states": None if states is None else list(states),
                    "p_older_seconds": older_than_seconds,
                    "p_limit": 2**31 - 1 if dry_run else _BATCH,
                    "p_dry_run": dry_run,
                },
            )
            total += cast("int", count)
            if dry_run or cast("int", count) < _BATCH:
                return total
