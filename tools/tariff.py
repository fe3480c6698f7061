"""What electricity costs at a site that does not buy on its region's half-hourly market price.

A row of the catalogue may carry `metadata.tariff`. Prices are p/kWh without VAT, times UK clock time on half-hours:

- `{"kind": "fixed", "p_per_kwh": 18.5}`
- `{"kind": "bands", "bands": [{"days": "weekdays", "from": "07:00", "to": "23:00", "p_per_kwh": 24}],
  "otherwise_p_per_kwh": 9}`
- `{"kind": "agile", "region": "C"}`: the half-hourly Agile rate of another region (its letter or NESO's id)

Each may have `"network": {"bands": […], "otherwise_p_per_kwh": …}`, added to every half-hour: the distributor's
unit charges (DUoS bands), for instance.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from tools.errors import GridwiseError
from tools.regions import REGIONS
from tools.slots import LONDON_TIME, SLOT

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
GROUPS = {"all": DAYS, "weekdays": DAYS[:5], "weekend": DAYS[5:]}
SLOTS_PER_DAY = 48
LOWEST_P, HIGHEST_P = -100.0, 200.0
"""p/kWh; beyond it a figure is in another unit."""

Week: TypeAlias = npt.NDArray[np.float64]


class TariffError(GridwiseError):
    """A tariff that cannot be read: which part, what it is, what it must be."""


def _days(value: object) -> object:
    if isinstance(value, str):
        value = GROUPS.get(value.strip().lower(), (value,))
    if not isinstance(value, Sequence):
        return value
    short = tuple(str(day).strip().lower()[:3] for day in value)
    if unknown := [day for day, name in zip(value, short, strict=True) if name not in DAYS]:
        msg = f"{unknown[0]!r} is not a day; it is all, weekdays, weekend, or a list of mon … sun"
        raise ValueError(msg)
    return tuple(dict.fromkeys(short))


def _clock(value: object) -> object:
    """Half-hours since midnight of `HH:MM`; 24:00 is the end of the day."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    hours, _, minutes = str(value).partition(":")
    if not (hours.isdigit() and minutes in ("00", "30") and int(hours) * 60 + int(minutes) <= 1440):
        msg = f"{value!r} is not a half-hour of the day; it is HH:00 or HH:30, from 00:00 to 24:00"
        raise ValueError(msg)
    return int(hours) * 2 + int(minutes) // 30


def _region(value: object) -> object:
    text = str(value).strip()
    for region in REGIONS:
        if text.casefold() in (region.agile_letter.casefold(), str(region.region_id), region.name.casefold()):
            return region.region_id
    letters = ", ".join(sorted(region.agile_letter for region in REGIONS))
    msg = f"{value!r} is not a region; it is an Agile letter ({letters}), a NESO id from 1 to 14, or its name"
    raise ValueError(msg)


