"""The public Python interface. Everything else may change from one version to the next.

    from graph.api import plan, submit, carbon_aware

Placing needs no database; `submit` writes to the configured queue. Settings are the environment's and `.env`'s, as for
the command line. Every fault is a `tools.errors.GridwiseError` (`Infeasible` has `relaxations`), a
`persistence.errors.InvalidWorkload` or a `StoreError`.
"""

import asyncio
import functools
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, ParamSpec, TypedDict, TypeVar, Unpack, cast, overload
from uuid import UUID

from pydantic import JsonValue, ValidationError

from graph.app.oneshot import answer_once
from graph.app.request import OptionError, Request
from graph.app.settings import load_settings
from graph.exports.run import Run
from graph.views.answer import alternatives, answered_row, request_reading
from persistence.workload import Urgency
from tools.regions import find_regions

__all__ = ["Options", "Plan", "carbon_aware", "plan", "plan_async", "submit", "submit_async"]

P = ParamSpec("P")
R = TypeVar("R")
LONGEST_SLEEP_SECONDS: Final = 15.0


class Options(TypedDict, total=False):
    """What may be said of a workload; the command line's options of the same names. Times: ISO 8601, English, or
    `datetime`; UK time where they have no offset."""

    hours: float
    gpus: int
    gpu_mins: int
    cpu_cores: int
    memory_gb: int
    energy_kwh: float
    deadline: str | datetime
    earliest_start: str | datetime
    deferral_mins: int
    carbon_cap_g: int
    max_intensity: float
    min_renewable: float
    max_price: float
    host_dc: str
    workload_type: str
    urgency: Urgency | str
    request: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where and when to run. Times are aware UTC."""

    region: str
    start: datetime
    end: datetime
    segments: tuple[tuple[datetime, datetime], ...]
    """The intervals in which it runs: one, unless it pauses."""
    carbon_intensity_gco2_kwh: float | None
    renewable_pct: float | None
    cost_gbp: float | None
    confidence: float
    """That it beats running now, 0-1."""
    summary: str
    alternatives: Sequence[Mapping[str, JsonValue]]
    request_reading: Mapping[str, JsonValue]
    """What was read from `request`, and what was not understood."""
    row: Mapping[str, JsonValue]
    """All columns, as `gridwise plan --json` prints them."""


def plan(
    name: str = "workload", *, region: str | None = None, now: datetime | None = None, **options: Unpack[Options]
) -> Plan:
    """Where and when a workload should run, at once.

    >>> found = plan("nightly", hours=2, region="London", deadline="in 24 hours")
    >>> found.region, found.end - found.start
    ('London', datetime.timedelta(seconds=7200))

    Args:
        region: only there: regions, cities or postcodes, joined by commas.
        now: plan as at this time.

    Raises:
        Infeasible: nothing keeps every limit.
        OptionError, InvalidWorkload: an option cannot be right.
    """
    return _run(plan_async(name, region=region, now=now, **options))


async def plan_async(
    name: str = "workload", *, region: str | None = None, now: datetime | None = None, **options: Unpack[Options]
) -> Plan:
    """`plan`, for a running event loop."""
    at = now or datetime.now(UTC)
    row = {"submitted_at": at.isoformat(), **_request(options).row(name, at)}
    answered = await answer_once(load_settings(), row, at, regions=_regions(region))
    return _plan(answered_row(answered.row, answered.recommendation))


def submit(name: str, **options: Unpack[Options]) -> UUID:
    """Put a workload into the configured queue; its id. A poller (`gridwise run`) places it."""
    return _run(submit_async(name, **options))


async def submit_async(name: str, **options: Unpack[Options]) -> UUID:
    """`submit`, for a running event loop."""
    from graph.app.database import open_store
    from persistence.workload import parse_workload

    now = datetime.now(UTC)
    row = _request(options).row(name, now)
    parse_workload({"submitted_at": now.isoformat(), **row})
    async with open_store(load_settings()) as store:
        return (await store.operations.submit([row]))[0]


@dataclass(frozen=True)
class _Waits:
    """How a decorated function waits; a test gives it another clock."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    sleep_async: Callable[[float], Awaitable[None]] = asyncio.sleep


def carbon_aware(
    *,
    region: str | None = None,
    max_wait: timedelta | None = None,
    waits: _Waits = _Waits(),
    **options: Unpack[Options],
) -> "_Decorator":
    """Make a function wait for its window, each time it is called. Sync functions block, async ones await.

    >>> @carbon_aware(hours=1, region="London", max_wait=timedelta(0))
    ... def train() -> str:
    ...     return "trained"
    >>> train()
    'trained'

    Args:
        max_wait: start after this long at the latest.
    """
    if max_wait is not None:
        minutes = int(max_wait / timedelta(minutes=1))
        options["deferral_mins"] = min(minutes, options.get("deferral_mins", minutes))
    return _Decorator(region, max_wait, waits, options)


@dataclass(frozen=True)
class _Decorator:
    region: str | None
    max_wait: timedelta | None
    waits: _Waits
    options: Options

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Callable[P, R]: ...
    def __call__(self, function: Callable[P, Any]) -> Callable[P, Any]:
        name = getattr(function, "__qualname__", "function")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def waiting_async(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401  the function's own
                now = self.waits.now()
                start = self._start(await plan_async(name, region=self.region, now=now, **self.options), now)
                while (left := (start - self.waits.now()).total_seconds()) > 0:
                    await self.waits.sleep_async(min(left, LONGEST_SLEEP_SECONDS))
                return await function(*args, **kwargs)

            return waiting_async

        @functools.wraps(function)
        def waiting(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401  the function's own
            now = self.waits.now()
            start = self._start(plan(name, region=self.region, now=now, **self.options), now)
            while (left := (start - self.waits.now()).total_seconds()) > 0:
                self.waits.sleep(min(left, LONGEST_SLEEP_SECONDS))
            return function(*args, **kwargs)

        return waiting

    def _start(self, found: Plan, now: datetime) -> datetime:
        return found.start if self.max_wait is None else min(found.start, now + self.max_wait)


def _request(options: Mapping[str, Any]) -> Request:
    values = dict(options)
    if isinstance(values.get("urgency"), str):
        values["urgency"] = values["urgency"].upper()
    try:
        return Request.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise OptionError(".".join(str(part) for part in first["loc"]), first["msg"]) from None


def _regions(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    found = {region for part in text.split(",") for region in find_regions(part)}
    if not found:
        option, reason = (
            "region",
            f'"{text}" is not a place in Great Britain that is known here; try a city or postcode',
        )
        raise OptionError(option, reason)
    return tuple(sorted(found))


def _plan(row: Mapping[str, JsonValue]) -> Plan:
    run = Run.of(row)
    return Plan(
        region=run.region,
        start=run.start,
        end=run.end,
        segments=run.segments,
        carbon_intensity_gco2_kwh=run.intensity,
        renewable_pct=cast("float | None", row.get("recommended_renewable_mix")),
        cost_gbp=run.cost_gbp,
        confidence=cast("float", row["recommendation_confidence"]),
        summary=run.summary,
        alternatives=[one for one in alternatives(row) if isinstance(one, dict)],
        request_reading=cast("Mapping[str, JsonValue]", request_reading(row)),
        row=row,
    )


def _run(coroutine: Coroutine[Any, Any, R]) -> R:
    """To its end, in a thread of its own where an event loop runs here already (a notebook's)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    outcome: list[R | BaseException] = []

    def target() -> None:
        try:
            outcome.append(asyncio.run(coroutine))
        except BaseException as error:  # raised again where it was asked for
            outcome.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
