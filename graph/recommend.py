"""The last step: from three option ids to the recommendation that is written back. All figures are looked up here."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version

from pydantic import JsonValue

from agents.constraints import reading_record
from agents.state import AgentsState, ComputeAnalysis, EnergyAnalysis, RankedChoice
from agents.text.figures import mass, money, rate
from persistence.workload import RankedOption, Recommendation
from tools.energy import asset_power_kw
from tools.market import Market
from tools.placement import Option, Problem
from tools.regions import region_name
from tools.solver.baseline import MEAN_REGION, basis, counterfactual, run_now_at, runs_now
from tools.solver.candidates import DIVERSE, option_by_id
from tools.solver.confidence import confidence
from tools.solver.fallback import BlindPlacement
from tools.solver.policy import is_harmless
from tools.solver.savings import savings, split
from tools.tariff import tariff_words

GRAPH_VERSION = version("gridwise")
UNKNOWN = 0.5
"""Confidence where running now cannot be measured: as likely one way as the other."""


def recommend(state: AgentsState) -> Recommendation:
    """The recommendation that the state's decision names."""
    problem, market, decision = state["problem"], state["market"], state["decision"]
    options = [option_by_id(problem, market, choice.option_id) for choice in decision.choices]
    winner, baseline = options[0], counterfactual(problem, market)
    listed = state["compute"] if winner.source == "compute" else state["energy"]
    rank = _rank(winner.option_id, listed.option_ids)
    probability = _decimal(UNKNOWN if baseline is None else confidence(problem, market, winner, baseline), 2)
    details = [_details(option) for option in options]
    reasons = [_reasoning(state, place, option, winner) for place, option in enumerate(options)]
    summary = " ".join([decision.decision_summary, *_notes(problem, market, options)])
    return Recommendation(
        options=tuple(_ranked(option, choice) for option, choice in zip(options, decision.choices, strict=True)),
        source=winner.source,
        rank=rank,
        confidence=probability,
        decision_summary=summary,
        metadata={
            "compute_analysis": state["compute"].model_dump(mode="json"),
            "request_reading": reading_record(state["compute"].constraints, state["compute"].not_understood),
            "compute_options": _listing(problem, market, state["compute"]),
            "energy_options": _listing(problem, market, state["energy"]),
            "head_decision": decision.model_dump(mode="json"),
            "recommendations": [
                {**detail, "rank": place, "reason": choice.reason, "reasoning": reasoning}
                for place, (detail, choice, reasoning) in enumerate(
                    zip(details, decision.choices, reasons, strict=True), 1
                )
            ],
            "selected_option": {
                "source": winner.source,
                "rank": rank,
                "option_data": details[0],
                "reasoning": reasons[0],
            },
            "decision_summary": summary,
            "provenance": _provenance(state, winner, baseline),
        },
    )


def recommend_blind(
    problem: Problem, market: Market, placed: BlindPlacement, reading: dict[str, JsonValue]
) -> Recommendation:
    """Run now where the owner would have, without a figure, and with the reason.

    `reading` is what was read in the request, as `metadata.request_reading` has it.
    """
    where = f"{placed.asset.name} ({region_name(placed.asset.region)})"
    summary = (
        f"Run now at {where}, from {placed.start:%Y-%m-%d %H:%M}Z: there are no carbon-intensity figures to choose by "
        f"({placed.why}), not even of the last days."
    )
    summary = " ".join([summary, *problem.notes])
    return Recommendation(
        options=(
            RankedOption(
                region=region_name(placed.asset.region),
                region_number=placed.asset.region,
                region_id=placed.asset.region_id,
                grid_zone_id=placed.asset.grid_zone_id,
                asset_id=placed.asset.asset_id,
                carbon_intensity=None,
                renewable_mix=None,
                cost_gbp=None,
                reason="availability",
                start=placed.start,
                end=placed.end,
            ),
        ),
        source="compute",
        rank=1,
        confidence=_decimal(UNKNOWN, 2),
        decision_summary=summary,
        metadata={
            "decision_summary": summary,
            "request_reading": reading,
            "provenance": {
                "graph_version": GRAPH_VERSION,
                "clock": problem.now.isoformat(),
                "carbon": market.carbon.model_dump(mode="json"),
                "price": market.price.model_dump(mode="json"),
                "power_kw": round(asset_power_kw(problem, placed.asset), 4),
                "assumptions": list(problem.job.assumptions),
                "counterfactual": None,
                "savings": None,
            },
        },
    )


def _rank(option_id: str, listed: Sequence[str]) -> int:
    """The place within its source's list of three; 1 for an option that its source did not list."""
    return listed.index(option_id) + 1 if option_id in listed[:3] else 1


def _ranked(option: Option, choice: RankedChoice) -> RankedOption:
    return RankedOption(
        region=region_name(option.asset.region),
        region_number=option.asset.region,
        region_id=option.asset.region_id,
        grid_zone_id=option.asset.grid_zone_id,
        asset_id=option.asset.asset_id,
        carbon_intensity=_decimal(option.intensity_g_per_kwh, 2),
        renewable_mix=None if option.renewable_pct is None else _decimal(option.renewable_pct, 2),
        cost_gbp=None if option.cost_gbp is None else _decimal(option.cost_gbp, 4),
        reason=choice.reason,
        start=option.start,
        end=option.end,
    )


