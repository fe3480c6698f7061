"""Hold a command until its window, following the plan as it moves; then run it, paused where the plan pauses."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from tools.errors import GridwiseError

LONGEST_SLEEP_SECONDS: Final = 15.0
"""The wall clock is read again after this long, whatever a suspended machine or a changed clock made of the sleep."""
PASSED_ON: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126


@dataclass(frozen=True)
class Window:
    """Where and when to run; times aware UTC."""

    region: str
    segments: tuple[tuple[datetime, datetime], ...]

    @property
    def start(self) -> datetime:
        return self.segments[0][0]


@dataclass(frozen=True)
class Ran:
    """What really happened."""

    start: datetime
    end: datetime
    exit_code: int
    """The command's own; 128 + the signal's number where one ended it, as a shell has it."""
    pauses: int


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall-clock time, aware UTC."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Planner(Protocol):
    """Where the window comes from."""

    async def window(self, now: datetime) -> Window | None:
        """The window as planned now; None while there is none yet. Raises `NoRun` where there will be none."""
        ...


class NoRun(GridwiseError):  # noqa: N818  says what happened
    """The command is not started: the workload failed, was cancelled or deleted."""


async def hold(
    planner: Planner,
    clock: Clock,
    *,
    latest_start: datetime | None = None,
    progress: Callable[[Window | None, datetime], None] = lambda window, now: None,
) -> Window:
    """Returns when the window has begun, or at `latest_start` where that is earlier.

    Raises:
        NoRun: there will be no window.
    """
    while True:
        now = clock.now()
        window = await planner.window(now)
        due = [time for time in (window.start if window else None, latest_start) if time is not None]
        if due and min(due) <= now:
            return window or Window("", ((now, now),))
        progress(window, now)
        left = (min(due) - now).total_seconds() if due else LONGEST_SLEEP_SECONDS
        await clock.sleep(min(left, LONGEST_SLEEP_SECONDS))


async def run(command: Sequence[str], window: Window, clock: Clock, *, pausable: bool = False) -> Ran:
    """Run the command in a process group of its own; signals that reach us are passed on to it."""
    started = clock.now()
    try:
        process = await asyncio.create_subprocess_exec(*command, start_new_session=True)
    except FileNotFoundError:
        return Ran(started, clock.now(), NOT_FOUND, 0)
    except OSError:
        return Ran(started, clock.now(), NOT_EXECUTABLE, 0)
    with passing_on(process.pid):
        pausing = asyncio.create_task(_pause(process.pid, window, clock)) if pausable else None
        code = await process.wait()
    pauses = await _ended(pausing)
    return Ran(started, clock.now(), code if code >= 0 else 128 - code, pauses)


@contextmanager
def passing_on(group: int) -> Iterator[None]:
    """Signals to this process go to the group; one that is stopped is continued, or it would never see them."""
    loop = asyncio.get_running_loop()

    def send(number: int) -> None:
        signal_group(group, number)
        signal_group(group, signal.SIGCONT)

    for number in PASSED_ON:
        loop.add_signal_handler(number, send, number)
    try:
        yield
    finally:
        for number in PASSED_ON:
            loop.remove_signal_handler(number)


def signal_group(group: int, number: int) -> None:
    """To every process of the group; nothing where it has ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


async def _pause(group: int, window: Window, clock: Clock) -> int:
    """Stops the group between the window's stretches, until cancelled or past the last; how often it did."""
    pauses = 0
    try:
        for (_, end), (start, _) in zip(window.segments, window.segments[1:], strict=False):
            await _until(end, clock)
            signal_group(group, signal.SIGSTOP)
            pauses += 1
            await _until(start, clock)
            signal_group(group, signal.SIGCONT)
    except asyncio.CancelledError:
        signal_group(group, signal.SIGCONT)
    return pauses


async def _ended(pausing: "asyncio.Task[int] | None") -> int:
    if pausing is None:
        return 0
    pausing.cancel()
    try:
        return await pausing
    except asyncio.CancelledError:  # before its first step
        return 0


async def _until(time: datetime, clock: Clock) -> None:
    while (left := time - clock.now()) > timedelta(0):
        await clock.sleep(min(left.total_seconds(), LONGEST_SLEEP_SECONDS))
