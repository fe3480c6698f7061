"""The jobs that are replayed: the published scenarios, arrivals drawn at random, and lists from a file."""

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tools.errors import GridwiseError

SLOT_MINUTES = 30
NIGHTLY_DAYS = 365
NIGHTLY_HOUR = 1
ML_JOBS = 3387
ML_POWER_KW = 2.0366
WORKDAY = (9 * 60, 17 * 60)
ML_DURATION_MINUTES = (240, 5400)
CPU_POWER_KW = 0.012
"""Per CPU of a job list without power: Green Algorithms' TDP per core."""


class JobListError(GridwiseError):
    """A file that is not a job list; says what was looked for."""


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """One job of a replay. Minutes count from the trace's start."""

    earliest: int
    nominal: int
    """Where it would run without us."""
    latest_finish: int
    minutes: int
    power_kw: float

    @property
    def energy_kwh(self) -> float:
        return self.power_kw * self.minutes / 60


def nightly(start: datetime, window_slots: int) -> list[ReplayJob]:
    """365 half-hour jobs at 01:00 that may be moved by `window_slots` half-hours in either direction.

    A job whose window begins before the trace is left out.
    """
    jobs: list[ReplayJob] = []
    midnight = start.replace(hour=0, minute=0)
    for day in range(NIGHTLY_DAYS):
        nominal = int((midnight + timedelta(days=day, hours=NIGHTLY_HOUR) - start) / timedelta(minutes=1))
        shift = window_slots * SLOT_MINUTES
        if nominal >= shift:
            jobs.append(ReplayJob(nominal - shift, nominal, nominal + SLOT_MINUTES + shift, SLOT_MINUTES, 2.0))
    return jobs


def ml_project(year: int, slack: str, *, jobs: int = ML_JOBS, seed: int = 0) -> list[ReplayJob]:
    """Training runs of a machine-learning project over a year, as in "Let's Wait Awhile" (Middleware 2021).

    Arrivals on weekdays in working hours, durations of 4 to 90 hours, minutes from 1 January. `slack` is
    `next_workday` or `semi_weekly`: when somebody next looks at a result.
    """
    rng = np.random.default_rng(seed)
    first = datetime(year, 1, 1, tzinfo=UTC)
    days = [first + timedelta(days=i) for i in range(366) if (first + timedelta(days=i)).year == year]
    workdays = [day for day in days if day.weekday() < 5]
    counts = rng.multinomial(jobs, [1 / len(workdays)] * len(workdays))
    arrivals = [
        day + timedelta(minutes=int(minute))
        for day, count in zip(workdays, counts, strict=True)
        for minute in np.sort(rng.choice(range(*WORKDAY, SLOT_MINUTES), int(count)))
    ]
    durations = rng.choice(range(*ML_DURATION_MINUTES, SLOT_MINUTES), jobs)
    return [_ml_job(first, arrival, int(minutes), slack) for arrival, minutes in zip(arrivals, durations, strict=True)]


def arrivals(
    start: datetime, slots: int, *, jobs: int = 1000, slack_hours: float = 24.0, seed: int = 0
) -> list[ReplayJob]:
    """Jobs that arrive at any minute of the trace, half an hour to a day long, free to wait for `slack_hours`."""
    rng = np.random.default_rng(seed)
    minutes = np.clip(np.exp(rng.normal(math.log(150), 0.9, jobs)), 30, 1440).astype(int)
    begin = np.sort(rng.integers(0, max(1, slots * SLOT_MINUTES - 1440 - int(slack_hours * 60)), jobs))
    power = rng.choice([0.4, 1.5, 6.0], jobs)
    return [
        ReplayJob(int(b), int(b), int(b + m + slack_hours * 60), int(m), float(p))
        for b, m, p in zip(begin, minutes, power, strict=True)
    ]


def read_jobs(path: Path, *, slack_hours: float) -> list[ReplayJob]:
    """A CSV with `arrival_time` and `length` in seconds and `cpus` or `power_kw`, as cluster traces have it."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"cannot read the job list {path}: {error}"
        raise JobListError(msg) from error
    jobs: list[ReplayJob] = []
    for line, row in enumerate(rows, start=2):
        try:
            begin, minutes = int(float(row["arrival_time"]) // 60), max(1, math.ceil(float(row["length"]) / 60))
            power = float(row["power_kw"]) if row.get("power_kw") else float(row["cpus"]) * CPU_POWER_KW
        except (KeyError, TypeError, ValueError) as error:
            msg = f"line {line} of {path} is not a job: it needs numbers in arrival_time, length and cpus or power_kw"
            raise JobListError(msg) from error
        jobs.append(ReplayJob(begin, begin, begin + minutes + int(slack_hours * 60), minutes, power))
    if not jobs:
        msg = f"the job list {path} is empty"
        raise JobListError(msg)
    return jobs


def _ml_job(first: datetime, arrival: datetime, minutes: int, slack: str) -> ReplayJob:
    nominal_end = arrival + timedelta(minutes=minutes)
    seen = {"next_workday": next_workday, "semi_weekly": next_review}[slack](nominal_end)
    begin, end = (int((time - first) / timedelta(minutes=1)) for time in (arrival, seen))
    return ReplayJob(begin, begin, end, minutes, ML_POWER_KW)


def next_workday(end: datetime) -> datetime:
    """When a result that is ready at `end` is first looked at: at once in working hours, else at 09:00."""
    nine = end.replace(hour=9, minute=0)
    if end.weekday() == 5:
        return nine + timedelta(days=2)
    if end.weekday() == 6 or end > end.replace(hour=17, minute=0):
        return nine + timedelta(days=1)
    return max(end, nine)


def next_review(end: datetime) -> datetime:
    """The next Monday or Thursday 09:00 at or after `end`."""
    nine = end.replace(hour=9, minute=0)
    ahead = min((weekday - end.weekday()) % 7 for weekday in (0, 3) if (weekday != end.weekday()) or end <= nine)
    return nine + timedelta(days=ahead)
