"""Where workloads can run, and which power is already committed there."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, cast
from uuid import UUID

from persistence.columns import mapping
from persistence.log import default_log
from persistence.store.catalogue import AssetCatalogue, AssetRow, Window
from tools.energy import coefficients
from tools.placement import Asset, Commitment
from tools.tariff import TariffError, read_tariff

CATALOGUE_SECONDS = 60.0
DEFAULT_PUE = coefficients().reference_pue
"""Of a site that states none."""
HIGHEST_PUE = 10.0


class Catalogue(Protocol):
    """What the first node of the graph needs to know about the world of assets."""

    async def assets(self) -> tuple[Asset, ...]: ...

    async def commitments(self, start: datetime, end: datetime, *, besides: UUID) -> tuple[Commitment, ...]:
        """What is committed between two times to workloads other than `besides`, or reserved for them."""
        ...

    async def reserve(self, workload_id: UUID, commitments: Sequence[Commitment], *, token: int | None) -> bool:
        """Reserves what this workload will probably take, or takes, so that runs deciding meanwhile see it.

        `token`: of the run's lease; None: it has none, and nothing is kept. False where others have taken the
        power since `commitments` was asked. Raises `LeaseLost`.
        """
        ...


class StoredCatalogue:
    """The store's catalogue, read at most once a minute, and its commitments, always fresh."""

    def __init__(self, stored: AssetCatalogue, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stored = stored
        self._clock = clock
        self._lock = asyncio.Lock()
        self._assets: tuple[Asset, ...] = ()
        self._read_at: float | None = None
        """By the clock; written with `_assets` by `assets`, under the lock."""

    async def assets(self) -> tuple[Asset, ...]:
        async with self._lock:
            if self._read_at is None or self._clock() - self._read_at >= CATALOGUE_SECONDS:
                rows = await self._stored.assets()
                self._assets = tuple(asset for row in rows if (asset := self._asset(row)) is not None)
                self._read_at = self._clock()
            return self._assets

    def _asset(self, row: AssetRow) -> Asset | None:
        try:
            return asset_from(row)
        except (ValueError, TariffError) as error:
            default_log().warning(
                "Asset left out: its row cannot be read", asset=row.get("asset_name"), error=str(error)
            )
            return None

    async def commitments(self, start: datetime, end: datetime, *, besides: UUID) -> tuple[Commitment, ...]:
        rows = await self._stored.commitments(start, end)
        return tuple(Commitment.model_validate(row) for row in rows if row["workload_id"] != str(besides))

    async def reserve(self, workload_id: UUID, commitments: Sequence[Commitment], *, token: int | None) -> bool:
        windows = [cast("Window", one.model_dump(mode="json")) for one in commitments]
        return await self._stored.reserve(workload_id, windows, token=token)


class FixedCatalogue:
    """Sites that stay as they are; nothing is promised to others, nothing is kept."""

    def __init__(self, assets: Sequence[Asset]) -> None:
        self._assets = tuple(assets)

    async def assets(self) -> tuple[Asset, ...]:
        return self._assets

    async def commitments(self, start: datetime, end: datetime, *, besides: UUID) -> tuple[Commitment, ...]:
        return ()

    async def reserve(self, workload_id: UUID, commitments: Sequence[Commitment], *, token: int | None) -> bool:
        return True


def asset_from(row: AssetRow) -> Asset | None:
    """A row of the catalogue; None for one outside the 14 regions (it can be neither priced nor measured)."""
    region = row.get("region_number")
    if not isinstance(region, int) or not 1 <= region <= 14:
        return None
    metadata = mapping(row.get("metadata"))
    return Asset(
        asset_id=UUID(str(row["asset_id"])),
        name=str(row["asset_name"]),
        region=region,
        region_id=_uuid(row.get("region_id")),
        grid_zone_id=_uuid(row.get("grid_zone_id")),
        hardware=str(metadata.get("hardware", "")),
        gpu_count=int(metadata.get("gpu_count", 0)),
        cpu_cores=int(metadata.get("cpu_cores", 0)),
        memory_gb=int(metadata.get("memory_gb", 0)),
        rated_power_kw=_float(row.get("rated_power_kw")),
        pue=_pue(metadata.get("pue")),
        max_deferral_hours=_float(row.get("max_deferral_hours")),
        carbon_intensity_cap_gco2_kwh=_float(row.get("carbon_intensity_cap_gco2_kwh")),
        min_renewable_threshold_pct=_float(row.get("min_renewable_threshold_pct")),
        tariff=read_tariff(metadata.get("tariff")),
    )


def _pue(value: object) -> float:
    pue = DEFAULT_PUE if value is None else float(str(value))
    if not 1 <= pue <= HIGHEST_PUE:
        msg = f"metadata.pue is {value}; it must be from 1 to {HIGHEST_PUE:g}"
        raise ValueError(msg)
    return pue


def _uuid(value: object) -> UUID | None:
    return None if value is None else UUID(str(value))


def _float(value: object) -> float | None:
    return None if value is None else float(str(value))
