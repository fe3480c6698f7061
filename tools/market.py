"""Carbon intensity, generation mix and price over the planning horizon, per region and half-hour slot."""

import zlib
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Literal, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tools.placement import Asset, Value
from tools.slots import SLOT
from tools.tariff import AgileTariff, network_prices, own_prices

Mode: TypeAlias = Literal["live", "last_good", "profile", "recorded", "none"]
FloatArray: TypeAlias = npt.NDArray[np.float64]


class Figures(Protocol):
    """What the search needs of a market: arrays (regions, slots), NaN for a hole. `Market` has them, a slice of a trace
    too."""

    @property
    def start(self) -> datetime: ...

    @property
    def regions(self) -> tuple[int, ...]: ...

    @property
    def slots(self) -> int: ...

    @property
    def intensity(self) -> FloatArray: ...

    @property
    def renewable(self) -> FloatArray: ...

    @property
    def price_gbp_per_kwh(self) -> FloatArray: ...

    @property
    def price_estimated(self) -> npt.NDArray[np.bool_]: ...


def prices_at(market: Figures, asset: Asset) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """(S,) GBP/kWh without VAT that the asset pays in each half-hour, and whether each is estimated.

    Its own tariff where it has one, else its region's rate in the market; NaN for a hole.
    """
    tariff = asset.tariff
    if tariff is not None and (own := own_prices(tariff, market.start, market.slots)) is not None:
        return own + network_prices(tariff, market.start, market.slots), np.zeros(market.slots, np.bool_)
    region = tariff.region if isinstance(tariff, AgileTariff) and tariff.region is not None else asset.region
    if region not in market.regions:
        return np.full(market.slots, np.nan), np.zeros(market.slots, np.bool_)
    row = market.regions.index(region)
    price, estimated = market.price_gbp_per_kwh[row], market.price_estimated[row]
    return price if tariff is None else price + network_prices(tariff, market.start, market.slots), estimated


class SourceNote(Value):
    """Where one kind of figure came from; copied into `metadata.provenance`."""

    name: str
    mode: Mode
    fetched_at: datetime | None
    age_seconds: float | None
    coverage: float
    """Share of (region, slot) cells of the horizon that have a value, 0-1."""
    detail: str = ""
    """Plain words: what is kept, estimated, derived or missing, and why."""
    cells: dict[str, int] = Field(default_factory=dict)
    """How many cells are from what: `answer`, `kept` (an earlier answer), `profile`, `derived`, `estimated`, `missing`;
    and `without_mix`, of those with an intensity."""
    kept_since: dict[int, datetime] = Field(default_factory=dict)
    """Region → when the oldest of its kept figures was fetched."""


class Market(Value):
    """The snapshot that a run decides on. Stored in the run's checkpoint, hence packed.

    Arrays are (regions, slots) float64 with NaN for a hole; row i belongs to `regions[i]`.
    """

    start: datetime
    regions: tuple[int, ...]
    slots: int
    packed: bytes
    carbon: SourceNote
    price: SourceNote

    @classmethod
    def pack(
        cls,
        *,
        start: datetime,
        regions: Sequence[int],
        intensity: FloatArray,
        renewable: FloatArray,
        low_carbon: FloatArray,
        price: FloatArray,
        price_estimated: npt.NDArray[np.bool_],
        carbon: SourceNote,
        price_note: SourceNote,
    ) -> Self:
        """Arrays: (regions, slots) each; intensity g/kWh, shares %, price GBP/kWh; holes NaN."""
        shape = (len(regions), intensity.shape[1])
        layers = np.stack([intensity, renewable, low_carbon, price, price_estimated.astype(np.float64)])
        if layers.shape[1:] != shape:
            msg = f"arrays are {layers.shape[1:]}, expected {shape}"
            raise ValueError(msg)
        # byte planes of like significance compress about three times better than interleaved float64
        planes = layers.view(np.uint8).reshape(-1, 8).T.tobytes()
        return cls(
            start=start,
            regions=tuple(regions),
            slots=shape[1],
            packed=zlib.compress(planes, 6),
            carbon=carbon,
            price=price_note,
        )

    @cached_property
    def _layers(self) -> FloatArray:
        planes = np.frombuffer(zlib.decompress(self.packed), np.uint8).reshape(8, -1)
        layers: FloatArray = np.ascontiguousarray(planes.T).view(np.float64).reshape(5, len(self.regions), self.slots)
        layers.flags.writeable = False
        return layers

    @property
    def intensity(self) -> FloatArray:
        """gCO2/kWh."""
        layer: FloatArray = self._layers[0]
        return layer

    @property
    def renewable(self) -> FloatArray:
        """Wind + solar + hydro, % of generation."""
        layer: FloatArray = self._layers[1]
        return layer

    @property
    def low_carbon(self) -> FloatArray:
        """Renewable + nuclear, % of generation."""
        layer: FloatArray = self._layers[2]
        return layer

    @property
    def price_gbp_per_kwh(self) -> FloatArray:
        """Excluding VAT."""
        layer: FloatArray = self._layers[3]
        return layer

    @property
    def price_estimated(self) -> npt.NDArray[np.bool_]:
        """True where the price is not a published rate."""
        estimated: npt.NDArray[np.bool_] = self._layers[4] > 0
        return estimated

    def __eq__(self, other: object) -> bool:
        """By what was packed; the unpacked arrays beside it say nothing more."""
        if not isinstance(other, Market):
            return NotImplemented
        mine = (self.start, self.regions, self.packed, self.carbon, self.price)
        return mine == (other.start, other.regions, other.packed, other.carbon, other.price)

    def __hash__(self) -> int:
        return hash((self.start, self.regions, self.packed))

    @property
    def end(self) -> datetime:
        return self.start + self.slots * SLOT


class MarketSource(Protocol):
    """Where the snapshot comes from: live (NESO and Octopus) or the recorded day."""

    async def market(self, now: datetime) -> Market:
        """The horizon from the slot that holds `now`. Degrades visibly; never raises for a faulty source."""
        ...

    async def aclose(self) -> None: ...
