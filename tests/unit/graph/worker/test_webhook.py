"""The sender: what it signs, whom it calls, and what it makes of answers. Checked by the receivers' own library."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from graph.worker.webhook import Deliveries, DeliveryError, Sender, Target, is_public, signature
from persistence.store.outbox import Delivery

pytestmark = pytest.mark.anyio
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
DELIVERY = Delivery(
    id=UUID("3f2a0000-0000-4000-8000-000000000001"),
    token=UUID("3f2a0000-0000-4000-8000-000000000002"),
    event="done",
    attempt=1,
    created_at="2026-03-04T10:00:00+00:00",
    payload={"workload_name": "Zürich", "status": "queued"},
)


class Receiver:
    """Answers with a status; keeps what it was sent."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.status, headers={"location": "https://elsewhere.example/"})


def sender(
    receiver: Receiver, *addresses: str, url: str = "https://hooks.example/gw?x=1", private: bool = False
) -> Sender:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses or ["93.184.216.34"]

    target = Target(url=url, secret=SECRET, allow_private=private)
    return Sender(target, resolve=resolve, transport=httpx.MockTransport(receiver))


async def test_a_receiver_s_library_accepts_the_signature_and_refuses_a_changed_body() -> None:
    receiver = Receiver()
    await sender(receiver).send(DELIVERY)
    (request,) = receiver.requests
    body = request.content.decode()
    Webhook(SECRET).verify(body, dict(request.headers))
    assert json.loads(body)["type"] == "workload.done"
    assert json.loads(body)["data"]["workload_name"] == "Zürich"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace("queued", "failed"), dict(request.headers))


def test_the_published_example_of_the_scheme() -> None:
    body = b'{"test": 2432232314}'
    now = datetime.fromtimestamp(1614265330, UTC)
    headers = signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", now, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_it_connects_to_the_address_that_was_checked_and_names_the_host() -> None:
    receiver = Receiver()
    await sender(receiver).send(DELIVERY)
    (request,) = receiver.requests
    assert request.url.host == "93.184.216.34"
    assert request.url.raw_path == b"/gw?x=1"
    assert request.headers["host"] == "hooks.example"
    assert request.extensions["sni_hostname"] == "hooks.example"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "ff02::1",
    ],
)  # fmt: skip
async def test_addresses_inside_a_network_are_not_called(address: str) -> None:
    assert not is_public(address)
    receiver = Receiver()
    with pytest.raises(DeliveryError, match="not a public address"):
        await sender(receiver, "93.184.216.34", address).send(DELIVERY)
    assert receiver.requests == []


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
async def test_public_ones_are(address: str) -> None:
    assert is_public(address)
    await sender(Receiver(), address).send(DELIVERY)


@pytest.mark.parametrize("url", ["http://hooks.example/", "ftp://hooks.example/", "file:///etc/passwd", "https:///x"])
async def test_only_https_is_called(url: str) -> None:
    with pytest.raises(DeliveryError, match="https") as refused:
        await sender(Receiver(), url=url).send(DELIVERY)
    assert not refused.value.retryable


async def test_inside_addresses_and_http_are_called_where_that_is_allowed() -> None:
    receiver = Receiver()
    await sender(receiver, "127.0.0.1", url="http://localhost:8080/x", private=True).send(DELIVERY)
    assert receiver.requests[0].headers["host"] == "localhost:8080"


@pytest.mark.parametrize(("status", "retryable"), [(301, True), (400, True), (500, True), (503, True), (410, False)])
async def test_anything_but_success_is_tried_again_and_redirects_are_not_followed(status: int, retryable: bool) -> None:
    receiver = Receiver(status)
    with pytest.raises(DeliveryError, match=str(status)) as refused:
        await sender(receiver).send(DELIVERY)
    assert refused.value.retryable is retryable
    assert len(receiver.requests) == 1


def test_waits_grow_to_hours_and_no_further() -> None:
    deliveries: Any = Deliveries(outbox=None, sender=None, random=random.Random(1), log=None)  # type: ignore[arg-type]
    waits = [deliveries.retry_seconds(attempt) for attempt in range(1, 13)]
    assert waits[0] <= 5
    assert 2 * 3600 <= waits[-1] <= 6 * 3600
