"""Holding and running a command: time is injected, commands and signals are real."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graph.app.hold import LONGEST_SLEEP_SECONDS, NoRun, Ran, Window, hold, run
from graph.app.oneshot import answer_once
from graph.app.planners import OwnPlan, RowPlan, pinned
from graph.app.settings import Settings
from persistence.errors import StoreError, Unreachable
from tools.solver.candidates import option_by_id

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 4, 10, 12, tzinfo=UTC)


class FakeClock:
    """Sleeping takes no time, and takes as long as it is told to; `jumps` are added to single sleeps."""

    def __init__(self, now: datetime = NOW, jumps: dict[int, timedelta] | None = None) -> None:
        self.time = now
        self.slept: list[float] = []
        self._jumps = jumps or {}

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds) + self._jumps.get(len(self.slept), timedelta())
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Gate(FakeClock):
    """Each sleep lasts until the test lets it end."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self._asleep, self._go = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self._asleep.set()
        await self._go.wait()
        self._go.clear()
        self.time += timedelta(seconds=seconds)
        self.slept.append(seconds)

    async def let_pass(self) -> None:
        await asyncio.wait_for(self._asleep.wait(), 30)
        self._asleep.clear()
        before = len(self.slept)
        self._go.set()
        await _until(lambda: len(self.slept) > before)


class Fixed:
    """Windows in turn; the last one stays."""

    def __init__(self, *windows: Window | None) -> None:
        self._windows = list(windows)

    async def window(self, now: datetime) -> Window | None:
        return self._windows.pop(0) if len(self._windows) > 1 else self._windows[0]


def window(*hours: tuple[float, float]) -> Window:
    return Window("London", tuple((NOW + timedelta(hours=a), NOW + timedelta(hours=b)) for a, b in hours))


async def test_it_starts_at_the_window_and_never_sleeps_long() -> None:
    clock = FakeClock()
    await hold(Fixed(window((3, 4))), clock)
    assert clock.time == NOW + timedelta(hours=3)
    assert max(clock.slept) <= LONGEST_SLEEP_SECONDS


async def test_a_machine_that_slept_through_the_start_starts_at_once() -> None:
    clock = FakeClock(jumps={2: timedelta(hours=9)})
    await hold(Fixed(window((3, 4))), clock)
    assert len(clock.slept) == 3


async def test_a_clock_set_back_prolongs_the_wait() -> None:
    clock = FakeClock(jumps={1: -timedelta(hours=2)})
    await hold(Fixed(window((1, 2))), clock)
    assert clock.time == NOW + timedelta(hours=1)
    assert sum(clock.slept) == pytest.approx(3 * 3600)


async def test_it_follows_a_plan_that_moves_and_waits_for_one_that_is_not_there_yet() -> None:
    clock = FakeClock()
    started = await hold(Fixed(None, window((5, 6)), window((2, 3))), clock)
    assert started.start == clock.time == NOW + timedelta(hours=2)


async def test_the_longest_wait_ends_it_with_and_without_a_plan() -> None:
    for planner in (Fixed(None), Fixed(window((9, 30)))):
        clock = FakeClock()
        await hold(planner, clock, latest_start=NOW + timedelta(hours=1))
        assert clock.time == NOW + timedelta(hours=1)


SETTINGS = Settings(_env_file=None, GRIDWISE_SOURCES="recorded", GRIDWISE_MODEL="offline")  # type: ignore[call-arg]
ROW = {
    "id": "3f2a0000-0000-4000-8000-000000000001",
    "workload_name": "nightly",
    "submitted_at": NOW.isoformat(),
    "estimated_duration_hours": 2,
    "deadline": (NOW + timedelta(hours=30)).isoformat(),
}


