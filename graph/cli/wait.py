"""`gridwise wait … -- COMMAND`: hold a command until its window, then run it."""

import asyncio
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from pydantic import JsonValue
from typer.core import TyperCommand

from graph.app.hold import Clock, Planner, Ran, Window, hold, run
from graph.app.settings import Settings, load_settings
from graph.cli.options import AsJson, Within
from graph.cli.output import Output
from graph.cli.planning import answer_or_exit, width, within
from graph.cli.workload import WorkloadOptions, takes_workload
from graph.views.answer import answered_row, plan_lines
from persistence.errors import StoreError
from persistence.workload import Row
from tools.slots import LONDON

INTERRUPTED: Final = 130
_COMMAND: Final = "gridwise.command"
_DURATION: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[smhd]?)")
_UNITS: Final = {"": 3600, "s": 1, "m": 60, "h": 3600, "d": 86400}


class AfterDashes(TyperCommand):
    """Keeps what follows `--` apart: that is a command with options of its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  typer's own context class is private
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_COMMAND] = args[at + 1 :]
        return super().parse_args(ctx, args[:at])


class WallClock:
    """The machine's."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Wait:
    """How a command is to be held and run."""

    command: Sequence[str]
    pausable: bool
    max_wait: timedelta | None
    output: Output
    clock: Clock


