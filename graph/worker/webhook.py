"""Tells a webhook what became of workloads: signed, at least once, and nowhere inside the network by accident."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx
from structlog.typing import FilteringBoundLogger

from graph.worker.periodic import periodically
from persistence.store.outbox import Delivery, Outbox

TIMEOUT_SECONDS: Final = 10.0
LEASE_SECONDS: Final = 60.0
INTERVAL_SECONDS: Final = 2.0
BATCH: Final = 10
MOST_ATTEMPTS: Final = 12
FIRST_RETRY_SECONDS: Final = 5.0
LONGEST_RETRY_SECONDS: Final = 6 * 3600.0
"""With 12 attempts the last comes about nine hours after the first."""
_PREFIX: Final = "whsec_"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class DeliveryError(Exception):
    """The event was not taken. `retryable`: it may be later."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where events go."""

    url: str
    secret: str
    """Of the signature; `whsec_` and base64, as receivers' libraries take it, or any text."""
    allow_private: bool = False
    """Addresses inside a network, and plain http."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, by the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Sender:
    """Sends one event. The address is looked up for each and connected to as it was checked, so that a name cannot
    point elsewhere in between; redirects are not followed."""

    def __init__(
        self,
        target: Target,
        *,
        resolve: Resolve = resolve,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._target = target
        self._resolve = resolve
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, transport=transport, trust_env=False)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def send(self, delivery: Delivery) -> None:
        """Raises `DeliveryError`."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._send(delivery)
        except TimeoutError:
            msg = f"no answer within {TIMEOUT_SECONDS:g} s"
            raise DeliveryError(msg) from None

    async def _send(self, delivery: Delivery) -> None:
        parts = urlsplit(self._target.url)
        host, port = self._checked(parts)
        address = await self._address(host, port)
        body = json.dumps(
            {"type": f"workload.{delivery.event}", "timestamp": delivery.created_at, "data": delivery.payload}
        ).encode()
        bracketed = f"[{address}]" if ":" in address else address
        url = parts._replace(netloc=f"{bracketed}:{port}", fragment="").geturl()
        headers = {
            "host": parts.netloc.rpartition("@")[2],
            "content-type": "application/json",
            "user-agent": "gridwise",
        }
        request = self._http.build_request(
            "POST",
            url,
            content=body,
            headers={**headers, **signature(self._target.secret, str(delivery.id), self._clock(), body)},
            extensions={"sni_hostname": host},
        )
        try:
            response = await self._http.send(request, stream=True)
            await response.aclose()  # what it says is not read
        except httpx.HTTPError as error:
            msg = f"not reachable ({type(error).__name__})"
            raise DeliveryError(msg) from None
        if not response.is_success:
            msg = f"HTTP {response.status_code}"
            raise DeliveryError(msg, retryable=response.status_code != 410)

    def _checked(self, parts: SplitResult) -> tuple[str, int]:
        secure = parts.scheme == "https"
        if parts.hostname is None or not (secure or (parts.scheme == "http" and self._target.allow_private)):
            msg = "only https addresses are called"
            raise DeliveryError(msg, retryable=False)
        return parts.hostname, parts.port or (443 if secure else 80)

    async def _address(self, host: str, port: int) -> str:
        """The first address; all of them have to be public, where private ones are not allowed."""
        try:
            found = await self._resolve(host, port)
        except OSError:
            msg = f"{host} has no address"
            raise DeliveryError(msg) from None
        if not found:
            msg = f"{host} has no address"
            raise DeliveryError(msg)
        inside = [address for address in found if not is_public(address)]
        if inside and not self._target.allow_private:
            msg = (
                f"{host} is {inside[0]}, which is not a public address; set "
                "GRIDWISE_WEBHOOK_ALLOW_PRIVATE=true if that is meant"
            )
            raise DeliveryError(msg)
        return found[0]


def is_public(address: str) -> bool:
    """Whether an address is on the public internet, also where it is written as IPv4 in IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.IPv6Network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def signature(secret: str, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 of id, time and body."""
    stamp = str(int(now.timestamp()))
    digest = hmac.new(key_of(secret), f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def key_of(secret: str) -> bytes:
    """Base64 after `whsec_`; any other text is the key itself."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (ValueError, binascii.Error):
            pass
    return secret.encode()


@dataclass(frozen=True, kw_only=True)
class Deliveries:
    """Sends what is due, by any number of pollers; each event once, and again only where its end was not seen."""

    outbox: Outbox
    sender: Sender
    random: Random
    log: FilteringBoundLogger

    async def run(self) -> None:
        """Ends by cancellation."""

        async def batch() -> float:
            return 0.0 if await self.once() else INTERVAL_SECONDS

        await periodically("webhook", batch, interval_seconds=INTERVAL_SECONDS, random=self.random, log=self.log)

    async def once(self) -> int:
        """One batch; how many were tried."""
        batch = await self.outbox.claim(limit=BATCH, lease_seconds=LEASE_SECONDS)
        await asyncio.gather(*(self._deliver(delivery) for delivery in batch))
        return len(batch)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            await self.sender.send(delivery)
        except DeliveryError as error:
            wait = self.retry_seconds(delivery.attempt) if error.retryable else None
            if delivery.attempt >= MOST_ATTEMPTS:
                wait = None
            self.log.warning(
                "Webhook event not delivered",
                webhook_event=delivery.event,
                delivery=str(delivery.id),
                attempt=delivery.attempt,
                retry_seconds=None if wait is None else round(wait),
                error=str(error),
            )
            await self.outbox.failed(delivery, str(error), retry_seconds=wait)
        else:
            await self.outbox.delivered(delivery)

    def retry_seconds(self, attempt: int) -> float:
        """Doubled each time, with jitter."""
        longest = min(FIRST_RETRY_SECONDS * 2.0 ** (attempt - 1), LONGEST_RETRY_SECONDS)
        return longest * self.random.uniform(0.5, 1.0)