Price = Annotated[float, Field(ge=LOWEST_P, le=HIGHEST_P, allow_inf_nan=False)]
Clock = Annotated[int, BeforeValidator(_clock)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Band(_Part):
    """A price from one clock time to another. Over midnight it belongs to the day on which it begins."""

    days: Annotated[tuple[str, ...], BeforeValidator(_days)] = DAYS
    begin: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    p_per_kwh: Price
    name: str = ""

    @property
    def half_hours(self) -> tuple[tuple[int, int], ...]:
        """(weekday, half-hour of the day) of each that the band holds for."""
        length = (self.end - self.begin) % SLOTS_PER_DAY or SLOTS_PER_DAY
        found = [DAYS.index(day) * SLOTS_PER_DAY + self.begin + i for day in self.days for i in range(length)]
        return tuple(divmod(i % (7 * SLOTS_PER_DAY), SLOTS_PER_DAY) for i in found)


class Bands(_Part):
    """A week of half-hourly prices, p/kWh, each stated exactly once."""

    bands: tuple[Band, ...] = ()
    otherwise_p_per_kwh: Price | None = None
    """Where no band holds."""

    @model_validator(mode="after")
    def _each_half_hour_once(self) -> "Bands":
        owner: dict[tuple[int, int], int] = {}
        for number, band in enumerate(self.bands, start=1):
            for cell in band.half_hours:
                if owner.setdefault(cell, number) != number:
                    msg = f"bands {owner[cell]} and {number} both hold on {_named(cell)}"
                    raise ValueError(msg)
        if self.otherwise_p_per_kwh is None and len(owner) < 7 * SLOTS_PER_DAY:
            gap = next((d, s) for d in range(7) for s in range(SLOTS_PER_DAY) if (d, s) not in owner)
            msg = f"no band holds on {_named(gap)}; add one, or otherwise_p_per_kwh"
            raise ValueError(msg)
        return self

    @cached_property
    def week(self) -> Week:
        """(7, 48) from Monday 00:00, p/kWh."""
        table = np.full((7, SLOTS_PER_DAY), self.otherwise_p_per_kwh or 0.0)
        for band in self.bands:
            for cell in band.half_hours:
                table[cell] = band.p_per_kwh
        return table


class _Tariff(_Part):
    network: Bands | None = None
    """Added to every half-hour."""


class FixedTariff(_Tariff):
    """One price at all times."""

    kind: Literal["fixed"]
    p_per_kwh: Price


class BandTariff(_Tariff, Bands):
    """Prices by UK clock time and weekday; public holidays count as the weekday they fall on."""

    kind: Literal["bands"]


class AgileTariff(_Tariff):
    """The half-hourly Agile rate of a region, of the site's own where none is named."""

    kind: Literal["agile"]
    region: Annotated[int, BeforeValidator(_region)] | None = None


Tariff: TypeAlias = Annotated[FixedTariff | BandTariff | AgileTariff, Field(discriminator="kind")]

_READ: TypeAdapter[FixedTariff | BandTariff | AgileTariff] = TypeAdapter(Tariff)


def read_tariff(value: object) -> Tariff | None:
    """`metadata.tariff` of a catalogue row; None for None. Raises `TariffError`."""
    if value is None:
        return None
    try:
        return _READ.validate_python(value)
    except ValidationError as error:
        raise TariffError("; ".join(_fault(dict(one)) for one in error.errors()[:3])) from None


def own_prices(tariff: Tariff, start: datetime, slots: int) -> npt.NDArray[np.float64] | None:
    """(slots,) GBP/kWh without the network's part from the slot at `start` on; None where the market's rate holds."""
    if isinstance(tariff, FixedTariff):
        return np.full(slots, tariff.p_per_kwh / 100)
    return _week_at(tariff, start, slots) if isinstance(tariff, BandTariff) else None


def network_prices(tariff: Tariff, start: datetime, slots: int) -> npt.NDArray[np.float64]:
    """(slots,) GBP/kWh that the network adds."""
    return np.zeros(slots) if tariff.network is None else _week_at(tariff.network, start, slots)


def tariff_words(tariff: Tariff | None, region: str) -> str:
    """Which price a site's cost is counted with, for people; `region` is the site's own."""
    network = "" if tariff is None or tariff.network is None else ", plus the network's charges by clock and weekday"
    match tariff:
        case FixedTariff():
            return f"the site's own price, {tariff.p_per_kwh:g} p/kWh at all times{network}"
        case BandTariff():
            return f"the site's own prices by clock and weekday{network}"
        case AgileTariff(region=int() as other):
            return f"Octopus Agile of {REGIONS[other - 1].name}{network}"
        case _:
            return f"Octopus Agile of {region}, as a public proxy{network}"


@lru_cache(maxsize=256)
def _week_at(bands: Bands, start: datetime, slots: int) -> npt.NDArray[np.float64]:
    local = [(start + i * SLOT).astimezone(LONDON_TIME) for i in range(slots)]
    prices = bands.week[[t.weekday() for t in local], [t.hour * 2 + t.minute // 30 for t in local]] / 100
    prices.flags.writeable = False
    return prices


def _named(cell: tuple[int, int]) -> str:
    clock = timedelta(minutes=30 * cell[1])
    return f"{DAYS[cell[0]]} {clock.seconds // 3600:02d}:{clock.seconds // 60 % 60:02d}"


def _fault(error: dict[str, Any]) -> str:
    where = "metadata.tariff"
    for part in error["loc"][1:]:  # the first is the kind
        where += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    if error["type"].startswith("union_tag"):
        return f"{where}.kind must be fixed, bands or agile"
    message = error["msg"].removeprefix("Value error, ")
    given = error["input"]
    quoted = f" (given: {given!r})" if isinstance(given, str | int | float) and repr(given) not in message else ""
    return f"{where}: {message[0].lower()}{message[1:]}{quoted}"