@takes_workload
def wait(
    ctx: typer.Context,
    workload: WorkloadOptions,
    queued: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Follow this workload of the queue, by id or name, instead of a plan."),
    ] = None,
    region: Within = None,
    pausable: Annotated[
        bool, typer.Option("--pausable", help="Stop and continue the command where the plan pauses.")
    ] = False,
    max_wait: Annotated[
        str | None, typer.Option(help="Start after this long at the latest, such as 90m or 6h.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold a command until its window and run it; the exit code is the command's own."""
    command: list[str] = ctx.meta.get(_COMMAND, [])
    if not command:
        message = "give the command after --, such as: gridwise wait --hours 2 -- make train"
        raise typer.BadParameter(message)
    waiting = Wait(command, pausable, duration(max_wait, "--max-wait"), Output(as_json=as_json), WallClock())
    settings = load_settings()
    if queued is not None:
        code = asyncio.run(_follow(settings, queued, waiting, dry_run=dry_run))
    else:
        code = _plan_and_wait(settings, workload, region, waiting, dry_run=dry_run)
    raise typer.Exit(code)


def _plan_and_wait(
    settings: Settings, workload: WorkloadOptions, region: str | None, waiting: Wait, *, dry_run: bool
) -> int:
    from graph.app.oneshot import Answered, answer_once
    from graph.app.planners import OwnPlan

    regions, now = within(region), waiting.clock.now()
    row: Row = {"submitted_at": now.isoformat(), **_row(workload, waiting, now)}
    if regions is None:
        waiting.output.say("Without --region every region counts; this machine is in one of them.")
    first = answer_or_exit(settings, row, now, regions, waiting.output)
    found = answered_row(row, first.recommendation)
    if dry_run:
        record: dict[str, JsonValue] = {**found, "command": list(waiting.command)}
        waiting.output.records([record], lines=[*plan_lines(found, now, width()), *_would_run(waiting)])
        return 0

    async def answer(at: datetime) -> Answered:
        return await answer_once(settings, row, at, regions=regions)

    async def act() -> int:
        ran, _ = await held(OwnPlan(answer, first, now), waiting)
        return INTERRUPTED if ran is None else ran.exit_code

    return asyncio.run(act())


def _row(workload: WorkloadOptions, waiting: Wait, now: datetime) -> dict[str, JsonValue]:
    row = workload.row(" ".join(waiting.command)[:200], now)
    if waiting.max_wait is not None:
        minutes = int(waiting.max_wait / timedelta(minutes=1))
        stated = row.get("deferral_window_mins")
        row["deferral_window_mins"] = min(minutes, stated) if isinstance(stated, int) else minutes
        row["is_deferrable"] = True
    if waiting.pausable and "metadata" not in row:
        row["metadata"] = {"user_request": "It can be paused."}
    return row


async def _follow(settings: Settings, reference: str, waiting: Wait, *, dry_run: bool) -> int:
    from graph.app.database import open_store
    from graph.app.planners import RowPlan
    from graph.app.reference import resolve

    async with open_store(settings) as store:
        workload_id = await resolve(store, reference)

        async def read() -> Row | None:
            return await store.operations.read(workload_id)

        planner = RowPlan(read, workload_id)
        if dry_run:
            now = waiting.clock.now()
            lines = [f"{workload_id}: {_in_words(await planner.window(now), now)}", *_would_run(waiting)]
            waiting.output.records([{"id": str(workload_id), "command": list(waiting.command)}], lines=lines)
            return 0
        ran, record = await held(planner, waiting)
        if ran is None:
            return INTERRUPTED
        try:
            await store.operations.record_run(workload_id, record)
        except StoreError as error:
            waiting.output.say(f"What ran could not be written to the workload's row: {error}")
        return ran.exit_code


async def held(planner: Planner, waiting: Wait) -> tuple[Ran | None, dict[str, JsonValue]]:
    """What ran, and as a record for the row; None where a signal ended the wait."""
    from graph.app.meter import Reading

    progress = _Progress(waiting)
    latest = None if waiting.max_wait is None else waiting.clock.now() + waiting.max_wait
    try:
        window = await _interruptible(hold(planner, waiting.clock, latest_start=latest, progress=progress.show))
    finally:
        progress.end()
    if window is None:
        waiting.output.say("Interrupted while waiting; nothing was started.")
        return None, {}
    before = Reading.take()
    ran = await run(waiting.command, window, waiting.clock, pausable=waiting.pausable)
    if ran.exit_code in (126, 127) and ran.end - ran.start < timedelta(seconds=1):
        waiting.output.say(f"{waiting.command[0]}: cannot be started (exit code {ran.exit_code}).")
    after = Reading.take()
    return ran, {
        "start": ran.start.isoformat(),
        "end": ran.end.isoformat(),
        "exit_code": ran.exit_code,
        "pauses": ran.pauses,
        "energy_kwh": before.kwh_until(after),
        "energy_source": f"{before.sources}, whole machine" if before.sources else None,
    }


async def _interruptible(holding: Any) -> Window | None:  # noqa: ANN401  a coroutine
    """None where SIGINT, SIGTERM or SIGHUP came first."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(holding)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, task.cancel)
    try:
        window: Window = await task
    except asyncio.CancelledError:
        return None
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
    return window


class _Progress:
    """One line that is written over on a terminal; elsewhere a line when the plan changes."""

    def __init__(self, waiting: Wait) -> None:
        self._is_terminal = sys.stderr.isatty() and not waiting.output.as_json
        self._say: Callable[[str], None] = waiting.output.say
        self._shown: Window | bool | None = False

    def show(self, window: Window | None, now: datetime) -> None:
        text = f"Waiting: {_in_words(window, now)}"
        if self._is_terminal:
            sys.stderr.write(f"\r\x1b[K{text[: width() - 1]}")
            sys.stderr.flush()
        elif window != self._shown:
            self._say(text)
        self._shown = window

    def end(self) -> None:
        if self._is_terminal and self._shown is not False:
            with suppress(OSError):
                sys.stderr.write("\n")


def _in_words(window: Window | None, now: datetime) -> str:
    if window is None:
        return "no recommendation yet"
    minutes = max(0, round((window.start - now).total_seconds() / 60))
    start = window.start.astimezone(LONDON)
    return (
        f"starts {start:%a %d %b %H:%M} (UK time), in {minutes // 60} h {minutes % 60} min, by {window.region}'s grid"
    )


def _would_run(waiting: Wait) -> list[str]:
    import shlex

    return ["", f"Would run then: {shlex.join(waiting.command)}"]


def duration(text: str | None, option: str) -> timedelta | None:
    """ "90m", "6h", "1.5" (hours). Raises `typer.BadParameter`."""
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        message = f"{option}: {text!r} is not a duration; write 90m, 6h or 2d"
        raise typer.BadParameter(message)
    return timedelta(seconds=float(match["number"]) * _UNITS[match["unit"]])


wait.command_class = AfterDashes  # type: ignore[attr-defined]  # read when the command is loaded
