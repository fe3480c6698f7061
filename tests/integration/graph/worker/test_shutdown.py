"""How the claim loop stops: nothing is lost, nothing is left leased, and no attempt is spent."""

import asyncio
from typing import Any

import pytest

from persistence.store.open import Store
from persistence.store.queue import Queue
from tests.graphs import chain, step
from tests.integration.graph.rig import Gate, Rig, outcomes, submit

pytestmark = pytest.mark.anyio


async def test_a_drain_gives_the_workload_back_with_its_attempt(rig: Rig, store: Store) -> None:
    (one,) = await submit(store)
    gate, calls = Gate(), list[str]()
    async with rig.running(chain(gate=gate, after=step("after", calls))) as loop:
        await gate.reached.wait()
        loop.stop()
        await rig.log.seen("Stopping")
        gate.go_on.set()
    assert calls == []
    assert (await store.operations.read(one))["status"] == "processing"
    assert await outcomes(store, one) == ["released", "waiting"]
    (claim,) = await store.queue.claim(owner="next", limit=1, lease_seconds=60, max_attempts=5)
    assert claim.lease.attempt == 1


async def test_a_second_signal_lets_go_at_once(rig: Rig, store: Store) -> None:
    (one,) = await submit(store)
    gate = Gate()
    async with rig.running(chain(gate=gate), drain_grace_seconds=600) as loop:
        await gate.reached.wait()
        loop.stop()
        await rig.log.seen("Stopping")
        loop.stop()
    assert await outcomes(store, one) == ["released", "waiting"]


async def test_what_does_not_end_its_step_in_time_is_released(rig: Rig, store: Store) -> None:
    (one,) = await submit(store)
    gate = Gate()
    async with rig.running(chain(gate=gate), drain_grace_seconds=0.1) as loop:
        await gate.reached.wait()
        loop.stop()
    assert await outcomes(store, one) == ["released", "waiting"]


async def test_a_cancellation_during_a_claim_gives_its_leases_back(
    rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = await submit(store)
    claimed, original = asyncio.Event(), Queue.claim

    async def slow_reply(self: Store, **arguments: Any) -> Any:
        claims = await original(self, **arguments)
        claimed.set()
        await asyncio.sleep(0.05)  # the reply is under way while the cancellation arrives
        return claims

    monkeypatch.setattr(Queue, "claim", slow_reply)
    async with rig.loop(chain(gate=Gate())) as loop:
        run = asyncio.create_task(loop.run())
        await claimed.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    assert await outcomes(store, one) == ["released", "waiting"]
