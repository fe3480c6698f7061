"""Runs an async context manager beside the tests: for servers that outlive the event loop of any one test."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def in_background(context: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enters the context in a thread with an event loop of its own, and leaves it there at the end."""
    loop = asyncio.new_event_loop()
    entered: list[T | BaseException] = []
    ready, stop = threading.Event(), asyncio.Event()

    async def live() -> None:
        try:
            async with context as value:
                entered.append(value)
                ready.set()
                await stop.wait()
        except BaseException as error:
            entered.append(error)
            ready.set()
            raise

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(live())
            except BaseException as error:  # the test's thread raises it
                entered.append(error)

    thread = threading.Thread(target=run, name="background")
    thread.start()
    ready.wait()
    try:
        if isinstance(entered[0], BaseException):
            raise entered[0]
        yield entered[0]
    finally:
        if len(entered) == 1:
            loop.call_soon_threadsafe(stop.set)
        thread.join()
    if len(entered) > 1 and isinstance(entered[1], BaseException):
        raise entered[1]
