"""Runs of one process take turns: what they compute is done on one thread, and only waiting for a model is free."""

from asyncio import Semaphore
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

T = TypeVar("T")


class _Turn:
    def __init__(self, places: Semaphore) -> None:
        self._places = places
        self._is_mine = False

    async def take(self) -> None:
        if not self._is_mine:
            await self._places.acquire()
            self._is_mine = True

    def give(self) -> None:
        if self._is_mine:
            self._is_mine = False
            self._places.release()


_TURN: Final[ContextVar[_Turn | None]] = ContextVar("turn", default=None)


class Turns:
    """At most `places` runs at a time do anything but wait for a model.

    Without it each of hundreds of runs that are ready has its step before the first one goes on: a statement then
    takes as long as all of them together, and is given up as unanswered. First come, first served.
    """

    def __init__(self, places: int) -> None:
        self._places = Semaphore(places)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A run, from its start to its outcome."""
        turn = _Turn(self._places)
        token = _TURN.set(turn)
        try:
            await turn.take()
            yield
        finally:
            turn.give()
            _TURN.reset(token)


async def meanwhile(waiting: Awaitable[T]) -> T:
    """Wait for a model while another run has the turn. A call that fails leaves it: what is left then is to try again
    later, or to say so."""
    turn = _TURN.get()
    if turn is None:
        return await waiting
    turn.give()
    result = await waiting
    await turn.take()
    return result
