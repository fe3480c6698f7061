"""The live market: NESO's forecast and Octopus' prices, from the cache where they are of this half-hour.

Degradation, always told in the notes: fresh → last good answer, with its age → its daily profile → nothing (mode
`none`: all cells are holes, and the caller recommends running now with the reason). A fault is remembered for a while,
so that a source that is down is not asked by every run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import httpx
import numpy as np
from pydantic import JsonValue

from tools.errors import SourceError
from tools.fetch import JsonClient, utc_time
from tools.market import FloatArray, Market, Mode, SourceNote
from tools.neso import PUBLIC_URL as NESO_URL
from tools.neso import NesoClient
from tools.octopus import PUBLIC_URL as OCTOPUS_URL
from tools.octopus import OctopusClient
from tools.recorded import slot_start
from tools.regions import REGION_IDS
from tools.response_cache import MemoryCache, ResponseCache
from tools.series import (
    BoolArray,
    carbon_arrays,
    carbon_payload,
    fill_from_profile,
    keep_missing,
    price_arrays,
    prices_payload,
    read_carbon,
    read_prices,
)

HORIZON_SLOTS: Final = 96
"""48 hours from the slot that holds now: what NESO forecasts."""
FAULT_PAUSE: Final = timedelta(seconds=60)
LAST_GOOD_LIMIT: Final = timedelta(days=7)
"""An answer older than this says nothing about today, not even as a profile."""
CARBON_KEY, PRICE_KEY = "neso:regional", "octopus:agile"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cache or the source gave for one kind of figure."""

    payload: Mapping[str, JsonValue] | None
    fetched_at: datetime | None
    fault: str
    """Why the payload is not of this half-hour; empty when it is."""


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
            self._built = (key, _build(carbon, prices, start, now))
        built = self._built[1]
        return built.model_copy(update={"carbon": _aged(built.carbon, now), "price": _aged(built.price, now)})

    async def aclose(self) -> None:
        await self._neso.aclose()
        await self._octopus.aclose()

    async def _fetch_carbon(self, now: datetime, previous: Answer) -> dict[str, JsonValue]:
        fresh = carbon_payload(await self._neso.regional(slot_start(now)))
        usable = previous.fetched_at is not None and now - previous.fetched_at <= LAST_GOOD_LIMIT
        return keep_missing(fresh, previous.payload if usable else None, slot_start(now), previous.fetched_at)

    async def _fetch_prices(self, now: datetime, _previous: Answer) -> dict[str, JsonValue]:
        return prices_payload(await self._octopus.rates(now))

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


def _is_of(answer: Answer, now: datetime) -> bool:
    """Whether the answer was fetched in the half-hour that holds `now` (or later, by a poller whose clock is ahead)."""
    return answer.fetched_at is not None and slot_start(answer.fetched_at) >= slot_start(now)


def _build(carbon: Answer, prices: Answer, start: datetime, now: datetime) -> Market:
    intensity, renewable, low_carbon, carbon_note = _carbon(carbon, start, now)
    price, estimated, price_note = _prices(prices, start, now)
    return Market.pack(
        start=start,
        regions=REGION_IDS,
        intensity=intensity,
        renewable=renewable,
        low_carbon=low_carbon,
        price=price,
        price_estimated=estimated,
        carbon=carbon_note,
        price_note=price_note,
    )


def _aged(note: SourceNote, now: datetime) -> SourceNote:
    age = None if note.fetched_at is None else max(0.0, (now - note.fetched_at).total_seconds())
    return note.model_copy(update={"age_seconds": age})


def _carbon(answer: Answer, start: datetime, now: datetime) -> tuple[FloatArray, FloatArray, FloatArray, SourceNote]:
    series = read_carbon(answer.payload, now, LAST_GOOD_LIMIT, answer.fetched_at)
    arrays = carbon_arrays(series, start, HORIZON_SLOTS)
    known = int((~np.isnan(arrays).any(axis=0)).sum())
    filled = 0
    if answer.fault:
        arrays, filled = fill_from_profile(arrays, series, start)
    note = _note(
        "NESO Carbon Intensity API",
        answer,
        now,
        mode="none" if not known + filled else "live" if not answer.fault else "last_good" if known else "profile",
        coverage=float((~np.isnan(arrays).any(axis=0)).mean()),
        details=[
            f"{filled} of {arrays[0].size} cells from the daily profile of the last good answer" if filled else "",
            ", ".join(str(oddity) for oddity in _strings(answer.payload, "oddities")),
        ],
    )
    return arrays[0], arrays[1], arrays[2], note


def _prices(answer: Answer, start: datetime, now: datetime) -> tuple[FloatArray, BoolArray, SourceNote]:
    rates = read_prices(answer.payload, now, LAST_GOOD_LIMIT, answer.fetched_at)
    price, estimated, derived = price_arrays(rates, start, HORIZON_SLOTS)
    published = int((~np.isnan(price) & ~estimated).sum())
    guessed = int(estimated.sum()) - derived
    mode: Mode = "live" if not answer.fault else "last_good" if published else "profile" if guessed else "none"
    note = _note(
        f"Octopus Agile {answer.payload.get('product', '')}".strip() if answer.payload else "Octopus Agile",
        answer,
        now,
        mode=mode if published + guessed + derived else "none",
        coverage=float((~np.isnan(price)).mean()),
        details=[
            f"{guessed} of {price.size} cells estimated as the mean of the same half-hour of the last days"
            if guessed
            else "",
            f"{derived} cells derived from another region's rate" if derived else "",
            ", ".join(_strings(answer.payload, "oddities")),
        ],
    )
    return price, estimated, note


def _note(name: str, answer: Answer, now: datetime, *, mode: Mode, coverage: float, details: list[str]) -> SourceNote:
    at = answer.fetched_at
    reason = f"no fresh answer: {answer.fault}" if answer.fault else ""
    return SourceNote(
        name=name,
        mode=mode,
        fetched_at=at,
        age_seconds=None if at is None else max(0.0, (now - at).total_seconds()),
        coverage=coverage,
        detail="; ".join(part for part in (reason, *details) if part),
    )


def _strings(payload: Mapping[str, JsonValue] | None, key: str) -> list[str]:
    value = payload.get(key) if payload else None
    return [str(item) for item in value] if isinstance(value, list) else []
