"""The public Python interface, its examples, and the decorator on a clock of the test's own."""

import asyncio
import doctest
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graph import api
from graph.api import Plan, carbon_aware, plan, plan_async
from graph.app.request import OptionError
from tools.errors import Infeasible

NOW = datetime(2026, 3, 4, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("GRIDWISE_", "GEMINI_", "SUPABASE_", "DATABASE_URL")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GRIDWISE_SOURCES", "recorded")
    monkeypatch.chdir(tmp_path)


def test_the_documented_examples_give_what_they_say() -> None:
    assert doctest.testmod(api).attempted >= 4
    assert doctest.testmod(api).failed == 0


def test_a_plan_has_the_figures_typed() -> None:
    found = plan("nightly", hours=2, region="M1", deadline="tomorrow 09:00", now=NOW)
    assert isinstance(found, Plan)
    assert found.region == "North West England"
    assert found.start >= NOW
    assert found.end <= datetime(2026, 3, 5, 9, tzinfo=UTC)
    assert found.row["workload_name"] == "nightly"
    assert found.carbon_intensity_gco2_kwh is not None


async def test_a_plan_from_a_running_loop_in_both_ways() -> None:
    sync = plan(hours=1, region="London", now=NOW)
    awaited = await plan_async(hours=1, region="London", now=NOW)
    assert (sync.start, sync.region) == (awaited.start, awaited.region)


test_a_plan_from_a_running_loop_in_both_ways = pytest.mark.anyio(test_a_plan_from_a_running_loop_in_both_ways)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"hours": -1}, "hours"),
        ({"hors": 1}, "hors"),
        ({"region": "Atlantis"}, "region"),
        ({"deadline": "someday"}, "deadline"),
        ({"gpus": 2}, "gpus"),
        ({"urgency": "soonish"}, "urgency"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        plan(**options)


def test_what_fits_nowhere_has_relaxations() -> None:
    with pytest.raises(Infeasible) as refused:
        plan(hours=5, deadline=NOW + timedelta(hours=2), now=NOW)
    assert refused.value.relaxations


class Clock:
    def __init__(self) -> None:
        self.time = NOW
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    @property
    def waits(self) -> api._Waits:
        return api._Waits(self.now, self.sleep, self.sleep_async)


def test_a_decorated_function_waits_for_its_window_and_then_runs() -> None:
    clock = Clock()
    expected = plan(hours=1, region="London", deadline="in 20 hours", now=NOW)

    @carbon_aware(hours=1, region="London", deadline="in 20 hours", waits=clock.waits)
    def train(factor: int, *, more: int = 0) -> int:
        """Trains."""
        return factor + more

    assert train(2, more=3) == 5
    assert clock.time == expected.start > NOW
    assert max(clock.slept) <= api.LONGEST_SLEEP_SECONDS
    assert train.__doc__ == "Trains."


def test_a_decorated_coroutine_waits_and_the_longest_wait_ends_it() -> None:
    clock = Clock()

    @carbon_aware(hours=1, region="London", max_wait=timedelta(minutes=45), waits=clock.waits)
    async def train() -> str:
        return "done"

    assert asyncio.run(train()) == "done"
    assert NOW <= clock.time <= NOW + timedelta(minutes=45)
