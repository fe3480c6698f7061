"""The figures of "Let's Wait Awhile" (Wiesner et al., Middleware 2021) for a country's trace, reproduced to the letter.

Definitions kept although ours are stricter: the window of a postponed job is one slot longer than its slack, its
baseline may slip by that slot too (on true figures), a day whose window begins before the data is left out while the
sum is still divided by 365, and the noise is scaled by the mean of the series from 1 January 2020 to its end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from tools.backtest.jobs import NIGHTLY_DAYS, SLOT_MINUTES, ReplayJob, ml_project, nightly
from tools.backtest.replay import Policy, Setting, noisy, replay
from tools.backtest.trace import Trace, TraceError
from tools.slots import SLOT

YEAR = 2020
ERROR = 0.05
SEEDS = tuple(range(10))
TOLERANCE = 0.001
GB_FIRST = (datetime(2019, 12, 20, tzinfo=UTC), 120.99546661944396)
"""Where Great Britain's trace begins, and with what."""
ML: tuple[tuple[str, bool, float], ...] = (
    ("next_workday", False, 6.556),
    ("next_workday", True, 9.032),
    ("semi_weekly", False, 14.726),
    ("semi_weekly", True, 19.656),
)
"""Slack, interruptible, saving in % for Great Britain at 5 % error."""
NIGHTLY: tuple[tuple[int, float], ...] = ((0, 184.096), (4, 175.312), (8, 172.490), (16, 169.469))
"""Half-hours in either direction, mean intensity in g/kWh."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure beside ours."""

    name: str
    unit: str
    published: float | None
    """None for a country whose printed figures are not kept here."""
    ours: float

    @property
    def agrees(self) -> bool | None:
        return None if self.published is None else abs(self.ours - self.published) <= TOLERANCE

    def record(self) -> dict[str, str | float | bool | None]:
        return {
            "figure": self.name,
            "unit": self.unit,
            "published": self.published,
            "ours": round(self.ours, 6),
            "agrees": self.agrees,
        }


def is_great_britain(trace: Trace) -> bool:
    """Whether this is the series that the printed figures are of: by its beginning, whatever the file is called."""
    start, first = GB_FIRST
    return trace.start == start and abs(float(trace.actual[0]) - first) < TOLERANCE


def paper_figures(trace: Trace, progress: Callable[[int], None] = lambda _done: None) -> Iterator[Figure]:
    """All eight figures from a country's trace of `lets-wait-awhile`; about 20,000 jobs are replayed.

    Raises `TraceError` where the trace does not hold the paper's year.
    """
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in (YEAR, YEAR + 1))
    if trace.start > first or trace.start + trace.slots * SLOT < last:
        msg = f"the paper's year is {YEAR}; {trace.name} is of {trace.start:%Y-%m-%d} to "
        raise TraceError(msg + f"{trace.start + trace.slots * SLOT:%Y-%m-%d}")
    printed = is_great_britain(trace)
    year = trace.since(first)
    forecasts = noisy(year.actual, ERROR, SEEDS)
    done = 0

    def step(_: int) -> None:
        nonlocal done
        done += 1
        progress(done)

    greenest = Setting(policies=(Policy.GREENEST,), min_saving=0.0)
    for slots, published in NIGHTLY:
        found = replay(year, nightly(year.start, slots), forecasts, greenest, step)
        carbon = found.scores[Policy.GREENEST].carbon_g / found.energy_kwh[:, None]
        ours = float(carbon.sum(axis=0).mean()) / NIGHTLY_DAYS
        name = f"nightly, ±{slots * SLOT_MINUTES / 60:g} h"
        yield Figure(name, "g/kWh", published if printed else None, ours)
    for slack, pausable, published in ML:
        jobs = [_one_slot_longer(job) for job in ml_project(YEAR, slack)]
        slips = [replace(job, latest_finish=job.nominal + job.minutes + SLOT_MINUTES) for job in jobs]
        baseline = replay(year, slips, year.actual[None, :], greenest, step)
        chosen = replay(year, jobs, forecasts, replace(greenest, pausable=pausable), step)
        both = sorted({*baseline.taken} & {*chosen.taken})
        base_g, carbon_g = (
            found.scores[Policy.GREENEST].carbon_g[np.isin(found.taken, both)].sum(axis=0)
            for found in (baseline, chosen)
        )
        kind = "interruptible" if pausable else "contiguous"
        saving = 100 * (1 - float(np.mean(carbon_g)) / float(base_g.sum()))
        yield Figure(f"{slack.replace('_', ' ')}, {kind}", "% saved", published if printed else None, saving)


def paper_steps() -> int:
    """How many jobs `paper_figures` replays, for a progress bar."""
    return sum(len(nightly(datetime(YEAR, 1, 1, tzinfo=UTC), slots)) for slots, _ in NIGHTLY) + 2 * 3387 * len(ML)


def _one_slot_longer(job: ReplayJob) -> ReplayJob:
    return replace(job, latest_finish=job.latest_finish + SLOT_MINUTES)
