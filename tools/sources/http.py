"""JSON over HTTP from a source that may answer with anything: bounded in time and size, every fault one typed error."""

import asyncio
import json
import math
import ssl
from collections.abc import Mapping
from functools import cache

import httpx
from pydantic import JsonValue

from tools.errors import SourceError

MAX_BYTES = 8_000_000
"""A two-day answer for all regions is about 0.6 MB."""
ATTEMPTS = 3
RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that httpx trusts, read once for all sources: that takes longer than most answers."""
    return httpx.create_ssl_context()


class JsonClient:
    """One source's base address. `retry_seconds` is doubled after each attempt; `total_seconds` bounds them all."""

    def __init__(
        self,
        source: str,
        base_url: str,
        *,
        timeout_seconds: float = 8.0,
        total_seconds: float = 15.0,
        retry_seconds: float = 0.5,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.source = source
        self.base_url = base_url.rstrip("/")
        self._total_seconds = total_seconds
        self._retry_seconds = retry_seconds
        self._http = httpx.AsyncClient(
            timeout=timeout_seconds,
            transport=transport,
            verify=_trusted(),
            headers={"accept": "application/json", "user-agent": "gridwise"},
        )

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> JsonValue:
        """The decoded body of a 200. Raises `SourceError` for everything else, after retrying what may pass."""
        try:
            async with asyncio.timeout(self._total_seconds):
                return await self._with_retries(self.base_url + path, params)
        except TimeoutError:
            msg = f"no complete answer within {self._total_seconds:g} s from {path}"
            raise self.fault(msg) from None

    async def aclose(self) -> None:
        await self._http.aclose()

    def fault(self, reason: str) -> SourceError:
        return SourceError(self.source, reason)

    async def _with_retries(self, url: str, params: Mapping[str, str] | None) -> JsonValue:
        for attempt in range(ATTEMPTS):
            try:
                return await self._once(url, params)
            except _PassingError as error:
                if attempt + 1 == ATTEMPTS:
                    raise self.fault(str(error)) from None
                await asyncio.sleep(self._retry_seconds * 2**attempt)
        raise AssertionError

    async def _once(self, url: str, params: Mapping[str, str] | None) -> JsonValue:
        try:
            async with self._http.stream("GET", url, params=params) as response:
                body = await self._read(response)
        except httpx.TimeoutException as error:
            msg = f"timed out ({type(error).__name__})"
            raise _PassingError(msg) from None
        except httpx.HTTPError as error:
            msg = f"not reachable ({type(error).__name__})"
            raise _PassingError(msg) from None
        except httpx.InvalidURL as error:
            msg = f"bad address: {error}"
            raise self.fault(msg) from None
        return self._decode(response, body)

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                msg = f"answer larger than {MAX_BYTES // 1_000_000} MB"
                raise self.fault(msg)
        return bytes(body)

    def _decode(self, response: httpx.Response, body: bytes) -> JsonValue:
        status = response.status_code
        if 300 <= status < 400:
            msg = f"HTTP {status} redirect; set the source's base URL to where it moved"
            raise self.fault(msg)
        if status in RETRIED_STATUS:
            msg = f"HTTP {status}"
            raise _PassingError(msg)
        try:
            value: JsonValue = json.loads(body)
        except (ValueError, RecursionError):
            msg = f"HTTP {status}, not JSON ({len(body)} bytes)"
            raise self.fault(msg) from None
        if status != 200:
            msg = f"HTTP {status}{error_text(value)}"
            raise self.fault(msg)
        return value


class _PassingError(Exception):
    """May succeed when asked again."""


def error_text(value: JsonValue) -> str:
    """What an error body `{"error": {"code", "message"}}` or `{"detail"}` says, short and in one line."""
    if not isinstance(value, dict):
        return ""
    error = value.get("error", value.get("detail"))
    if isinstance(error, dict):
        error = error.get("message", error.get("code"))
    return f": {' '.join(str(error).split())[:200]}" if error else ""


def figure(value: object, low: float, high: float) -> float:
    """A finite number within the bounds, else NaN: missing is never 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if low <= number <= high else math.nan
