"""Events of a real database, delivered to a real HTTP server."""

import asyncio
import json
import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from standardwebhooks import Webhook

from graph.worker.webhook import Deliveries, Sender, Target
from persistence.store.open import Store
from tests.integration.graph.command import gridwise

pytestmark = pytest.mark.anyio
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class Received:
    """What a receiver got; `statuses` are its answers in turn, the last one stays."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.statuses = [204]
        self.url = ""


@pytest.fixture
def receiver() -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            Webhook(SECRET).verify(body, {name.lower(): value for name, value in self.headers.items()})
            received.events.append(json.loads(body))
            received.ids.append(self.headers["webhook-id"])
            status = received.statuses.pop(0) if len(received.statuses) > 1 else received.statuses[0]
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield received
    server.shutdown()
    thread.join()
    server.server_close()


async def deliveries(store: Store, receiver: Received, allow_private: bool = True) -> Deliveries:
    sender = Sender(Target(url=receiver.url, secret=SECRET, allow_private=allow_private))
    return Deliveries(outbox=store.outbox, sender=sender, random=random.Random(1), log=structlog.get_logger())


async def change(connect: Callable[[], Any], statement: str) -> None:
    async with connect() as connection:
        await connection.execute(statement)


async def test_a_change_of_state_is_told_once_and_again_after_a_refusal(
    store: Store, receiver: Received, open_connection: Callable[[], Any]
) -> None:
    told = await deliveries(store, receiver)
    (first,) = await store.operations.submit([{"workload_name": "before"}])
    await change(open_connection, f"update compute_workloads set status = 'cancelled' where id = '{first}'")
    assert await told.once() == 0  # nobody had a webhook until this call
    (second,) = await store.operations.submit([{"workload_name": "after"}])
    await change(open_connection, f"update compute_workloads set status = 'cancelled' where id = '{second}'")
    receiver.statuses = [500, 204]
    assert await told.once() == 1
    assert await told.once() == 0  # not due yet
    await change(open_connection, "update agent.outbox set due = now()")
    assert await told.once() == 1
    assert await told.once() == 0
    assert [event["type"] for event in receiver.events] == ["workload.cancelled"] * 2
    assert receiver.events[0]["data"]["workload_id"] == str(second)
    assert len(set(receiver.ids)) == 1
    await told.sender.aclose()


async def test_two_pollers_share_the_events_and_one_that_dies_loses_none(
    store: Store, open_connection: Callable[[], Any]
) -> None:
    assert await store.outbox.claim(limit=1, lease_seconds=1) == []
    ids = await store.operations.submit([{"workload_name": str(n)} for n in range(20)])
    await change(open_connection, "update compute_workloads set status = 'cancelled'")
    parts = await asyncio.gather(*(store.outbox.claim(limit=7, lease_seconds=60) for _ in range(4)))
    claimed = [one for part in parts for one in part]
    assert len({one.id for one in claimed}) == len(claimed) == len(ids)
    await change(open_connection, "update agent.outbox set due = now() - interval '1 second'")  # the leases run out
    again = await store.outbox.claim(limit=50, lease_seconds=60)
    assert {one.id for one in again} == {one.id for one in claimed}
    assert {one.attempt for one in again} == {2}
    assert not await store.outbox.delivered(claimed[0])  # the dead one's token is worth nothing
    assert all([await store.outbox.delivered(one) for one in again])
    assert await store.outbox.claim(limit=50, lease_seconds=60) == []


async def test_the_events_of_one_workload_come_in_their_order(store: Store, open_connection: Callable[[], Any]) -> None:
    await store.outbox.claim(limit=1, lease_seconds=1)
    await store.operations.submit([{"workload_name": "one"}])
    await change(open_connection, "update compute_workloads set status = 'failed'")
    await change(open_connection, "update compute_workloads set status = 'cancelled'")
    (earlier,) = await store.outbox.claim(limit=10, lease_seconds=60)
    assert earlier.event == "failed"
    assert await store.outbox.claim(limit=10, lease_seconds=60) == []
    assert await store.outbox.delivered(earlier)
    assert [one.event for one in await store.outbox.claim(limit=10, lease_seconds=60)] == ["cancelled"]


async def test_a_signed_in_user_can_cancel_and_cannot_read_the_outbox(
    store: Store, open_connection: Callable[[], Any]
) -> None:
    await store.outbox.claim(limit=1, lease_seconds=1)
    await store.operations.submit([{"workload_name": "mine"}])
    async with open_connection() as connection:
        await connection.execute(
            "create role somebody; grant usage on schema public to somebody; "
            "grant select, update on compute_workloads to somebody"
        )
        try:
            await connection.execute("set role somebody")
            await connection.execute("update compute_workloads set status = 'cancelled'")
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute("select * from agent.outbox")
        finally:
            await connection.execute("reset role")
            await connection.execute("drop owned by somebody; drop role somebody")
    assert [one.event for one in await store.outbox.claim(limit=10, lease_seconds=60)] == ["cancelled"]


async def test_a_poller_tells_what_it_placed_and_what_failed(machine: dict[str, Any], receiver: Received) -> None:
    hook = {
        "GRIDWISE_WEBHOOK_URL": receiver.url,
        "GRIDWISE_WEBHOOK_SECRET": SECRET,
        "GRIDWISE_WEBHOOK_ALLOW_PRIVATE": "true",
    }
    await gridwise("submit", "good", "--hours", "1", **machine)
    await gridwise("submit", "bad", "--hours", "2", "--max-price", "0.0001", **machine)
    answer = await gridwise("run", "--until-empty", **machine, **hook)
    assert answer.code == 0, answer.err
    told = {event["data"]["workload_name"]: event for event in receiver.events}
    assert told["good"]["type"] == "workload.done"
    assert told["good"]["data"]["recommended_region"]
    assert told["bad"]["type"] == "workload.failed"
    assert told["bad"]["data"]["agent_error"]


async def test_an_address_without_a_secret_is_refused(machine: dict[str, Any]) -> None:
    answer = await gridwise("run", "--until-empty", **machine, GRIDWISE_WEBHOOK_URL="https://hooks.example/")
    assert answer.code == 2
    assert "GRIDWISE_WEBHOOK_SECRET" in answer.err


async def test_an_outbox_that_is_broken_or_full_refuses_no_user_his_change(
    store: Store, open_connection: Callable[..., Any]
) -> None:
    """Our own change waits, parked: its event belongs to it."""
    await store.outbox.claim(limit=1, lease_seconds=60)  # the sign that there is a webhook
    cancelled, answered = await store.operations.submit([{"workload_name": "w"}, {"workload_name": "w"}])
    async with open_connection() as connection:
        await connection.execute("alter table agent.outbox rename column payload to load")
        await connection.execute("update compute_workloads set status = 'cancelled' where id = %s", (cancelled,))
        (claimed,) = await store.queue.claim(owner="p", limit=5, lease_seconds=60, max_attempts=5)
        assert claimed.lease.workload_id == answered
        assert await store.queue.fail(claimed.lease, "No.", retry_in_seconds=None, max_attempts=5) == "failed"
        assert (await store.operations.read(answered) or {})["status"] == "processing"
        assert (await store.operations.depth())["parked"] == 1
        await connection.execute("alter table agent.outbox rename column load to payload")
        await connection.execute("update agent.queue set show_at = clock_timestamp() where project is not null")
    await store.queue.project()
    assert [one.event for one in await store.outbox.claim(limit=5, lease_seconds=60)] == ["failed"]
