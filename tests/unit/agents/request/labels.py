"""Labelled requests: what constraints are called in `tests/fixtures/requests`, and how many are read right."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from agents.constraints import (
    WEEKDAYS,
    CarbonIntensity,
    CarbonTotal,
    Constraint,
    CostTotal,
    Finish,
    Hardware,
    Hours,
    JobFacts,
    Pausing,
    Preference,
    PricePerKwh,
    Region,
    RenewableShare,
    Saving,
    Site,
    Start,
)
from agents.request.reader import read
from tools.slots import UK

FOLDER = Path(__file__).parents[3] / "fixtures" / "requests"
NOW = datetime(2026, 11, 25, 14, 20, tzinfo=UK)
SITES = ("Cardiff One", "Slough DC4", "Edinburgh Park", "London Docklands")
_NOT_LABELLED = ("energy=", "gpus=")


@dataclass(frozen=True)
class Labelled:
    text: str
    now: datetime
    required: frozenset[str]
    accepted: frozenset[str]
    must_tell: bool


@dataclass
class Tally:
    """Of constraints; `untold` counts texts that had to say that something was not understood, and did not."""

    right: int = 0
    missed: int = 0
    wrong: int = 0
    untold: int = 0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)


def labelled(name: str) -> Iterator[Labelled]:
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        text, _, labels = line.rpartition(" | ")
        now = NOW
        if text.startswith("@"):
            stamp, _, text = text.partition(" ")
            now = datetime.fromisoformat(stamp[1:]).replace(tzinfo=UK)
        items = [_in_order(label.strip()) for label in labels.split(";")]
        yield Labelled(
            text.replace("\\n", "\n"),
            now,
            frozenset(item for item in items if item[0] not in "(!?"),
            frozenset(item.strip("()") for item in items if item[0] == "("),
            "?" in items,
        )


def _in_order(item: str) -> str:
    """Sites by their names; an RTX A6000 is an A6000."""
    key, _, value = item.strip("()").partition("=")
    if key.endswith("gpu"):
        return item.replace("RTX A", "A")
    return item.replace(value, ",".join(sorted(value.split(",")))) if key.endswith("site") else item


def tally(name: str) -> Tally:
    found = Tally()
    for case in labelled(name):
        reading = read(case.text, case.now, SITES)
        told = [*reading.not_understood, *(item.quote for item in reading.constraints if item.kind == "unsupported")]
        items = [item for item in reading.constraints if item.kind != "unsupported"]
        given = {part for item in items for part in label(item, case.now).split("; ")}
        met = {wanted for wanted in case.required if any(_meets(wanted, one) for one in given | _together(given))}
        known = case.required | case.accepted
        known |= _together(known)
        found.right += len(met)
        found.missed += len(case.required - met)
        found.wrong += sum(
            not any(_meets(w, one) or _is_one_of(one, w) for w in known) and not one.startswith(_NOT_LABELLED)
            for one in given
        )
        found.untold += case.must_tell and not told
    return found


def _together(items: frozenset[str] | set[str]) -> set[str]:
    """Hours and weekdays that are said apart, as one; the weekdays of hours and of whole dates; sites one by one."""
    hours = {item.partition("@")[0] for item in items if item.lstrip("~").startswith("win=")}
    days = {item.partition("=")[2] for item in items if item.lstrip("~").startswith("days=")}
    on = {item.partition("@")[2] for item in items if item.lstrip("~").startswith("win=") and "2" not in item[-9:-8]}
    dates = sorted(WEEKDAYS.index(day) for item in items if (day := _whole_date(item)))
    apart = {f"notdays={','.join(WEEKDAYS[at] for at in dates)}", *(f"notdays={WEEKDAYS[at]}" for at in dates)}
    sites = {name for item in items if item.startswith("notsite=") for name in item.partition("=")[2].split(",")}
    together = {f"notsite={','.join(sorted(sites))}", *(f"notsite={name}" for name in sites)} if sites else set()
    joined = {f"{window}@{on}" for window in hours for on in days} | {f"days={days}" for days in on if days}
    return joined | together | (apart if dates else set()) | _on_weekdays(items)


def _on_weekdays(items: frozenset[str] | set[str]) -> set[str]:
    """The same hours on several days, as hours on their weekdays; several whole days, as weekdays."""
    named: dict[str, set[str]] = {}
    for item in items:
        window, _, on = item.partition("@")
        if "win=" in window and on:
            named.setdefault(window, set()).update({weekday_of(on)} if on[0].isdigit() else on.split(","))
        elif item.lstrip("~").startswith("days="):
            whole = "~" * item.startswith("~") + "win=00:00-00:00"
            named.setdefault(whole, set()).update(item.partition("=")[2].split(","))
    lists = {window: ",".join(day for day in WEEKDAYS if day in on) for window, on in named.items()}
    whole = {
        window.replace("win=00:00-00:00", "days=") + on for window, on in lists.items() if "win=00:00-00:00" in window
    }
    return {f"{window}@{on}" for window, on in lists.items()} | whole


def _whole_date(item: str) -> str:
    """The weekday of a date that is forbidden."""
    day = item.removeprefix("notwin=00:00-00:00@")
    return weekday_of(day) if day != item else ""


def weekday_of(day: str) -> str:
    """Of a date; empty of what is none."""
    return WEEKDAYS[datetime.fromisoformat(day).weekday()] if day[:4].isdigit() else ""


def _meets(wanted: str, given: str) -> bool:
    """A window may be labelled without its day, a day by its date; bounded pauses are allowed ones."""
    window, _, day = wanted.partition("@")
    given_window, on = _window(given)
    if day[:1].isdigit() and window == given_window and weekday_of(day) in on.split(","):
        return True
    if wanted in {"pause=yes", *given.split(",")} and given.startswith(("pauses=", "stretch=")):
        return True
    return wanted == given or ("win=" in wanted and "@" not in wanted and given.rpartition("@")[0] == wanted)


def _window(item: str) -> tuple[str, str]:
    """Hours and their days; weekdays are whole ones."""
    hours, _, days = item.replace("days=", "win=00:00-00:00@").partition("@")
    return hours, days


def _is_one_of(given: str, wanted: str) -> bool:
    """One day of several: "Monday 8-12" of "Monday and Tuesday 8-12"."""
    (window, day), (hours, on) = map(_window, (given, wanted))
    days = {weekday_of(day)} if day[:1].isdigit() else set(day.split(","))
    return window == hours and bool(day) and days <= set(on.split(","))


def label(item: Constraint, now: datetime) -> str:
    wish = "~" if item.strength == "should" and not isinstance(item, Preference) else ""
    return wish + _label(item, now)


def _label(item: Constraint, now: datetime) -> str:
    return _LABELS[type(item)](item, now) if type(item) in _LABELS else item.kind


def _pausing(item: Pausing) -> str:
    bounds = {"pauses": item.max_pauses, "stretch": item.min_run_minutes, "pause": "yes" if item.allowed else "no"}
    said = [f"{name}={bound}" for name, bound in bounds.items() if bound is not None]
    return ",".join(said[:-1] or said)


def _hours(item: Hours, now: datetime) -> str:
    """A label for each range of hours on each date."""
    denied = "" if item.allowed else "not"
    if item.start is None and (item.weekdays or (item.allowed and len(item.dates) > 1)):
        on = set(item.weekdays) | {WEEKDAYS[day.weekday()] for day in item.dates}
        return f"{denied}days={','.join(day for day in WEEKDAYS if day in on)}"
    ranges = [(item.start or time(), item.end or time()), *((other.start, other.end) for other in item.also)]
    found: list[str] = []
    for start, end in ranges:
        days = [",".join(item.weekdays)] if item.weekdays else list(map(str, item.dates))
        next_day = str(_next_day(start, end, now)) if item.allowed else ""
        found += [f"{denied}win={start:%H:%M}-{end:%H:%M}" + f"@{day}" * bool(day) for day in days or [next_day]]
    return "; ".join(found)


def _next_day(start: time, end: time, now: datetime) -> object:
    for ahead in (-1, 0, 1):
        day = now.date() + timedelta(days=ahead)
        over = datetime.combine(day + timedelta(days=end <= start), end, UK)
        if over > now:
            return day
    return None


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UK).strftime("%Y-%m-%dT%H:%M")


def _job(item: JobFacts, _: datetime) -> str:
    facts = {"dur": item.duration_minutes, "energy": item.energy_kwh, "gpus": item.gpus}
    return "; ".join(f"{name}={fact:g}" for name, fact in facts.items() if fact is not None)


_LABELS: dict[type, Callable[[Any, datetime], str]] = {
    Region: lambda it, _: f"{'allow' if it.allowed else 'excl'}={','.join(map(str, it.regions))}",
    Start: lambda it, _: f"{ {'earliest': 'nb', 'latest': 'sb', 'exact': 'at'}[it.bound] }={_stamp(it.time)}",
    Finish: lambda it, _: f"fb={_stamp(it.time)}",
    Hours: lambda it, now: _hours(it, now),
    CarbonTotal: lambda it, _: f"carbon={it.max_g:g}",
    CarbonIntensity: lambda it, _: f"gkwh={it.max_g_per_kwh:g}",
    RenewableShare: lambda it, _: f"ren={it.min_pct:g}",
    CostTotal: lambda it, _: f"cost={it.max_gbp:g}",
    PricePerKwh: lambda it, _: f"price={it.max_gbp_per_kwh:g}{'mean' if it.basis == 'mean' else ''}",
    Saving: lambda it, _: f"saving={it.amount:g}{'%' if it.unit == 'pct' else it.unit}",
    Preference: lambda it, _: "costonly" if it.first == "cost_only" else f"pref={it.first}",
    Site: lambda it, _: f"{'site' if it.allowed else 'notsite'}={','.join(sorted(it.sites))}",
    Hardware: lambda it, _: f"{'gpu' if it.allowed else 'notgpu'}={it.gpu_model.replace('RTX A', 'A')}",
    Pausing: lambda it, _: _pausing(it),
    JobFacts: _job,
}
