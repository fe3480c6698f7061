"""Octopus Agile: the public half-hourly electricity price of each region.

Data centres do not buy on Agile; it is the public proxy of the half-hourly price, and every answer says so.
"""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from tools.errors import SourceError
from tools.regions import REGIONS
from tools.slots import SLOT, slot_start, utc_time, whole_slots
from tools.sources.http import JsonClient, error_text, figure

PUBLIC_URL = "https://api.octopus.energy/v1"
PAGE_SIZE = 1500
MAX_PAGES = 12
LOWEST_P, HIGHEST_P = -500.0, 1000.0
"""p/kWh; Agile is capped at 100 and has been as low as -20."""
BEHIND, AHEAD = timedelta(days=8), timedelta(hours=49)
CONCURRENT = 4
LONGEST_RATE_SLOTS = 96
MOST_PRODUCTS = 3
"""Products asked for their rates in one half-hour; each takes a call per region."""
PRODUCT_FILTER = {"is_variable": "true", "page_size": "100"}
BRAND = "OCTOPUS_ENERGY"
ALWAYS = datetime.max.replace(tzinfo=UTC)

RatesOf = dict[str, dict[datetime, float]]


@dataclass(frozen=True)
class Rates:
    """Published rates without VAT, p/kWh, by letter and slot start (aware UTC)."""

    products: tuple[str, ...]
    """Those that gave rates, the one on sale first."""
    by_letter: Mapping[str, Mapping[datetime, float]]
    oddities: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Product:
    """An Agile import product and when it is on sale."""

    code: str
    since: datetime
    until: datetime = ALWAYS


class OctopusClient:
    """Finds the Agile products that matter at a time, then asks for each region's rates."""

    def __init__(self, http: JsonClient, *, letters_seconds: float = 12.0) -> None:
        self._http = http
        self._seconds = letters_seconds
        """For all regions and products together, after the products have been found."""

    async def rates(self, now: datetime, *, last_products: Sequence[str] = ()) -> Rates:
        """Eight days back and all that is published ahead. Raises `SourceError` where no region has any rate.

        Args:
            last_products: those that gave rates the last time, asked again where none that is on sale has any.
        """
        products, notes = await self._products(now, last_products)
        until = asyncio.get_running_loop().time() + self._seconds
        known: RatesOf = {}
        used: list[str] = []
        faults: dict[str, str] = {}
        for product in products:
            if not _wants(product, known, now) or len(used) == MOST_PRODUCTS:
                continue
            found, silent = await self._letters(product.code, now, until - asyncio.get_running_loop().time())
            if _add(known, found, since=product.since if product.since > now else None):
                used.append(product.code)
            faults = silent | faults
        if not known:
            msg = f"no region's rates ({next(iter(faults.values()), 'no product has any')})"
            raise self._http.fault(msg)
        notes += [fault for letter, fault in faults.items() if letter not in known]
        return Rates(tuple(used), known, tuple(notes))

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _products(self, now: datetime, last: Sequence[str]) -> tuple[list[Product], list[str]]:
        """In the order in which they are asked, and what went wrong with the list."""
        bodies: list[JsonValue] = []
        faults: list[str] = []
        try:
            bodies.extend([body async for body in self._pages("/products/", PRODUCT_FILTER)])
        except SourceError as error:
            if not last and not bodies:
                raise
            faults.append(f"product list: {error.reason}")
        products = agile_products(bodies, now, last)
        if not products:
            msg = "no current Agile product in the product list"
            raise self._http.fault(msg + (error_text(bodies[0]) if bodies else ""))
        return products, faults

    async def _letters(self, product: str, now: datetime, seconds: float) -> tuple[RatesOf, dict[str, str]]:
        """Rates by letter, and why a letter has none."""
        gate = asyncio.Semaphore(CONCURRENT)

        async def one(letter: str) -> dict[datetime, float] | SourceError:
            async with gate:
                try:
                    return await self._letter(product, letter, now)
                except SourceError as error:
                    return error

        tasks = {region.agile_letter: asyncio.create_task(one(region.agile_letter)) for region in REGIONS}
        _, late = await asyncio.wait(tasks.values(), timeout=max(0.0, seconds))
        for task in late:
            task.cancel()
        silence = self._http.fault(f"no answer within {self._seconds:g} s")
        answers = {letter: silence if task in late else task.result() for letter, task in tasks.items()}
        found = {letter: rates for letter, rates in answers.items() if not isinstance(rates, SourceError)}
        return found, {letter: f"{letter}: {a.reason}" for letter, a in answers.items() if isinstance(a, SourceError)}

    async def _letter(self, product: str, letter: str, now: datetime) -> dict[datetime, float]:
        path = f"/products/{product}/electricity-tariffs/E-1R-{product}-{letter}/standard-unit-rates/"
        params = {
            "period_from": f"{now - BEHIND:%Y-%m-%dT%H:%MZ}",
            "period_to": f"{now + AHEAD:%Y-%m-%dT%H:%MZ}",
            "page_size": str(PAGE_SIZE),
        }
        results: list[JsonValue] = []
        async for body in self._pages(path, params):
            page = body.get("results") if isinstance(body, dict) else None
            if not isinstance(page, list):
                msg = f"rates of {letter} have no results{error_text(body)}"
                raise self._http.fault(msg)
            results += page
        rates = parse_rates({"results": results})
        if not rates:
            msg = f"no usable rate for {letter}"
            raise self._http.fault(msg)
        return rates

    async def _pages(self, path: str, params: Mapping[str, str]) -> AsyncIterator[JsonValue]:
        """Follows `next` by its page number only, so that a wrong host in it is never asked."""
        page = 1
        while page <= MAX_PAGES:
            body = await self._http.get(path, {**params, "page": str(page)} if page > 1 else params)
            yield body
            if not isinstance(body, dict) or not body.get("next"):
                return
            page += 1