def _listing(problem: Problem, market: Market, analysis: ComputeAnalysis | EnergyAnalysis) -> JsonValue:
    options = [option_by_id(problem, market, option_id) for option_id in analysis.option_ids[:3]]
    return {"options": [_details(option) for option in options], "analysis_summary": analysis.analysis_summary}


def _details(option: Option) -> dict[str, JsonValue]:
    return {
        "option_id": option.option_id,
        "source": option.source,
        "region": region_name(option.asset.region),
        "asset": option.asset.name,
        "asset_id": None if option.asset.asset_id is None else str(option.asset.asset_id),
        "start": option.start.isoformat(),
        "end": option.end.isoformat(),
        "segments": [[part.start.isoformat(), part.end.isoformat()] for part in option.segments],
        "energy_kwh": round(option.energy_kwh, 4),
        "carbon_g": round(option.carbon_g, 2),
        "carbon_intensity_gco2_kwh": round(option.intensity_g_per_kwh, 2),
        "renewable_pct": None if option.renewable_pct is None else round(option.renewable_pct, 2),
        "cost_gbp": None if option.cost_gbp is None else round(option.cost_gbp, 4),
        "price_is_estimated": option.price_is_estimated,
        "label": option.label,
    }


def _provenance(state: AgentsState, winner: Option, baseline: Option | None) -> JsonValue:
    problem, market = state["problem"], state["market"]
    return {
        "graph_version": GRAPH_VERSION,
        "clock": problem.now.isoformat(),
        "carbon": market.carbon.model_dump(mode="json"),
        "price": market.price.model_dump(mode="json"),
        "models": {
            "compute": state["compute"].model,
            "energy": state["energy"].model,
            "head": state["decision"].model,
        },
        "usage": {agent: usage.model_dump() for agent, usage in state["usage"].items()},
        "carbon_price_gbp_per_tonne": problem.carbon_price_gbp_per_tonne,
        "tariff": tariff_words(winner.asset.tariff, region_name(winner.asset.region)),
        "energy": {
            "kwh": round(winner.energy_kwh, 4),
            "source": "stated" if problem.job.energy_is_stated else "estimated",
            "scope": "what the data centre takes, cooling included",
        },
        "power_kw": round(asset_power_kw(problem, winner.asset), 4),
        "segments": [{"start": part.start.isoformat(), "end": part.end.isoformat()} for part in winner.segments],
        "assumptions": list(problem.job.assumptions),
        "objective": problem.objective,
        "min_saving_pct": round(100 * problem.min_saving, 4),
        "counterfactual": None if baseline is None else _running_now(problem, baseline),
        "savings": None if baseline is None else _savings(problem, market, winner, baseline),
    }


def _running_now(problem: Problem, baseline: Option) -> dict[str, JsonValue]:
    details = {**_details(baseline), "basis": basis(problem)}
    return {**details, "region": baseline.asset.name} if baseline.asset.region == MEAN_REGION else details


def _savings(problem: Problem, market: Market, winner: Option, baseline: Option) -> dict[str, JsonValue]:
    """In all, and its two parts: by place (running now at the winner's site) and by time."""
    parts = split(winner, baseline, run_now_at(problem, market, winner.asset))
    by_place, by_time = (None, None) if parts is None else (_rounded(part.model_dump()) for part in parts)
    return {**_rounded(savings(winner, baseline).model_dump()), "by_place": by_place, "by_time": by_time}


def _notes(problem: Problem, market: Market, options: Sequence[Option]) -> list[str]:
    """What the user must read beside the agents' words."""
    notes = list(problem.notes)
    count = len(runs_now(problem, market))
    if basis(problem) == "mean" and count > 1:
        notes.append(f"Running now means the mean over the {count} places allowed: no preferred data centre is given.")
    if len(options) < DIVERSE:
        missing = "no alternative exists" if len(options) == 1 else "only one alternative exists"
        notes.append(f"Within the limits {missing} in another region or two hours apart.")
    return notes


def _reasoning(state: AgentsState, place: int, option: Option, winner: Option) -> str:
    """The agents' words; of a greener or cheaper alternative also why it is not first."""
    problem, market = state["problem"], state["market"]
    said = state["decision"].choices[place].reasoning
    greener = option.carbon_g < winner.carbon_g * (1 - 1e-6) - 1e-6
    cheaper = option.cost_gbp is not None and winner.cost_gbp is not None and option.cost_gbp < winner.cost_gbp - 1e-4
    if place == 0 or not (greener or cheaper):
        return said
    return f"{said} {_why_not_first(problem, market, option, winner)}"


def _why_not_first(problem: Problem, market: Market, option: Option, winner: Option) -> str:
    now = counterfactual(problem, market)
    if now is not None and not is_harmless(problem, option, now):
        return f"It is not first because it emits {mass(option.carbon_g - now.carbon_g)} of CO2 more than running now."
    more = option.objective_gbp - winner.objective_gbp
    price = f"with carbon at {rate(problem.carbon_price_gbp_per_tonne)} per tonne"
    if more >= 0:
        return f"It is not first because {price} it comes to {money(more)} more in all."
    return (
        f"It is not first because it saves too little, or too unsurely, to be worth a shift: {money(-more)} {price}, "
        f"where at least {100 * problem.min_saving:g} % and a penny are asked."
    )


def _rounded(figures: dict[str, float | None]) -> dict[str, JsonValue]:
    return {name: None if figure is None else round(figure, 4) for name, figure in figures.items()}


def _decimal(value: float, places: int) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
