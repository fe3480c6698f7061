"""What the words of a request do to its problem: limits are tightened and never loosened; wishes move two knobs."""

from collections.abc import Callable, Sequence
from datetime import datetime

from agents.request.reader import Wish
from agents.state import Finding, FindingKind
from tools.placement import Objective, Problem
from tools.regions import REGION_IDS, region_name
from tools.slots import UK
from tools.solver.policy import put_first
from tools.solver.relax import keep_relaxed

PATIENCE = 4.0
"""Factor on the least saving worth a shift when the request wants its result soon: 5 % becomes 20 %."""
RESUME_OVERHEAD_MINUTES = 5
"""Running time lost at each resume of a job that "can be paused": loading a checkpoint."""


def tighten(problem: Problem, wishes: Sequence[Wish]) -> tuple[Problem, tuple[Finding, ...]]:
    """Apply what was read, in the order it was read; the findings say what each did."""
    before, findings = problem, list[Finding]()
    for wish in wishes:
        problem, effect = _APPLY[wish.kind](problem, wish)
        findings.append(Finding(kind=wish.kind, quote=wish.quote, effect=effect))
    return keep_relaxed(before, problem), tuple(findings)


def _limited(problem: Problem, **update: object) -> Problem:
    return problem.model_copy(update={"limits": problem.limits.model_copy(update=update)})


def _require(problem: Problem, wish: Wish) -> tuple[Problem, str]:
    known = problem.limits.required_regions
    kept = tuple(sorted(wish.regions if known is None else wish.regions & set(known)))
    return _limited(problem, required_regions=kept), f"only {_names(wish.regions)}"


def _exclude(problem: Problem, wish: Wish) -> tuple[Problem, str]:
    excluded = tuple(sorted({*problem.limits.excluded_regions, *wish.regions}))
    return _limited(problem, excluded_regions=excluded), f"not {_names(wish.regions)}"


def _not_before(problem: Problem, wish: Wish) -> tuple[Problem, str]:
    instant = _instant(wish)
    if instant <= problem.limits.earliest_start:
        return problem, f"nothing: it starts at {_uk(problem.limits.earliest_start)} or later anyway"
    return _limited(problem, earliest_start=instant), f"starts at {_uk(instant)} or later"


def _before(field: str, verb: str) -> Callable[[Problem, Wish], tuple[Problem, str]]:
    def apply(problem: Problem, wish: Wish) -> tuple[Problem, str]:
        instant, known = _instant(wish), getattr(problem.limits, field)
        if instant <= problem.now:
            return problem, f"nothing: {_uk(instant)} has passed"
        if known is not None and known <= instant:
            return problem, f"nothing: it {verb} by {_uk(known)} anyway"
        return _limited(problem, **{field: instant}), f"{verb} by {_uk(instant)}"

    return apply


def _cap(field: str, unit: str) -> Callable[[Problem, Wish], tuple[Problem, str]]:
    def apply(problem: Problem, wish: Wish) -> tuple[Problem, str]:
        amount, known = _amount(wish), getattr(problem.limits, field)
        if known is not None and known <= amount:
            return problem, f"nothing: the limit is {known:g} {unit} anyway"
        return _limited(problem, **{field: amount}), f"at most {amount:g} {unit}"

    return apply


def _renewable(problem: Problem, wish: Wish) -> tuple[Problem, str]:
    amount, known = _amount(wish), problem.limits.min_renewable_pct
    if known is not None and known >= amount:
        return problem, f"nothing: at least {known:g} % renewable is required anyway"
    return _limited(problem, min_renewable_pct=amount), f"at least {amount:g} % renewable"


def _pausable(problem: Problem, _wish: Wish) -> tuple[Problem, str]:
    job = problem.job.model_copy(update={"pausable": True, "resume_overhead_minutes": RESUME_OVERHEAD_MINUTES})
    return problem.model_copy(update={"job": job}), f"may pause, {RESUME_OVERHEAD_MINUTES} minutes lost at each resume"


def _not_pausable(problem: Problem, _wish: Wish) -> tuple[Problem, str]:
    job = problem.job.model_copy(update={"pausable": False})
    return problem.model_copy(update={"job": job}), "runs in one go"


def _first(first: Objective, *, only: bool = False) -> Callable[[Problem, Wish], tuple[Problem, str]]:
    def apply(problem: Problem, _wish: Wish) -> tuple[Problem, str]:
        problem = put_first(problem, first)
        price = 0.0 if only else problem.carbon_price_gbp_per_tonne
        return problem.model_copy(
            update={"carbon_price_gbp_per_tonne": price}
        ), f"carbon weighs {price:g} GBP per tonne"

    return apply


def _soon(problem: Problem, _wish: Wish) -> tuple[Problem, str]:
    saving = problem.min_saving * PATIENCE
    return problem.model_copy(update={"min_saving": saving}), f"shifted only for a saving of {100 * saving:g} % or more"


_APPLY: dict[FindingKind, Callable[[Problem, Wish], tuple[Problem, str]]] = {
    "required_regions": _require,
    "excluded_regions": _exclude,
    "not_before": _not_before,
    "start_by": _before("latest_start", "starts"),
    "finish_by": _before("latest_finish", "finishes"),
    "max_cost_gbp": _cap("max_cost_gbp", "GBP"),
    "max_carbon_g": _cap("carbon_cap_g", "g of CO2"),
    "max_intensity_g_per_kwh": _cap("max_intensity_g_per_kwh", "g/kWh"),
    "min_renewable_pct": _renewable,
    "pausable": _pausable,
    "not_pausable": _not_pausable,
    "prefer_low_carbon": _first("carbon"),
    "prefer_low_cost": _first("cost"),
    "cost_only": _first("cost", only=True),
    "prefer_soon": _soon,
}


def _instant(wish: Wish) -> datetime:
    if wish.instant is None:
        msg = f"{wish.kind} without a time"
        raise ValueError(msg)
    return wish.instant


def _amount(wish: Wish) -> float:
    if wish.amount is None:
        msg = f"{wish.kind} without an amount"
        raise ValueError(msg)
    return wish.amount


def _names(regions: frozenset[int]) -> str:
    left_out = [region for region in REGION_IDS if region not in regions]
    if len(left_out) < len(regions):
        return "regions other than " + ", ".join(region_name(region) for region in left_out)
    return ", ".join(region_name(region) for region in sorted(regions))


def _uk(instant: datetime) -> str:
    return f"{instant.astimezone(UK):%a %d %b %H:%M} UK time"
