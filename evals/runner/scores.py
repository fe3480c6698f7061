"""What is judged about an outcome. Each score is computed from the case, the market and the stored state, without the
code that made the decision wherever that is possible."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from agents.model.errors import ModelError
from agents.state import AgentName
from evals.cases.case import MAX_INPUT_TOKENS, Case
from evals.cases.world import ASSETS
from evals.runner.execute import Outcome
from evals.runner.score import Score, chosen, now_of
from evals.runner.told import selection
from graph.problem import problem_from
from persistence.workload import parse_workload
from tools.market import FloatArray, Market, prices_at
from tools.placement import Limits, Option
from tools.regions import REGION_IDS
from tools.slots import SLOT
from tools.solver.candidates import is_apart
from tools.solver.options import rounded
from tools.solver.ranking import Shortlist
from tools.solver.search import optimum

TOLERANCE = 1e-6
_TOOLS: dict[AgentName, set[str]] = {
    "compute": {"find_assets", "estimate_energy"},
    "energy": {"carbon_intensity", "electricity_prices", "find_windows"},
    "head": {"compare_options"},
}


Scorer = Callable[[Case, Outcome], Iterator[Score]]


def score(case: Case, outcome: Outcome) -> tuple[Score, ...]:
    """Every score that applies."""
    scorers = _ALWAYS
    if outcome.is_placed:
        scorers += _PLACED if "decision" in outcome.state else (_blind,)
    return tuple(found for scorer in scorers for found in scorer(case, outcome))


def _outcome(case: Case, outcome: Outcome) -> Iterator[Score]:
    expected, error = case.expected, outcome.error
    detail = "placed" if outcome.is_placed else f"failed: {error}"
    yield Score("outcome", outcome.is_placed == expected.is_placed, detail)
    if expected.failure is not None:
        kind = error.kind if isinstance(error, ModelError) else type(error).__name__
        yield Score("failure kind", kind == expected.failure, f"{kind}, expected {expected.failure}")
    if expected.error_words:
        missing = [word for word in expected.error_words if word.lower() not in str(error).lower()]
        yield Score("error words", not missing, f"{missing} not in: {error}" if missing else "")


def _calls(case: Case, outcome: Outcome) -> Iterator[Score]:
    most = max(case.expected.max_calls, case.expected.calls or 0)
    yield Score("model calls", outcome.asked <= most, f"{outcome.asked} of at most {most}", outcome.asked)
    if case.expected.calls is not None:
        yield Score("calls", outcome.asked == case.expected.calls, f"{outcome.asked}, expected {case.expected.calls}")


def _tokens(case: Case, outcome: Outcome) -> Iterator[Score]:
    if case.suite == "decisions":
        tokens, most = outcome.input_tokens, MAX_INPUT_TOKENS
        yield Score("input tokens", tokens <= most, f"{tokens} of at most {most}", tokens)


def _limits(_case: Case, outcome: Outcome) -> Iterator[Score]:
    limits = outcome.state["problem"].limits
    broken = [f"{option.option_id}: {fault}" for option in chosen(outcome) for fault in violations(option, limits)]
    yield Score("limits hold", not broken, "; ".join(broken))


def _never_looser(case: Case, outcome: Outcome) -> Iterator[Score]:
    """The limits that the run ended with, against those of the columns alone."""
    workload = parse_workload(case.row)
    columns = problem_from(workload, assets=ASSETS, commitments=case.taken, now=case.now)
    faults = list(_loosened(columns.limits, outcome.state["problem"].limits))
    yield Score("limits only tightened", not faults, "; ".join(faults))


def _figures(_case: Case, outcome: Outcome) -> Iterator[Score]:
    """Carbon, share and cost of every option, integrated again, minute by minute."""
    market = outcome.state["market"]
    wrong = [f"{option.option_id}: {fault}" for option in chosen(outcome) for fault in _wrong(option, market)]
    recommended = outcome.state["recommendation"].options
    for option, written in zip(chosen(outcome), recommended, strict=True):
        stated = written.carbon_intensity
        if stated is None or abs(float(stated) - option.intensity_g_per_kwh) > 0.005 + TOLERANCE:
            wrong.append(f"{option.option_id}: {stated} g/kWh was written")
        if (written.start, written.end) != (option.start, option.end):
            wrong.append(f"{option.option_id}: another window was written")
    yield Score("figures", not wrong, "; ".join(wrong))


def _regret(case: Case, outcome: Outcome) -> Iterator[Score]:
    """Objective of the first option above that of the policy's choice, which is never below the exact optimum's."""
    problem, market = outcome.state["problem"], outcome.state["market"]
    first, best, now = chosen(outcome)[0], Shortlist(problem, market, ()).winner, now_of(outcome)
    is_now = now is not None and (first.asset, first.segments) == (now.asset, now.segments)
    regret = first.objective_gbp - best.objective_gbp
    exact = optimum(problem, market).objective_gbp
    below = best.objective_gbp - exact
    yield Score("regret", abs(regret) <= TOLERANCE, f"{regret:.6f} GBP above the policy's choice", regret)
    yield Score("optimum", below >= -TOLERANCE, f"{-below:.6f} GBP below the exact optimum", below)
    if case.expected.runs_now is not None:
        yield Score("runs now", is_now == case.expected.runs_now, "")


def _diversity(_case: Case, outcome: Outcome) -> Iterator[Score]:
    options = chosen(outcome)
    close = [
        f"{one.option_id} and {other.option_id}"
        for place, one in enumerate(options)
        for other in options[place + 1 :]
        if not is_apart(one, other)
    ]
    tail = [rounded(option.objective_gbp) for option in options[1:]]
    yield Score("diversity", not close, "; ".join(close))
    yield Score("order", tail == sorted(tail), "the runners-up are not in order of their objective")


def _expectations(case: Case, outcome: Outcome) -> Iterator[Score]:
    expected, state = case.expected, outcome.state
    kinds = sorted(item.constraint.kind for item in state["compute"].constraints if item.outcome != "refused")
    if expected.may_read is not None:
        yield Score("constraints", expected.may_read.issuperset(kinds), f"read {kinds}")
    if expected.constraints is not None:
        yield Score("constraints", kinds == sorted(expected.constraints), f"read {kinds}")
    if expected.regions is not None:
        regions = {option.asset.region for option in chosen(outcome)}
        yield Score("regions", regions <= expected.regions, f"{sorted(regions)}")
    for words in expected.says:
        summary = state["decision"].decision_summary
        yield Score("summary", words in summary, f"{words!r} is not in: {summary}")


def _never(case: Case, outcome: Outcome) -> Iterator[Score]:
    """Nothing of what a model or a request tried to have said."""
    found = [
        f"{where}: {words}"
        for where, text in stored_texts(outcome)
        for words in case.expected.says_not
        if words in text
    ]
    yield Score("never said", not found, "; ".join(found))


def _reasons(_case: Case, outcome: Outcome) -> Iterator[Score]:
    """Each keyword is true of its option, beside the other options and running now, if any is."""
    options, now = chosen(outcome), now_of(outcome)
    pool = [*options, *([now] if now else [])]
    choices = outcome.state["decision"].choices
    false = [
        choice.reason
        for choice, option in zip(choices, options, strict=True)
        if not _holds(choice.reason, option, pool) and any(_holds(reason, option, pool) for reason in _REASONS)
    ]
    yield Score("reasons", not false, ", ".join(false))


_REASONS = ("low_carbon", "cost_effective", "energy", "availability")


def _holds(reason: str, option: Option, pool: Sequence[Option]) -> bool:
    if reason == "low_carbon":
        return any(option.carbon_g < other.carbon_g - TOLERANCE for other in pool) or len(pool) == 1
    if reason in ("cost_effective", "pricing"):
        return any(option.cost_gbp < o.cost_gbp - TOLERANCE for o in pool if None not in (o.cost_gbp, option.cost_gbp))  # type: ignore[operator]  # known here
    if reason == "energy":
        return any((option.renewable_pct or 0) > (other.renewable_pct or 0) + TOLERANCE for other in pool)
    return option.start <= min(other.start for other in pool)


def _blind(case: Case, outcome: Outcome) -> Iterator[Score]:
    """Placed without any figures: no model was asked, no number is stated, and the reason is given."""
    recommended = outcome.state["recommendation"]
    first = recommended.options[0]
    stated = (first.carbon_intensity, first.renewable_mix, first.cost_gbp)
    yield Score("nobody asked", outcome.asked == 0, f"{outcome.asked} calls")
    yield Score("no figures", stated == (None, None, None), f"{stated}")
    allowed = case.expected.regions
    yield Score("regions", allowed is None or first.region_number in allowed, f"{first.region}")
    for words in case.expected.says:
        yield Score("summary", words in recommended.decision_summary, recommended.decision_summary)


def _corrections(case: Case, outcome: Outcome) -> Iterator[Score]:
    """What code put right is said, and nothing else is."""
    state, expected = outcome.state, case.expected
    refused = [item.record() for item in state["compute"].constraints if item.outcome == "refused"]
    reordered, unread = state["decision"].is_reordered, bool(refused)
    yield Score("ranking corrected", reordered == expected.reordered, f"{reordered}")
    yield Score("limits refused", unread == expected.unread, f"{refused}")


def _trajectory(case: Case, outcome: Outcome) -> Iterator[Score]:
    if case.suite == "decisions":
        missing = {agent: sorted(tools - set(outcome.calls.get(agent, ()))) for agent, tools in _TOOLS.items()}
        lacking = {agent: tools for agent, tools in missing.items() if tools}
        yield Score("trajectory", not lacking, f"not called: {lacking}" if lacking else "")


_ALWAYS: tuple[Scorer, ...] = (_outcome, _calls, _tokens)
_PLACED: tuple[Scorer, ...] = (
    _limits,
    _never_looser,
    _figures,
    _regret,
    _diversity,
    _expectations,
    _never,
    _reasons,
    selection,
    _corrections,
    _trajectory,
)


def stored_texts(outcome: Outcome) -> list[tuple[str, str]]:
    """Every text that was stored."""
    state = outcome.state
    return [
        ("compute", state["compute"].analysis_summary),
        ("energy", state["energy"].analysis_summary),
        ("summary", state["decision"].decision_summary),
        *((f"reasoning {choice.option_id}", choice.reasoning) for choice in state["decision"].choices),
    ]


def violations(option: Option, limits: Limits) -> Iterator[str]:
    """The hard limits that an option breaks."""
    checks = (
        (option.start >= limits.earliest_start, "starts too early"),
        (limits.latest_start is None or option.start <= limits.latest_start, "starts too late"),
        (limits.latest_finish is None or option.end <= limits.latest_finish, "ends too late"),
        (_at_most(option.carbon_g, limits.carbon_cap_g), "emits too much"),
        (_at_most(option.intensity_g_per_kwh, limits.max_intensity_g_per_kwh), "is too carbon-intensive"),
        (_at_most(limits.min_renewable_pct or 0.0, option.renewable_pct), "is not renewable enough"),
        (option.cost_gbp is None or _at_most(option.cost_gbp, limits.max_cost_gbp), "costs too much"),
        (limits.required_regions is None or option.asset.region in limits.required_regions, "is elsewhere"),
        (option.asset.region not in limits.excluded_regions, "is in an excluded region"),
    )
    return (fault for holds, fault in checks if not holds)


def _at_most(value: float, limit: float | None) -> bool:
    return limit is None or value <= limit + TOLERANCE * max(1.0, abs(limit))


_UPPER = (
    "latest_start",
    "latest_finish",
    "carbon_cap_g",
    "max_intensity_g_per_kwh",
    "max_cost_gbp",
    "max_price_gbp_per_kwh",
    "max_mean_price_gbp_per_kwh",
)


def _allowed(regions: Sequence[int] | None, every: Sequence[int]) -> set[int]:
    return set(every if regions is None else regions)


def _loosened(before: Limits, after: Limits) -> Iterator[str]:
    for name in _UPPER:
        old, new = getattr(before, name), getattr(after, name)
        if old is not None and (new is None or new > old):
            yield f"{name} went from {old} to {new}"
    if after.earliest_start < before.earliest_start:
        yield "earliest_start moved earlier"
    if not set(after.excluded_regions) >= set(before.excluded_regions):
        yield f"excluded_regions went from {before.excluded_regions} to {after.excluded_regions}"
    if not _allowed(after.required_regions, REGION_IDS) <= _allowed(before.required_regions, REGION_IDS):
        yield f"required_regions went from {before.required_regions} to {after.required_regions}"
    if not set(after.excluded_sites) >= set(before.excluded_sites):
        yield f"excluded_sites went from {before.excluded_sites} to {after.excluded_sites}"
    if before.required_sites is not None and not set(after.required_sites or ()) <= set(before.required_sites):
        yield f"required_sites went from {before.required_sites} to {after.required_sites}"
    if not set(after.forbidden) >= set(before.forbidden):
        yield "a forbidden time is allowed"
    if (after.min_renewable_pct or 0) < (before.min_renewable_pct or 0):
        yield "min_renewable_pct fell"


def _wrong(option: Option, market: Market) -> Iterator[str]:
    row = market.regions.index(option.asset.region)
    weights = np.zeros(market.slots)
    for segment in option.segments:
        for slot in range(market.slots):
            begin = market.start + slot * SLOT
            overlap = min(segment.end, begin + SLOT) - max(segment.start, begin)
            weights[slot] += max(0.0, overlap.total_seconds())
    shares = weights / weights.sum()
    pairs = [
        ("intensity", _mean(market.intensity[row], shares), option.intensity_g_per_kwh),
        ("carbon", option.energy_kwh * _mean(market.intensity[row], shares), option.carbon_g),
    ]
    if option.renewable_pct is not None:
        pairs.append(("renewable", _mean(market.renewable[row], shares), option.renewable_pct))
    if option.cost_gbp is not None:
        cost = option.energy_kwh * _mean(prices_at(market, option.asset)[0], shares)
        pairs.append(("cost", cost, option.cost_gbp))
    for name, mine, its in pairs:
        if not abs(mine - its) <= TOLERANCE * max(1.0, abs(mine)):
            yield f"{name} is {its}, recomputed {mine}"


def _mean(values: FloatArray, shares: FloatArray) -> float:
    return float(values[shares > 0] @ shares[shares > 0])