async def test_an_own_plan_is_asked_once_a_half_hour_and_moves_only_when_it_pays() -> None:
    first = await answer_once(SETTINGS, ROW, NOW, regions=[13])
    asked: list[datetime] = []

    async def answer(now: datetime):  # type: ignore[no-untyped-def]
        asked.append(now)
        return await answer_once(SETTINGS, ROW, now, regions=[13])

    plan = OwnPlan(answer, first, NOW)
    for minutes in (1, 5, 20, 25, 50):
        assert (await plan.window(NOW + timedelta(minutes=minutes))).start == first.recommendation.options[0].start
    assert [(time - NOW) // timedelta(minutes=1) for time in asked] == [20, 50]
    assert plan.moves == 0  # the recorded day says the same again


async def test_an_own_plan_moves_to_a_window_that_has_become_better() -> None:
    late = {**ROW, "earliest_start": (NOW + timedelta(hours=20)).isoformat()}
    first = await answer_once(SETTINGS, late, NOW, regions=[13])

    async def answer(now: datetime):  # type: ignore[no-untyped-def]
        return await answer_once(SETTINGS, ROW, now, regions=[1])  # as if the grid had become much cleaner

    plan = OwnPlan(answer, first, NOW)
    moved = await plan.window(NOW + timedelta(minutes=30))
    assert plan.moves == 1
    assert moved.region == "North Scotland"


async def test_a_standing_plan_costs_what_it_cost_by_the_same_figures() -> None:
    found = await answer_once(SETTINGS, ROW, NOW, regions=[13])
    winner = option_by_id(found.problem, found.market, found.chosen[0])
    standing = pinned(found.problem, found, winner)
    assert standing is not None
    assert standing.segments == winner.segments
    assert standing.objective_gbp == pytest.approx(winner.objective_gbp)


async def test_a_row_s_window_survives_an_outage_and_ends_with_the_row() -> None:
    row: dict[str, object] = {"id": ROW["id"], "status": "processing"}

    async def read():  # type: ignore[no-untyped-def]
        if isinstance(row.get("fault"), StoreError):
            raise row["fault"]  # type: ignore[misc]
        return row or None

    plan = RowPlan(read, ROW["id"])
    assert await plan.window(NOW) is None
    row |= {
        "status": "queued",
        "recommended_region": "London",
        "recommended_time_window_start": "2026-03-04T12:00:00+00:00",
        "recommended_time_window_end": "2026-03-04T13:00:00+00:00",
    }
    known = await plan.window(NOW)
    assert known is not None
    assert known.start == datetime(2026, 3, 4, 12, tzinfo=UTC)
    row["fault"] = Unreachable("away")
    assert await plan.window(NOW) == known
    row |= {"fault": None, "status": "cancelled"}
    with pytest.raises(NoRun, match="cancelled"):
        await plan.window(NOW)
    row.clear()
    with pytest.raises(NoRun, match="deleted"):
        await plan.window(NOW)


@pytest.mark.parametrize("code", [0, 3, 255])
async def test_the_exit_code_is_the_command_s(code: int) -> None:
    ran = await run(["sh", "-c", f"exit {code}"], window((0, 1)), FakeClock())
    assert ran.exit_code == code


async def test_a_command_that_is_not_there_or_not_a_program_has_the_shell_s_codes(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    assert (await run(["no-such-command-at-all"], window((0, 1)), FakeClock())).exit_code == 127
    assert (await run([str(tmp_path / "text")], window((0, 1)), FakeClock())).exit_code == 126


# no shell: one that is stopped while it forks waits in another state
UNTIL_END = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()}\\n")
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.01)
"""
TICKING = "import os, time; up = os.getppid(); print('up', flush=True)\nwhile os.getppid() == up: time.sleep(0.01)\n"
"""Ends with its shell: a shell's background process ignores SIGINT."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
async def test_signals_reach_the_whole_group_and_the_code_says_so(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    shell = f'{sys.executable} -c "{TICKING}" > {out} & wait'
    running = asyncio.create_task(run(["sh", "-c", shell], window((0, 1)), FakeClock()))
    await _until(lambda: out.exists() and out.read_text() == "up\n")
    os.kill(os.getpid(), number)
    ran = await asyncio.wait_for(running, 30)
    assert ran.exit_code == 128 + number


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


async def _paused(folder: Path, clock: Gate, resumes_after_hours: float) -> tuple[asyncio.Task[Ran], int]:
    """A command that runs for some seconds, was stopped at the end of the first stretch, and its process."""
    mark = folder / "pid"
    command = [sys.executable, "-c", UNTIL_END, str(mark), str(folder / "end")]
    planned = window((0, 0.004), (resumes_after_hours, 2))
    running = asyncio.create_task(run(command, planned, clock, pausable=True))
    await _until(lambda: mark.exists() and mark.read_text().strip().isdigit())
    pid = int(mark.read_text())
    await clock.let_pass()
    await _until(lambda: _state(pid) == "T")
    return running, pid


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads process states from /proc")
async def test_a_pausable_command_stops_and_goes_on_with_its_plan(tmp_path: Path) -> None:
    clock = Gate(NOW)
    running, pid = await _paused(tmp_path, clock, 0.01)
    await clock.let_pass()  # the longest sleep: not yet the next stretch
    assert _state(pid) == "T"
    await clock.let_pass()
    await _until(lambda: _state(pid) != "T")
    (tmp_path / "end").touch()
    ran = await asyncio.wait_for(running, 30)
    assert (ran.exit_code, ran.pauses) == (0, 1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads process states from /proc")
async def test_a_stopped_command_hears_a_signal(tmp_path: Path) -> None:
    running, _ = await _paused(tmp_path, Gate(NOW), 1)
    os.kill(os.getpid(), signal.SIGTERM)
    assert (await asyncio.wait_for(running, 30)).exit_code == 7


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)
