"""Who computes while others wait for a model."""

import asyncio

import pytest

from agents.model.turns import Turns, meanwhile

pytestmark = pytest.mark.anyio


async def test_as_many_runs_compute_as_there_are_places_while_all_may_wait_for_the_model() -> None:
    turns, reply = Turns(2), asyncio.Event()
    computing = waiting = most = 0

    async def run() -> None:
        nonlocal computing, waiting, most
        async with turns.one():
            for _ in range(3):
                computing += 1
                most = max(most, computing)
                await asyncio.sleep(0)
                computing -= 1
                if not reply.is_set():
                    waiting += 1
                    if waiting == 20:
                        reply.set()
                await meanwhile(reply.wait())

    async with asyncio.timeout(5):
        await asyncio.gather(*(run() for _ in range(20)))
    assert (most, waiting) == (2, 20)


@pytest.mark.parametrize("stopped_at", ["the turn", "the model", "the turn after the model"])
async def test_a_run_that_is_stopped_leaves_its_place(stopped_at: str) -> None:
    turns, reply, begun = Turns(1), asyncio.Event(), asyncio.Event()

    async def run() -> None:
        async with turns.one():
            begun.set()
            await meanwhile(reply.wait())

    async def hold(until: asyncio.Event) -> None:
        async with turns.one():
            await until.wait()

    release = asyncio.Event()
    if stopped_at == "the turn":
        holder = asyncio.create_task(hold(release))
        await asyncio.sleep(0)
        stopped = asyncio.create_task(run())
        await asyncio.sleep(0)
    else:
        stopped = asyncio.create_task(run())
        await begun.wait()
        holder = asyncio.create_task(hold(release))
        await asyncio.sleep(0)
        if stopped_at == "the turn after the model":
            reply.set()
            await asyncio.sleep(0)
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    assert stopped.cancelled()
    release.set()
    await holder
    async with asyncio.timeout(1), turns.one():
        pass


async def test_a_call_that_fails_takes_no_turn_back_and_gives_none_away_twice() -> None:
    turns = Turns(1)

    async def fails() -> None:
        raise ConnectionError

    async with turns.one():
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await meanwhile(fails())
        async with asyncio.timeout(1), turns.one():
            full = asyncio.create_task(_enter(turns))
            await asyncio.sleep(0)
            assert not full.done()
        await full


async def _enter(turns: Turns) -> None:
    async with turns.one():
        pass
