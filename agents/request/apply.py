"""What the words of a request do to its problem: limits are tightened and never loosened; wishes move the weights.

Columns bind always. A `must` of the words that cannot be kept fails the row; a `should` is given up, and told.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from agents import constraints as kinds
from agents.constraints import WEEKDAYS, Constraint, Outcome, ReadConstraint, uk_time
from persistence.workload import Workload
from tools.energy import EnergyError, estimate
from tools.market import Market
from tools.placement import Problem, Segment
from tools.slots import UK, slot_start
from tools.solver.baseline import basis, counterfactual
from tools.solver.policy import put_first
from tools.solver.relax import keep_relaxed
from tools.solver.search import search

PATIENCE = 4.0
"""Factor on the least saving worth a shift when the request wants its result soon: 5 % becomes 20 %."""
RENEWABLE_WISH_GBP_PER_KWH = 0.05
"""Bonus on renewable energy when the request favours it: about a fifth of a usual price."""
RESUME_OVERHEAD_MINUTES = 5
"""Running time lost at each resume of a job that "can be paused": loading a checkpoint."""
ALREADY = "the row asks for as much already"


class CannotApplyError(Exception):
    """A constraint that this problem cannot take; the message says why."""

    def __init__(self, why: str, outcome: Outcome = "refused") -> None:
        super().__init__(why)
        self.outcome = outcome


@dataclass(frozen=True)
class _Case:
    """What a constraint is applied within."""

    workload: Workload
    market: Market
    columns: Problem
    """Before any words."""
    facts: Sequence[kinds.JobFacts]
    """All that the words tell of the job."""
    models: frozenset[str]
    """GPUs that must be used: any of them will do."""


def apply(
    problem: Problem,
    read: Sequence[ReadConstraint],
    workload: Workload,
    market: Market,
    *,
    has_place: Callable[[Problem], bool] | None = None,
) -> tuple[Problem, tuple[ReadConstraint, ...]]:
    """The problem as the words leave it, and what became of each constraint, in their order.

    Every `must` is applied, whether or not a placement is left; then each `should` that leaves one, the first first.
    `has_place` tells whether a problem has a placement; by default the search does.
    """
    is_open = has_place or (lambda narrowed: bool(search(narrowed, market)))
    said = [item.constraint for item in read if item.outcome not in {"refused", "unsupported"}]
    hardware = [it for it in said if isinstance(it, kinds.Hardware) and it.allowed and it.strength == "must"]
    models = frozenset(_squeezed(it.gpu_model) for it in hardware)
    case = _Case(workload, market, problem, [it for it in said if isinstance(it, kinds.JobFacts)], models)
    outcomes: dict[int, ReadConstraint] = {}
    order = sorted(
        range(len(read)), key=lambda i: (read[i].constraint.strength != "must", _turn(read[i].constraint), i)
    )
    for i in order:
        item = read[i]
        if item.outcome in {"refused", "unsupported"}:
            outcomes[i] = item
            continue
        changed, outcomes[i] = _applied(problem, item, case)
        is_wish = item.constraint.strength == "should" and _binds(problem, changed)
        if is_wish and not is_open(changed) and is_open(problem):
            reason = "no placement keeps it beside the other limits"
            outcomes[i] = item.model_copy(update={"outcome": "given_up", "reason": reason})
            continue
        problem = changed
    return problem, tuple(outcomes[i] for i in range(len(read)))


def _turn(constraint: Constraint) -> int:
    """Facts first, then limits; hours after the times that they must lie in; "in one go" has the last word."""
    in_one_go = isinstance(constraint, kinds.Pausing) and not constraint.allowed
    return 3 if in_one_go else {"job": 0, "hours": 2, "saving": 4}.get(constraint.kind, 1)


def _binds(before: Problem, after: Problem) -> bool:
    return (before.limits, before.job, before.assets) != (after.limits, after.job, after.assets)


def _applied(problem: Problem, item: ReadConstraint, case: _Case) -> tuple[Problem, ReadConstraint]:
    try:
        narrowed = _APPLY[type(item.constraint)](problem, item.constraint, case)
    except CannotApplyError as error:
        return problem, item.model_copy(update={"outcome": error.outcome, "reason": str(error)})
    changed = keep_relaxed(case.columns, narrowed)
    reason = ALREADY if changed == problem else ""
    return changed, item.model_copy(update={"outcome": "applied", "reason": reason})


def _limited(problem: Problem, **update: object) -> Problem:
    return problem.model_copy(update={"limits": problem.limits.model_copy(update=update)})


def _among(problem: Problem, places: str, named: Sequence[Any], *, allowed: bool) -> Problem:
    """Only there, or not there: of the regions or the sites."""
    field = f"{'required' if allowed else 'excluded'}_{places}"
    known = getattr(problem.limits, field)
    if not allowed:
        return _limited(problem, **{field: tuple(sorted({*known, *named}))})
    return _limited(problem, **{field: tuple(sorted(named if known is None else {*known} & {*named}))})


def _site(problem: Problem, it: kinds.Site, _: _Case) -> Problem:
    named = [asset.name for asset in problem.assets for site in it.sites if _is_called(asset.name, site)]
    if not named:
        msg = f"no data centre that can host the workload is called {' or '.join(it.sites)}"
        raise CannotApplyError(msg)
    return _among(problem, "sites", named, allowed=it.allowed)


def _is_called(name: str, said: str) -> bool:
    return " ".join(said.casefold().split()) in " ".join(name.casefold().split())


def _hardware(problem: Problem, it: kinds.Hardware, case: _Case) -> Problem:
    if not any(asset.hardware for asset in problem.assets):
        msg = "the places tell nothing of their hardware"
        raise CannotApplyError(msg, "unsupported")
    model = _squeezed(it.gpu_model)
    models = case.models if it.allowed and model in case.models else {model}
    named = [asset.name for asset in problem.assets if any(one in _squeezed(asset.hardware) for one in models)]
    return _among(problem, "sites", named, allowed=it.allowed)


def _squeezed(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum()).removeprefix("nvidia")


def _start(problem: Problem, it: kinds.Start, _: _Case) -> Problem:
    instant, limits = it.time.astimezone(UTC), problem.limits
    if it.bound != "earliest":
        _refuse_past(instant, problem.now)
    if it.bound != "latest" and instant > limits.earliest_start:
        problem = _limited(problem, earliest_start=instant)
    if it.bound == "earliest":
        return problem
    return _limited(problem, latest_start=_least(limits.latest_start, instant))


def _finish(problem: Problem, it: kinds.Finish, _: _Case) -> Problem:
    instant = it.time.astimezone(UTC)
    _refuse_past(instant, problem.now)
    return _limited(problem, latest_finish=_least(problem.limits.latest_finish, instant))


def _refuse_past(instant: datetime, now: datetime) -> None:
    if instant <= now:
        msg = f"{uk_time(instant)} has passed"
        raise CannotApplyError(msg)


def _least(known: Any, said: Any) -> Any:  # noqa: ANN401  instants or amounts
    return said if known is None else min(known, said)


def _cap(problem: Problem, it: kinds.Cap, _: _Case) -> Problem:
    known = getattr(problem.limits, it.limit)
    is_floor = isinstance(it, kinds.RenewableShare)
    return _limited(problem, **{it.limit: max(known or 0.0, it.amount) if is_floor else _least(known, it.amount)})


def _pausing(problem: Problem, it: kinds.Pausing, _: _Case) -> Problem:
    job = problem.job
    update: dict[str, object] = {"pausable": it.allowed and it.max_pauses != 0}
    if update["pausable"]:
        update |= {
            "resume_overhead_minutes": job.resume_overhead_minutes if job.pausable else RESUME_OVERHEAD_MINUTES,
            "max_pauses": job.max_pauses if it.max_pauses is None else _least(job.max_pauses, it.max_pauses),
            "min_run_minutes": max(job.min_run_minutes, it.min_run_minutes or 0),
        }
    return problem.model_copy(update={"job": job.model_copy(update=update)})


def _saving(problem: Problem, it: kinds.Saving, case: _Case) -> Problem:
    """A share is of the objective; of grams or pounds at least so many less than running now, or else running now."""
    if it.unit == "pct":
        return problem.model_copy(update={"min_saving": max(problem.min_saving, it.amount / 100)})
    now = counterfactual(problem, case.market)
    spent = None if now is None else now.carbon_g if it.unit == "g" else now.cost_gbp
    if now is None or spent is None:
        msg = "running now cannot be measured, so there is nothing to save against"
        raise CannotApplyError(msg)
    field = "carbon_cap_g" if it.unit == "g" else "max_cost_gbp"
    saved = _limited(problem, **{field: _least(getattr(problem.limits, field), spent - it.amount)})
    if spent >= it.amount and search(saved, case.market):
        return saved
    at_once = _limited(problem, latest_start=_least(problem.limits.latest_start, now.start))
    return at_once if basis(problem) == "mean" else _among(at_once, "sites", (now.asset.name,), allowed=True)


def _preference(problem: Problem, it: kinds.Preference, _: _Case) -> Problem:
    if it.first == "soon":
        return problem.model_copy(update={"min_saving": min(1.0, problem.min_saving * PATIENCE)})
    if it.first == "renewables":
        return problem.model_copy(update={"renewable_bonus_gbp_per_kwh": RENEWABLE_WISH_GBP_PER_KWH})
    if it.first == "carbon":
        return put_first(problem, "carbon")
    cheapest = put_first(problem, "cost")
    return cheapest.model_copy(update={"carbon_price_gbp_per_tonne": 0.0}) if it.first == "cost_only" else cheapest


def _facts(problem: Problem, _it: kinds.JobFacts, case: _Case) -> Problem:
    """What the columns leave open; where they speak, they count."""
    row = case.workload
    minutes, gpus, energy_kwh = (
        next((value for fact in case.facts if (value := getattr(fact, name)) is not None), None)
        for name in ("duration_minutes", "gpus", "energy_kwh")
    )
    hours = row.estimated_duration_hours or (minutes / 60 if minutes else None)
    gpu_minutes = row.required_gpu_mins
    if gpu_minutes is None and gpus:
        gpu_minutes = round(gpus * (hours or problem.job.duration_minutes / 60) * 60)
    energy = row.estimated_energy_kwh or energy_kwh
    if (hours, gpu_minutes, energy) == (row.estimated_duration_hours, row.required_gpu_mins, row.estimated_energy_kwh):
        return problem
    try:
        job = estimate(
            workload_type=row.workload_type,
            gpu_minutes=gpu_minutes,
            cpu_cores=row.required_cpu_cores,
            memory_gb=row.required_memory_gb,
            duration_hours=hours,
            energy_kwh=energy,
        ).job()
    except EnergyError as error:
        raise CannotApplyError(str(error)) from error
    pausing = problem.job.model_dump(include={"pausable", "min_run_minutes", "resume_overhead_minutes", "max_pauses"})
    return problem.model_copy(update={"job": job.model_copy(update=pausing)})


def _unsupported(_problem: Problem, it: kinds.Unsupported, _: _Case) -> Problem:
    raise CannotApplyError(it.what, "unsupported")


def _hours(problem: Problem, it: kinds.Hours, case: _Case) -> Problem:
    start, end = slot_start(problem.now), max(case.market.end, problem.now + timedelta(days=1))
    windows = sorted(occurrences(it, start, end), key=lambda window: window.start)
    if it.allowed:
        if not (it.weekdays or it.dates or it.recurs):
            windows = _next(windows, problem)
        windows = _between(windows, start, end)
    return _limited(problem, forbidden=tuple(dict.fromkeys((*problem.limits.forbidden, *windows))))


def occurrences(hours: kinds.Hours, start: datetime, end: datetime) -> Iterator[Segment]:
    """The times that a clock range on its days takes up within [start, end), by UK time, in UTC."""
    ranges = [(hours.start or time(), hours.end or time()), *((other.start, other.end) for other in hours.also)]
    day = start.astimezone(UK).date() - timedelta(days=1)
    while datetime.combine(day, time(), UK) < end:
        on = WEEKDAYS[day.weekday()] in (hours.weekdays or WEEKDAYS) and day in (hours.dates or (day,))
        for first, last in ranges if on else ():
            begin = datetime.combine(day, first, UK).astimezone(UTC)
            finish = datetime.combine(day + timedelta(days=last <= first), last, UK).replace(fold=1).astimezone(UTC)
            if finish > start and begin < end and finish > begin:
                yield Segment(start=max(begin, start), end=min(finish, end))
        day += timedelta(days=1)


def _next(windows: Sequence[Segment], problem: Problem) -> list[Segment]:
    """The first that the whole run fits in; every one where none does, for a run that can pause."""
    length, earliest = timedelta(minutes=problem.job.duration_minutes), problem.limits.earliest_start
    left = [window for window in windows if window.end > earliest]
    fitting = [window for window in left if window.end - max(window.start, earliest) >= length]
    return fitting[:1] or left


def _between(windows: Sequence[Segment], start: datetime, end: datetime) -> list[Segment]:
    """What of [start, end) the windows, in order, leave out."""
    gaps = []
    for window in windows:
        if window.start > start:
            gaps.append(Segment(start=start, end=window.start))
        start = max(start, window.end)
    return [*gaps, Segment(start=start, end=end)] if start < end else gaps


_APPLY: dict[type, Callable[[Problem, Any, _Case], Problem]] = {
    kinds.Region: lambda problem, it, _: _among(problem, "regions", it.regions, allowed=it.allowed),
    kinds.Site: _site,
    kinds.Hardware: _hardware,
    kinds.Start: _start,
    kinds.Finish: _finish,
    kinds.Hours: _hours,
    **dict.fromkeys(kinds.Cap.__subclasses__(), _cap),
    kinds.Pausing: _pausing,
    kinds.Saving: _saving,
    kinds.Preference: _preference,
    kinds.JobFacts: _facts,
    kinds.Unsupported: _unsupported,
}
