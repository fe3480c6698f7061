"""New."""

from collections.abc import Sequence

from pydantic import JsonValue

from agents.grounding.check import Ungrounded, first_place, ungrounded
from agents.grounding.facts import Facts, request_facts
from agents.state import AgentsState
from tools.placement import Option
from tools.regions import region_name
from tools.solver.ranking import Pool


def _facts(
    state: AgentsState, pool: Pool, options: Sequence[Option], compared: JsonValue
) -> tuple[Facts, dict[str, Facts]]:
    """What any sentence may say, and what may be said of each option."""
    problem = state["problem"]
    base = request_facts(state["workload"], problem, [finding.effect for finding in state["compute"].findings])
    base.add_json({"energy_kwh": problem.job.energy_kwh})
    limits = problem.limits
    entries = compared["options"] if isinstance(compared, dict) else []
    own: dict[str, Facts] = {}
    for option, entry in zip(options, entries if isinstance(entries, list) else [], strict=True):
        about = {option.option_id, *(["now"] if pool.is_now(option) else [])}
        facts = own[option.option_id] = Facts(now=problem.now, about=frozenset(about))
        facts.add_option(option)
        facts.add_json(entry)
        facts.add_comparisons([option, pool.now] if pool.now is not None else options)
        if limits.latest_finish is not None:
            facts.add_delay("end", option.end - limits.latest_finish, option.option_id, None)
        if limits.latest_start is not None:
            facts.add_delay("start", option.start - limits.latest_start, option.option_id, None)
    if pool.now is not None:
        own["now"] = Facts(now=problem.now)
        own["now"].add_option(pool.now)
    return base, own


def _others(base: Facts, own: dict[str, Facts], pool: Pool, options: Sequence[Option]) -> Facts:
    """What a sentence that compares may say besides."""
    others = base
    for facts in own.values():
        others = others.merged(facts)
    others.add_comparisons([*options, *([pool.now] if pool.now is not None else [])])
    return others


def _summary_spans(
    text: str, base: Facts, own: dict[str, Facts], others: Facts, options: Sequence[Option], instructions: str
) -> tuple[Ungrounded, ...]:
    """The first place is where it runs; figures beside a place are that place's, and else the winner's."""
    by_region: dict[int, Facts] = {}
    for option in options:
        region, facts = option.asset.region, own[option.option_id]
        by_region[region] = by_region[region].merged(facts) if region in by_region else facts
    spans = ungrounded(text, base, others, by_region=by_region, instructions=instructions)
    first = first_place(text)
    if first is not None and options[0].asset.region not in first[1]:
        where = region_name(options[0].asset.region)
        spans += (Ungrounded(first[0], f"is named first, but the recommended option is in {where}"),)
    return spans


def _spans(text: str, facts: Facts, others: Facts, instructions: str) -> tuple[Ungrounded, ...]:
    return ungrounded(text, facts, others, instructions=instructions)
