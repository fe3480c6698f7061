"""The live market: NESO's forecast and Octopus' prices, from the cache where they are of this half-hour.

What is shown in the notes, always: how many cells are of this half-hour's answer, kept from earlier ones, of a daily
profile, derived, estimated or missing (`tools.sources.ladder`). With no figure at all (mode `none`) the caller
recommends running now, with the reason. A fault is remembered for a while,
so that a source that is down is not asked by every run.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import httpx
from pydantic import JsonValue

from tools.errors import SourceError
from tools.market import Market
from tools.slots import slot_start, utc_time
from tools.sources.cache import MemoryCache, ResponseCache
from tools.sources.http import JsonClient
from tools.sources.ladder import (
    LAST_GOOD_LIMIT,
    Answer,
    aged,
    build,
)
from tools.sources.neso import PUBLIC_URL as NESO_URL
from tools.sources.neso import NesoClient
from tools.sources.octopus import PUBLIC_URL as OCTOPUS_URL
from tools.sources.octopus import OctopusClient
from tools.sources.payloads import carbon_payload, merge_carbon, merge_prices, prices_payload, products_of

FAULT_PAUSE: Final = timedelta(seconds=60)
CARBON_KEY, PRICE_KEY = "neso:regional", "octopus:agile"


class LiveSource:
    """A `MarketSource`. `market` never raises for a faulty source."""

    def __init__(self, neso: NesoClient, octopus: OctopusClient, cache: ResponseCache) -> None:
        self._neso = neso
        self._octopus = octopus
        self._cache = cache
        self._fresh: dict[str, Answer] = {}
        self._built: tuple[tuple[object, ...], Market] | None = None

    async def market(self, now: datetime) -> Market:
        start = slot_start(now)
        carbon, prices = await asyncio.gather(
            self._answer(CARBON_KEY, now, self._fetch_carbon), self._answer(PRICE_KEY, now, self._fetch_prices)
        )
        key = (start, carbon.fetched_at, carbon.fault, prices.fetched_at, prices.fault)
        if self._built is None or self._built[0] != key:
            self._built = (key, build(carbon, prices, start, now))
        built = self._built[1]
        return built.model_copy(update={"carbon": aged(built.carbon, now), "price": aged(built.price, now)})

    async def aclose(self) -> None:
        await self._neso.aclose()
        await self._octopus.aclose()

    async def _fetch_carbon(self, now: datetime, previous: Answer) -> dict[str, JsonValue]:
        start = slot_start(now)
        fresh = carbon_payload(await self._neso.regional(start))
        if not (previous.payload and previous.fetched_at and _is_usable(previous, now)):
            return fresh
        return merge_carbon(fresh, previous.payload, start, previous.fetched_at)

    async def _fetch_prices(self, now: datetime, previous: Answer) -> dict[str, JsonValue]:
        rates = await self._octopus.rates(now, last_products=products_of(previous.payload))
        fresh = prices_payload(rates)
        if not (previous.payload and previous.fetched_at and _is_usable(previous, now)):
            return fresh
        return merge_prices(fresh, previous.payload, slot_start(now), previous.fetched_at)

    async def _answer(
        self, key: str, now: datetime, fetch: Callable[[datetime, Answer], Awaitable[dict[str, JsonValue]]]
    ) -> Answer:
        """This half-hour's answer, fetched by whoever comes first; else the last good one with the reason."""
        cached = self._fresh.get(key) or await self._cached(key, now)
        if not _is_of(cached, now):
            cached = await self._cached(key, now)
        if not cached.fault:
            self._fresh[key] = cached
            return cached
        async with self._cache.lock(key):
            cached = await self._cached(key, now)
            recent = await self._recent_fault(key, now)
            if not cached.fault or recent:
                return Answer(cached.payload, cached.fetched_at, cached.fault and recent)
            try:
                payload = await fetch(now, cached)
            except SourceError as error:
                await self._cache.put(f"{key}:fault", {"at": now.isoformat(), "reason": error.reason})
                return Answer(cached.payload, cached.fetched_at, error.reason)
            await self._cache.put(key, {**payload, "fetched_at": now.isoformat()})
            return Answer(payload, now, "")

    async def _cached(self, key: str, now: datetime) -> Answer:
        found = await self._cache.get(key)
        payload = found[0] if found else None
        fetched_at = utc_time(payload.get("fetched_at")) if isinstance(payload, dict) else None
        if not isinstance(payload, dict) or fetched_at is None:
            return Answer(None, None, "nothing stored yet")
        answer = Answer(payload, fetched_at, "")
        return answer if _is_of(answer, now) else Answer(payload, fetched_at, "not fetched in this half-hour")

    async def _recent_fault(self, key: str, now: datetime) -> str:
        found = await self._cache.get(f"{key}:fault")
        payload = found[0] if found else None
        at = utc_time(payload.get("at")) if isinstance(payload, dict) else None
        if not isinstance(payload, dict) or at is None or not timedelta(0) <= now - at < FAULT_PAUSE:
            return ""
        return str(payload.get("reason") or "unknown fault")


def live_source(
    *,
    cache: ResponseCache | None = None,
    neso_base_url: str = NESO_URL,
    octopus_base_url: str = OCTOPUS_URL,
    timeout_seconds: float = 8.0,
    total_seconds: float = 15.0,
    retry_seconds: float = 0.5,
    transport: httpx.AsyncBaseTransport | None = None,
) -> LiveSource:
    """The live source on the public addresses or on a gateway's; without a cache it remembers for this process."""

    def client(source: str, base_url: str) -> JsonClient:
        return JsonClient(
            source,
            base_url,
            timeout_seconds=timeout_seconds,
            total_seconds=total_seconds,
            retry_seconds=retry_seconds,
            transport=transport,
        )

    return LiveSource(
        NesoClient(client("NESO", neso_base_url)),
        OctopusClient(client("Octopus", octopus_base_url), letters_seconds=0.8 * total_seconds),
        cache or MemoryCache(),
    )


def _is_usable(answer: Answer, now: datetime) -> bool:
    return answer.fetched_at is not None and now - answer.fetched_at <= LAST_GOOD_LIMIT


def _is_of(answer: Answer, now: datetime) -> bool:
    """Whether the answer was fetched in the half-hour that holds `now` (or later, by a poller whose clock is ahead)."""
    return answer.fetched_at is not None and slot_start(answer.fetched_at) >= slot_start(now)
