"""The recorded day: 24 real hours of carbon intensity and price, replayed as a daily profile onto whatever now is.

`tools/data/recorded_day.csv`: 3-4 November 2023, half-hourly. Intensity and mix of the 14 regions: NESO Carbon
Intensity API, CC BY 4.0. Price: Octopus Agile import rate of the same hours, p/kWh with VAT, whose region the recording
does not state; it is taken as London's, and the other regions' rates are derived from it (`tools.agile`).
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np

from tools.market import FloatArray, Market, SourceNote
from tools.regions import REGION_IDS, REGIONS
from tools.slots import HORIZON_SLOTS, SLOT, slot_start
from tools.sources.agile import derive_rate, gbp_per_kwh

SLOTS_PER_DAY = 48
RECORDED_LETTER = "C"
NAME = "recorded day 2023-11-03"


@dataclass(frozen=True, slots=True)
class RecordedDay:
    """Arrays are (14, 48), columns by half-hour of the UTC day from 00:00."""

    recorded_from: datetime
    intensity: FloatArray
    renewable: FloatArray
    low_carbon: FloatArray
    price_gbp_per_kwh: FloatArray


@cache
def recorded_day() -> RecordedDay:
    """The table in `tools/data/recorded_day.csv`."""
    text = files("tools").joinpath("data/recorded_day.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    times = [datetime.strptime(row["slot_utc"], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC) for row in rows]
    arrays = {kind: np.empty((len(REGIONS), SLOTS_PER_DAY)) for kind in ("intensity", "renewable", "low_carbon")}
    price = np.empty((len(REGIONS), SLOTS_PER_DAY))
    for time, row in zip(times, rows, strict=True):
        column = slot_of_day(time)
        for kind, array in arrays.items():
            array[:, column] = [float(row[f"{kind}_{region}"]) for region in REGION_IDS]
        price[:, column] = _prices(row, time)
    return RecordedDay(min(times), arrays["intensity"], arrays["renewable"], arrays["low_carbon"], price)


class RecordedSource:
    """A `MarketSource` that needs no network. Every figure says that it is recorded."""

    async def market(self, now: datetime) -> Market:
        return _market(slot_start(now))

    async def aclose(self) -> None:
        """Nothing is held."""


@lru_cache(maxsize=2)
def _market(start: datetime) -> Market:
    """One snapshot per half-hour for all runs of a process."""
    day = recorded_day()
    columns = (slot_of_day(start) + np.arange(HORIZON_SLOTS)) % SLOTS_PER_DAY
    detail = f"one real day ({day.recorded_from:%Y-%m-%d}, NESO, CC BY 4.0) replayed as a daily profile"
    carbon = SourceNote(name=NAME, mode="recorded", fetched_at=None, age_seconds=None, coverage=1.0, detail=detail)
    price = carbon.model_copy(
        update={
            "detail": "Agile rates of the recorded day replayed as a daily profile; London's as recorded, the "
            "other regions' derived from them"
        }
    )
    return Market.pack(
        start=start,
        regions=REGION_IDS,
        intensity=day.intensity[:, columns],
        renewable=day.renewable[:, columns],
        low_carbon=day.low_carbon[:, columns],
        price=day.price_gbp_per_kwh[:, columns],
        price_estimated=np.ones((len(REGIONS), HORIZON_SLOTS), np.bool_),
        carbon=carbon,
        price_note=price,
    )


def slot_of_day(time: datetime) -> int:
    """0-47."""
    return (time - time.replace(hour=0, minute=0)) // SLOT


def _prices(row: Mapping[str, str], time: datetime) -> list[float]:
    rate = float(row["agile_p_per_kwh_inc_vat"])
    return [gbp_per_kwh(derive_rate(rate, time, RECORDED_LETTER, region.agile_letter)) for region in REGIONS]