def agile_products(bodies: Iterable[JsonValue], now: datetime, last: Sequence[str] = ()) -> list[Product]:
    """The products worth asking at `now`, from the pages of the product list.

    First those on sale, newest first; then those that come on sale while prices are planned with; then those that gave
    rates the last time; then those no longer on sale, the last to leave first. Of Octopus' own brand, for households.
    """
    found = {product.code: product for body in bodies for product in _listed(body)}
    on_sale = [p for p in found.values() if p.since <= now < p.until]
    coming = [p for p in found.values() if now < p.since <= now + AHEAD]
    gone = [p for p in found.values() if p.until <= now and p.since <= now]
    again = [found.get(code, Product(code, datetime.min.replace(tzinfo=UTC))) for code in last]
    ordered = [
        *sorted(on_sale, key=lambda p: (p.since, p.code), reverse=True),
        *sorted(coming, key=lambda p: (p.since, p.code)),
        *again,
        *sorted(gone, key=lambda p: (p.until, p.since, p.code), reverse=True),
    ]
    return list({product.code: product for product in ordered}.values())


def _listed(body: JsonValue) -> Iterable[Product]:
    results = body.get("results") if isinstance(body, dict) else None
    for item in results if isinstance(results, list) else []:
        if not isinstance(item, dict):
            continue
        code, since, until = item.get("code"), utc_time(item.get("available_from")), utc_time(item.get("available_to"))
        if isinstance(code, str) and since is not None and _is_agile_import(code, item):
            yield Product(code, since, until or ALWAYS)


def _is_agile_import(code: str, item: Mapping[str, JsonValue]) -> bool:
    return (
        re.fullmatch(r"AGILE-[A-Z0-9-]+", code) is not None
        and "OUTGOING" not in code
        and (item.get("direction") or "IMPORT") == "IMPORT"
        and (item.get("brand") or BRAND) == BRAND
        and not item.get("is_business")
        and not item.get("is_prepay")
    )


def _wants(product: Product, known: RatesOf, now: datetime) -> bool:
    """Whether the product can tell what those before it do not: this half-hour, the coming days, the week before."""
    present = slot_start(now)
    if product.since > now or not any(present in rates for rates in known.values()):
        return True
    if product.until <= now - BEHIND:
        return False
    week = [present - i * SLOT for i in range(1, 7 * 48)]
    return not any(all(time in rates for time in week) for rates in known.values())


def _add(known: RatesOf, found: RatesOf, since: datetime | None) -> bool:
    """Takes over what is not known yet, of a coming product from its first day on; whether that is anything."""
    added = False
    for letter, rates in found.items():
        mine = known.setdefault(letter, {})
        new = {time: rate for time, rate in rates.items() if time not in mine and (since is None or time >= since)}
        mine.update(new)
        added |= bool(new)
    for letter in [letter for letter, rates in known.items() if not rates]:
        del known[letter]
    return added


def parse_rates(body: JsonValue) -> dict[datetime, float]:
    """Slot start → p/kWh without VAT. Never raises: entries that make no sense are left out, order does not matter.

    A rate that holds for longer than a half-hour fills each of its slots; one without an end holds for one. Where
    several hold, the one by direct debit (or without a method) counts, of those the one that began last, or the least.
    """
    best: dict[datetime, tuple[bool, float, float]] = {}
    results = body.get("results") if isinstance(body, dict) else None
    for item in results if isinstance(results, list) else []:
        if not isinstance(item, dict):
            continue
        start = utc_time(item.get("valid_from"))
        rate = figure(item.get("value_exc_vat"), LOWEST_P, HIGHEST_P)
        if start is None or math.isnan(rate):
            continue
        key = (str(item.get("payment_method") or DIRECT_DEBIT).upper() != DIRECT_DEBIT, -start.timestamp(), rate)
        end = utc_time(item.get("valid_to")) or start + SLOT
        for time in whole_slots(start, end, LONGEST_RATE_SLOTS):
            best[time] = min(key, best.get(time, key))
    return {time: rate for time, (*_, rate) in best.items()}


DIRECT_DEBIT = "DIRECT_DEBIT"
