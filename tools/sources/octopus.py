"""Octopus Agile: the public half-hourly electricity price of each region.

Data centres do not buy on Agile; it is the public proxy of the half-hourly price, and every answer says so.
"""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import JsonValue

from tools.errors import SourceError
from tools.regions import REGIONS
from tools.slots import SLOT, utc_time, whole_slots
from tools.sources.http import JsonClient, error_text, figure

PUBLIC_URL = "https://api.octopus.energy/v1"
PAGE_SIZE = 1500
MAX_PAGES = 12
LOWEST_P, HIGHEST_P = -500.0, 1000.0
"""p/kWh; Agile is capped at 100 and has been as low as -20."""
BEHIND, AHEAD = timedelta(days=8), timedelta(hours=49)
CONCURRENT = 4
LONGEST_RATE_SLOTS = 96


@dataclass(frozen=True)
class Rates:
    """Published rates without VAT, p/kWh, by letter and slot start (aware UTC)."""

    product: str
    by_letter: Mapping[str, Mapping[datetime, float]]
    oddities: tuple[str, ...] = field(default=())


class OctopusClient:
    """Finds the current Agile product, then asks for each region's rates."""

    def __init__(self, http: JsonClient, *, letters_seconds: float = 12.0) -> None:
        self._http = http
        self._seconds = letters_seconds
        """For all regions together, after the product has been found."""

    async def rates(self, now: datetime) -> Rates:
        """Eight days back and all that is published ahead. Raises `SourceError` where no region has any rate."""
        product = await self._product(now)
        gate = asyncio.Semaphore(CONCURRENT)

        async def one(letter: str) -> Mapping[datetime, float] | SourceError:
            async with gate:
                try:
                    return await self._letter(product, letter, now)
                except SourceError as error:
                    return error

        tasks = {region.agile_letter: asyncio.create_task(one(region.agile_letter)) for region in REGIONS}
        _, late = await asyncio.wait(tasks.values(), timeout=self._seconds)
        for task in late:
            task.cancel()
        silence = self._http.fault(f"no answer within {self._seconds:g} s")
        answers = {letter: silence if task in late else task.result() for letter, task in tasks.items()}
        found = {letter: rates for letter, rates in answers.items() if not isinstance(rates, SourceError)}
        faults = [f"{letter}: {a.reason}" for letter, a in answers.items() if isinstance(a, SourceError)]
        if not found:
            msg = f"no region's rates ({faults[0]})"
            raise self._http.fault(msg)
        return Rates(product, found, tuple(faults))

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _product(self, now: datetime) -> str:
        async for body in self._pages("/products/", {"is_variable": "true", "page_size": "100"}):
            code = agile_product(body, now)
            if code:
                return code
        msg = "no current Agile product in the product list"
        raise self._http.fault(msg)

    async def _letter(self, product: str, letter: str, now: datetime) -> Mapping[datetime, float]:
        path = f"/products/{product}/electricity-tariffs/E-1R-{product}-{letter}/standard-unit-rates/"
        params = {
            "period_from": f"{now - BEHIND:%Y-%m-%dT%H:%MZ}",
            "period_to": f"{now + AHEAD:%Y-%m-%dT%H:%MZ}",
            "page_size": str(PAGE_SIZE),
        }
        rates: dict[datetime, float] = {}
        async for body in self._pages(path, params):
            if not isinstance(body, dict) or not isinstance(body.get("results"), list):
                msg = f"rates of {letter} have no results{error_text(body)}"
                raise self._http.fault(msg)
            rates.update(parse_rates(body))
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


def agile_product(body: JsonValue, now: datetime) -> str | None:
    """Code of the newest Agile import product that is on sale at `now`, in one page of the product list."""
    found: list[tuple[datetime, str]] = []
    results = body.get("results") if isinstance(body, dict) else None
    for item in results if isinstance(results, list) else []:
        if not isinstance(item, dict):
            continue
        code, since, until = item.get("code"), utc_time(item.get("available_from")), utc_time(item.get("available_to"))
        if (
            isinstance(code, str)
            and re.fullmatch(r"AGILE-[A-Z0-9-]+", code)
            and item.get("direction", "IMPORT") == "IMPORT"
            and since is not None
            and since <= now
            and (until is None or until > now)
        ):
            found.append((since, code))
    return max(found)[1] if found else None


def parse_rates(body: JsonValue) -> dict[datetime, float]:
    """Slot start → p/kWh without VAT. Never raises: entries that make no sense are left out, order does not matter.

    A rate that holds for longer than a half-hour fills each of its slots; one without an end holds for one.
    """
    rates: dict[datetime, float] = {}
    results = body.get("results") if isinstance(body, dict) else None
    for item in results if isinstance(results, list) else []:
        if not isinstance(item, dict):
            continue
        start = utc_time(item.get("valid_from"))
        rate = figure(item.get("value_exc_vat"), LOWEST_P, HIGHEST_P)
        if start is None or math.isnan(rate):
            continue
        end = utc_time(item.get("valid_to")) or start + SLOT
        rates.update(dict.fromkeys(whole_slots(start, end, LONGEST_RATE_SLOTS), rate))
    return rates
