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
RENEWABLE_FUELS = ("wind", "solar", "hydro")
LOW_CARBON_FUELS = (*RENEWABLE_FUELS, "nuclear")
"""NESO lists biomass apart; it counts in neither."""
HIGHEST_G_PER_KWH = 2000.0
"""Oil is about 935; anything above this is not an intensity."""
MIX_SUM_PCT = (98.0, 102.0)
"""Real answers sum to 99.8-100.2 from rounding."""

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

    Never raises: what is not a half-hour of a known region with a plausible figure is left out and told in `oddities`.
    A slot that occurs twice keeps its last usable figure; order does not matter.
    """
    cells: dict[datetime, dict[int, Cell]] = {}
    odd: dict[str, int] = {}

    def note(what: str) -> None:
        odd[what] = odd.get(what, 0) + 1

    for start, end, region, entry in _entries(body):
        begin, until = utc_time(start), utc_time(end)
        if begin is None or until is None or not is_slot(begin, until):
            note("entries without a half-hour")
            continue
        if region not in REGION_IDS:
            continue
        cell = _cell(entry)
        known = cells.setdefault(begin, {})
        if region in known:
            note("duplicate entries")
        if math.isnan(cell[0]):
            note("entries without an intensity")
        elif math.isnan(cell[1]):
            note("entries without a mix")
        if not math.isnan(cell[0]) or region not in known:
            known[region] = cell
    usable = {time: row for time, row in cells.items() if any(not math.isnan(cell[0]) for cell in row.values())}
    return CarbonSeries(usable, tuple(f"{count} {what}" for what, count in odd.items()))


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


def _cell(entry: Mapping[str, JsonValue]) -> Cell:
    intensity = entry.get("intensity")
    forecast = figure(intensity.get("forecast") if isinstance(intensity, dict) else None, 0.0, HIGHEST_G_PER_KWH)
    mix = entry.get("generationmix")
    shares: dict[str, float] = {}
    for item in mix if isinstance(mix, list) else []:
        if isinstance(item, dict):
            shares[str(item.get("fuel"))] = figure(item.get("perc"), 0.0, 100.0)
    total = sum(shares.values())
    if not MIX_SUM_PCT[0] <= total <= MIX_SUM_PCT[1]:
        return forecast, math.nan, math.nan
    return (
        forecast,
        min(100.0, sum(shares.get(fuel, 0.0) for fuel in RENEWABLE_FUELS)),
        min(100.0, sum(shares.get(fuel, 0.0) for fuel in LOW_CARBON_FUELS)),
    )


def _list(oddities: tuple[str, ...]) -> str:
    return f" ({', '.join(oddities)})" if oddities else ""
