"""What NESO and Octopus answer in a case, over HTTP on this machine. `README.md` beside this file has the format."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.tools.source_server import HALF_HOUR, Reply, products_body, serving, stamp
from tools.market import MarketSource
from tools.regions import REGIONS
from tools.sources.cache import MemoryCache
from tools.sources.live import live_source

MIX = {
    "wind": 30,
    "solar": 8,
    "hydro": 2,
    "nuclear": 15,
    "gas": 35,
    "biomass": 5,
    "imports": 5,
    "coal": 0,
    "other": 0,
}
REGION_OF = {region.agile_letter: region.region_id for region in REGIONS}
PUBLISHED_BEHIND = timedelta(days=8)
PUBLISHED_AHEAD = timedelta(hours=24)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def half_hour_of(time: datetime) -> datetime:
    return time.replace(minute=time.minute // 30 * 30, second=0, microsecond=0)


def figure(figures: Any, region: int, time: datetime) -> Any:
    """The last cell that holds this place and time; else the default."""
    if not (isinstance(figures, dict) and "default" in figures):
        return figures
    found = figures["default"]
    for cell in figures.get("cells", ()):
        inside = ("from" not in cell or instant(cell["from"]) <= time) and (
            "to" not in cell or time < instant(cell["to"])
        )
        if inside and cell.get("region", region) == region:
            found = cell["value"]
    return found


@dataclass
class Doubles:
    """Both sources as they answer at one `clock`; `at` moves on to the next step."""

    clock: datetime
    neso: Mapping[str, Any] = field(default_factory=dict)
    octopus: Mapping[str, Any] = field(default_factory=dict)

    def at(self, step: Mapping[str, Any]) -> datetime:
        self.clock = instant(step["clock"])
        self.neso, self.octopus = step.get("neso", {}), step.get("octopus", {})
        return self.clock

    def answer_neso(self, path: str, _query: Mapping[str, str]) -> Reply:
        if not path.startswith("/regional/"):
            return Reply({"error": {"code": "404 Not Found", "message": path}}, status=404)
        if "body" in self.neso:
            return Reply(self.neso["body"])
        start, slots = half_hour_of(self.clock), self.neso.get("slots", 97)
        return Reply({"data": [self._period(start + i * HALF_HOUR) for i in range(slots)]})

    def _period(self, time: datetime) -> dict[str, Any]:
        entries = [self._entry(region, time) for region in range(1, 19)]
        return {"from": stamp(time), "to": stamp(time + HALF_HOUR), "regions": [e for e in entries if e is not None]}

    def _entry(self, region: int, time: datetime) -> dict[str, Any] | None:
        intensity = figure(self.neso.get("intensity", 200), region, time)
        if intensity == "absent":
            return None
        told = intensity if isinstance(intensity, dict) else {"forecast": intensity, "index": "moderate"}
        entry = {
            "regionid": self.neso.get("regionids", {}).get(str(region), region),
            "dnoregion": "x",
            "shortname": "x",
            "intensity": told,
        }
        mix = figure(self.neso.get("generationmix", {"default": MIX}), region, time)
        if isinstance(mix, dict):
            mix = [{"fuel": fuel, "perc": share} for fuel, share in mix.items()]
        return entry if mix == "absent" else {**entry, "generationmix": mix}

    def answer_octopus(self, path: str, _query: Mapping[str, str]) -> Reply:
        if path == "/products/":
            body = products_body() if "products" not in self.octopus else self._products(self.octopus["products"])
            return Reply(body)
        product, tariff = path.split("/")[2], path.split("/")[4]
        price = self.octopus.get("rates_of", {product: self.octopus.get("price", 20)}).get(product)
        if price is None or tariff[-1] in self.octopus.get("silent_letters", ()):
            return Reply({"detail": "No EnergyProduct matches the given query."}, status=404)
        return Reply(self._rates(price, tariff[-1]))

    def _products(self, listed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"count": len(listed), "next": None, "previous": None, "results": list(listed)}

    def _rates(self, price: Any, letter: str) -> dict[str, Any]:
        now = half_hour_of(self.clock)
        until = self.octopus.get("to_of", {}).get(letter, self.octopus.get("to"))
        end = now + PUBLISHED_AHEAD if until is None else instant(until)
        since = now - PUBLISHED_BEHIND
        methods = self.octopus.get("payment_methods", {"null": 0})
        results = [
            {
                "value_exc_vat": value + extra,
                "value_inc_vat": round((value + extra) * 1.05, 6),
                "valid_from": f"{time:%Y-%m-%dT%H:%M:%SZ}",
                "valid_to": f"{time + HALF_HOUR:%Y-%m-%dT%H:%M:%SZ}",
                "payment_method": None if method == "null" else method,
            }
            for time in (since + i * HALF_HOUR for i in range((end - since) // HALF_HOUR))
            if isinstance(value := figure(price, REGION_OF[letter], time), int | float)
            for method, extra in methods.items()
        ]
        return {"count": len(results), "next": None, "previous": None, "results": results[::-1]}


@asynccontextmanager
async def live(doubles: Doubles) -> AsyncIterator[MarketSource]:
    """The product's own source on the doubles, with a cache whose clock is theirs."""
    async with serving(doubles.answer_neso) as neso, serving(doubles.answer_octopus) as octopus:
        source = live_source(
            neso_base_url=neso.base_url,
            octopus_base_url=octopus.base_url,
            cache=MemoryCache(lambda: doubles.clock),
            retry_seconds=0.01,
        )
        try:
            yield source
        finally:
            await source.aclose()
