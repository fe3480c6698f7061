"""The world that cases are decided in: a fixed catalogue of assets, and markets made from the recorded day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import numpy as np

from tools.market import FloatArray, Market, Mode, SourceNote
from tools.placement import Asset, Commitment
from tools.sources.recorded import RecordedSource

_SITES: tuple[tuple[str, int, str, int, int, int, float, float], ...] = (
    ("Eval Inverness", 1, "NVIDIA A100 80GB PCIe", 64, 2048, 16384, 60.0, 1.15),
    ("Eval Edinburgh", 2, "NVIDIA Tesla V100", 48, 1024, 8192, 40.0, 1.18),
    ("Eval Manchester", 3, "AMD EPYC 7763", 0, 4096, 16384, 25.0, 1.35),
    ("Eval Newcastle", 4, "NVIDIA Tesla T4", 64, 1024, 4096, 18.0, 1.30),
    ("Eval Leeds", 5, "AMD EPYC 7513", 0, 1024, 4096, 12.0, 1.42),
    ("Eval Deeside", 6, "NVIDIA A100 40GB PCIe", 32, 1024, 8192, 30.0, 1.28),
    ("Eval Cardiff", 7, "NVIDIA A100 40GB PCIe", 32, 1024, 8192, 22.0, 1.25),
    ("Eval Norwich", 10, "NVIDIA A100 80GB PCIe", 32, 1024, 8192, 35.0, 1.20),
    ("Eval Exeter", 11, "AMD EPYC 7513", 0, 1024, 4096, 9.0, 1.40),
    ("Eval Southampton", 12, "NVIDIA Tesla T4", 48, 1024, 4096, 16.0, 1.36),
    ("Eval London Docklands", 13, "NVIDIA A100 80GB PCIe", 128, 4096, 32768, 120.0, 1.56),
)
ASSETS: tuple[Asset, ...] = tuple(
    Asset(
        asset_id=UUID(int=number),
        name=name,
        region=region,
        hardware=hardware,
        gpu_count=gpus,
        cpu_cores=cores,
        memory_gb=memory,
        rated_power_kw=power,
        pue=pue,
    )
    for number, (name, region, hardware, gpus, cores, memory, power, pue) in enumerate(_SITES, 1)
)
HOME = "Eval London Docklands"


@dataclass(frozen=True)
class EvalCatalogue:
    """The catalogue, and nothing promised to others unless a case says so."""

    taken: tuple[Commitment, ...] = ()
    renamed: Mapping[int, str] = field(default_factory=dict)
    sites: int | None = None
    """The last so many of the catalogue; None: all."""

    async def assets(self) -> tuple[Asset, ...]:
        named = tuple(
            asset.model_copy(update={"name": self.renamed.get(number, asset.name)})
            for number, asset in enumerate(ASSETS, 1)
        )
        return named if self.sites is None else named[-self.sites :]

    async def reserve(self, workload_id: UUID, commitments: Sequence[Commitment], *, token: int | None) -> bool:
        """A case has one workload: nobody else decides meanwhile."""
        return True

    async def commitments(self, start: datetime, end: datetime, *, besides: UUID) -> tuple[Commitment, ...]:
        return tuple(item for item in self.taken if item.start < end and item.end > start)


@dataclass(frozen=True)
class Figures:
    """The arrays of a market, (regions, slots), before they are packed."""

    start: datetime
    regions: tuple[int, ...]
    intensity: FloatArray
    renewable: FloatArray
    low_carbon: FloatArray
    price: FloatArray
    estimated_from: int
    """Slots from here on have estimated prices."""
    mode: Mode = "live"
    age_seconds: float = 0.0

    def row(self, region: int) -> int:
        return self.regions.index(region)


Change: TypeAlias = Callable[[Figures], Figures]


async def market(name: str, now: datetime) -> Market:
    """A named market around `now`."""
    recorded = await RecordedSource().market(now)
    figures = Figures(
        start=recorded.start,
        regions=recorded.regions,
        intensity=recorded.intensity.copy(),
        renewable=recorded.renewable.copy(),
        low_carbon=recorded.low_carbon.copy(),
        price=recorded.price_gbp_per_kwh.copy(),
        estimated_from=recorded.slots,
    )
    return _packed(MARKETS[name](figures))


@dataclass(frozen=True)
class EvalSource:
    """A `MarketSource` of one named market."""

    name: str

    async def market(self, now: datetime) -> Market:
        return await market(self.name, now)

    async def aclose(self) -> None:
        """Nothing is open."""


def _cut(slots: int) -> Change:
    def change(figures: Figures) -> Figures:
        return replace(
            figures,
            intensity=figures.intensity[:, :slots],
            renewable=figures.renewable[:, :slots],
            low_carbon=figures.low_carbon[:, :slots],
            price=figures.price[:, :slots],
            estimated_from=min(figures.estimated_from, slots),
        )

    return change


def _zero_in_scotland(figures: Figures) -> Figures:
    figures.intensity[[figures.row(1), figures.row(2)]] = 0.0
    figures.renewable[[figures.row(1), figures.row(2)]] = 100.0
    figures.price[figures.row(2)] = figures.price[figures.row(1)]
    return figures


def _zero_now_at_home(figures: Figures) -> Figures:
    figures.intensity[figures.row(13)] = 0.0
    return figures


def _negative_prices(figures: Figures) -> Figures:
    figures.price[:, 30:36] = -0.04 - 0.001 * np.arange(len(figures.regions))[:, None]
    return figures


def _holes(figures: Figures) -> Figures:
    figures.intensity[figures.row(1), 4:40] = np.nan
    figures.intensity[figures.row(2), 10:20] = np.nan
    return figures


def _only(**changes: object) -> Change:
    return lambda figures: replace(figures, **changes)  # type: ignore[arg-type]  # names are those of the dataclass


def _no_prices(figures: Figures) -> Figures:
    figures.price[:] = np.nan
    return figures


def _no_data(figures: Figures) -> Figures:
    figures.intensity[:] = np.nan
    return _no_prices(figures)


def _flat(figures: Figures) -> Figures:
    figures.intensity[:] = 150.0
    figures.price[:] = 0.2
    return figures


MARKETS: Mapping[str, Change] = {
    "live": lambda figures: figures,
    "recorded": _only(mode="recorded"),
    "short prices": _only(estimated_from=14),
    "negative prices": _negative_prices,
    "zero in Scotland": _zero_in_scotland,
    "zero at home": _zero_now_at_home,
    "stale": _only(mode="last_good", age_seconds=9 * 3600.0),
    "profile": _only(mode="profile"),
    "holes": _holes,
    "no prices": _no_prices,
    "no data": _no_data,
    "flat": _flat,
    "12 h": _cut(24),
    "24 h": _cut(48),
    "48 h": _cut(96),
}


def _packed(figures: Figures) -> Market:
    shape = figures.intensity.shape
    estimated = np.broadcast_to(np.arange(shape[1]) >= figures.estimated_from, shape)
    known = float(np.mean(~np.isnan(figures.intensity)))
    template = {
        "mode": "none" if known == 0 else figures.mode,
        "fetched_at": figures.start,
        "age_seconds": figures.age_seconds,
        "coverage": known,
    }
    return Market.pack(
        start=figures.start,
        regions=figures.regions,
        intensity=figures.intensity,
        renewable=figures.renewable,
        low_carbon=figures.low_carbon,
        price=figures.price,
        price_estimated=estimated,
        carbon=_note("NESO Carbon Intensity", template),
        price_note=_note("Octopus Agile", {**template, "coverage": float(np.mean(~np.isnan(figures.price)))}),
    )


def _note(name: str, values: Mapping[str, object]) -> SourceNote:
    return SourceNote.model_validate({"name": name, **values})
