"""The NESO Carbon Intensity API: forecast intensity and generation mix of the 14 regions, 48 hours ahead."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from tools.regions import REGION_IDS
from tools.slots import is_slot, utc_time
from tools.sources.http import JsonClient, error_text, figure

PUBLIC_URL = "https://api.carbonintensity.org.uk"
FUELS = frozenset({"biomass", "coal", "imports", "gas", "nuclear", "other", "hydro", "solar", "wind"})
RENEWABLE_FUELS = ("wind", "solar", "hydro")
LOW_CARBON_FUELS = (*RENEWABLE_FUELS, "nuclear")
"""NESO lists biomass apart; it counts in neither."""
HIGHEST_G_PER_KWH = 2000.0
"""Oil is about 935; anything above this is not an intensity."""
MIX_SUM_PCT = (98.0, 102.0)
"""Real answers sum to 99.8-100.2 from rounding."""

MOST_FUELS = 5
"""Unknown ones that are named."""
LAST_ID = 18
"""14 regions, and the aggregates England, Scotland, Wales and Great Britain."""

Cell = tuple[float, float, float]
"""Intensity g/kWh, renewable %, low-carbon %; NaN where missing."""
HOLE: Cell = (math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class CarbonSeries:
    """Cells by slot start (aware UTC) and region id, with what had to be left out."""

    cells: Mapping[datetime, Mapping[int, Cell]]
    oddities: tuple[str, ...] = field(default=())
    """What was wrong with the answer, in words; empty for a clean one."""


class NesoClient:
    """`/regional/intensity/{from}/fw48h`. One call serves every region."""

    def __init__(self, http: JsonClient) -> None:
        self._http = http

    async def regional(self, slot: datetime) -> CarbonSeries:
        """48 hours from the slot that starts at `slot`. Raises `SourceError`.

        `from` selects the slot whose END equals it, so the minute after the edge is asked for.
        """
        body = await self._http.get(f"/regional/intensity/{slot.replace(minute=slot.minute + 1):%Y-%m-%dT%H:%MZ}/fw48h")
        series = parse_regional(body)
        if not any(time >= slot for time in series.cells):
            raise self._http.fault(
                "none of the half-hours asked for in the answer" + (error_text(body) or _list(series.oddities))
            )
        return series

    async def aclose(self) -> None:
        await self._http.aclose()


def parse_regional(body: JsonValue) -> CarbonSeries:
    """Reads every regional shape that the API has: all regions by period, one region over a range, one region now.

    Never raises: what is not a half-hour of a known region with a plausible figure is left out, see `oddities`.
    A slot that occurs twice keeps its last usable figure; order does not matter.
    """
    cells: dict[datetime, dict[int, Cell]] = {}
    odd: dict[str, int] = {}
    fuels: set[str] = set()

    def note(what: str) -> None:
        odd[what] = odd.get(what, 0) + 1

    for start, end, place, entry in _entries(body):
        begin, until, region = utc_time(start), utc_time(end), _region_id(place)
        if begin is None or until is None or not is_slot(begin, until):
            note("entries without a half-hour")
            continue
        if region is None:
            note("entries of no known region")
            continue
        if region not in REGION_IDS:
            continue
        shares = _shares(entry.get("generationmix"))
        if unknown := shares.keys() - FUELS:
            note("entries with unknown fuels")
            fuels |= unknown
        cell = (_intensity(entry), *_mix(shares))
        known = cells.setdefault(begin, {})
        if region in known:
            note("duplicate entries")
        if math.isnan(cell[0]):
            note("entries without an intensity")
        elif math.isnan(cell[1]):
            note("entries without a usable mix")
        known[region] = _merged(known.get(region, HOLE), cell)
    usable = {time: row for time, row in cells.items() if any(not math.isnan(cell[0]) for cell in row.values())}
    named = [f"unknown: {', '.join(repr(fuel[:20]) for fuel in sorted(fuels)[:MOST_FUELS])}"] * bool(fuels)
    return CarbonSeries(usable, (*(f"{count} {what}" for what, count in odd.items()), *named))


def _entries(body: JsonValue) -> Iterator[tuple[object, object, object, Mapping[str, JsonValue]]]:
    """(from, to, region id, the mapping that holds intensity and mix) of every shape."""
    data = body.get("data") if isinstance(body, dict) else None
    for item in data if isinstance(data, list) else [data]:
        if not isinstance(item, dict):
            continue
        inner = item.get("regions", item.get("data"))
        for entry in inner if isinstance(inner, list) else []:
            if not isinstance(entry, dict):
                continue
            period, place = (item, entry) if "regions" in item else (entry, item)
            yield period.get("from"), period.get("to"), place.get("regionid"), entry


def _region_id(value: object) -> int | None:
    """1-18; the API's number may come as text. None for what is not one of its regions."""
    text = str(value).strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 and not isinstance(value, bool) else 0
    return number if 1 <= number <= LAST_ID else None


def _intensity(entry: Mapping[str, JsonValue]) -> float:
    intensity = entry.get("intensity")
    return figure(intensity.get("forecast") if isinstance(intensity, dict) else None, 0.0, HIGHEST_G_PER_KWH)


def _shares(mix: JsonValue) -> dict[str, float]:
    """Fuel → %; NaN where that is not a share."""
    shares: dict[str, float] = {}
    for item in mix if isinstance(mix, list) else []:
        if isinstance(item, dict):
            shares[str(item.get("fuel")).strip().lower()] = figure(item.get("perc"), 0.0, 100.0)
    return shares


def _mix(shares: Mapping[str, float]) -> tuple[float, float]:
    """Renewable and low-carbon %; NaN where NESO's fuels do not add up to the whole: a part is of unknown kind."""
    total = sum(share for fuel, share in shares.items() if fuel in FUELS)
    if not MIX_SUM_PCT[0] <= total <= MIX_SUM_PCT[1]:
        return math.nan, math.nan
    return (
        min(100.0, sum(shares.get(fuel, 0.0) for fuel in RENEWABLE_FUELS)),
        min(100.0, sum(shares.get(fuel, 0.0) for fuel in LOW_CARBON_FUELS)),
    )


def _merged(earlier: Cell, later: Cell) -> Cell:
    """Of two entries for one cell the later one's figures, where it has them."""
    intensity = earlier[0] if math.isnan(later[0]) else later[0]
    return intensity, *(earlier[1:] if math.isnan(later[1]) else later[1:])


def _list(oddities: tuple[str, ...]) -> str:
    return f" ({', '.join(oddities)})" if oddities else ""
