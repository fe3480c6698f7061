"""Where workloads can run, and what power is promised there."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict, cast
from uuid import UUID

from pydantic import JsonValue

from persistence.store.answers import lost
from persistence.transports.rpc import Rpc


class AssetRow(TypedDict):
    """An active asset. Powers in kW, shares in %, intensities in gCO2/kWh."""

    asset_id: str
    asset_name: str | None
    asset_type: str | None
    region_number: int | None
    region_id: str | None
    grid_zone_id: str | None
    rated_power_kw: float | None
    max_deferral_hours: float | None
    min_renewable_threshold_pct: float | None
    carbon_intensity_cap_gco2_kwh: float | None
    metadata: JsonValue


class Window(TypedDict):
    """Power that is taken on an asset from `start` to `end` (ISO 8601)."""

    asset_id: str
    start: str
    end: str
    power_kw: float


class PromisedWindow(Window):
    """And to whom."""

    workload_id: str


class AssetCatalogue:
    """Raises `persistence.errors.StoreError` only."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def assets(self) -> list[AssetRow]:
        """The active ones."""
        return cast("list[AssetRow]", await self._rpc("compute_catalogue", {}))

    async def commitments(self, start: datetime, end: datetime) -> list[PromisedWindow]:
        """Windows between two times that are promised to placed workloads or reserved for running ones, one per
        stretch."""
        arguments: dict[str, JsonValue] = {"p_start": start.isoformat(), "p_end": end.isoformat()}
        return cast("list[PromisedWindow]", await self._rpc("power_commitments", arguments))

    async def reserve(self, workload_id: UUID, windows: Sequence[Window], *, token: int | None) -> bool:
        """Kept with the lease that has this token, in place of what it had.

        False, and nothing changed, where others have been promised too much of a site's rated power meanwhile. Raises
        `LeaseLost`. Without a token only the answer counts.
        """
        items = cast("list[JsonValue]", list(windows))
        answer = await self._rpc("reserve_power", {"p_workload": str(workload_id), "p_token": token, "p_items": items})
        if answer == "lost":
            raise lost(workload_id, token)
        return answer == "reserved"
