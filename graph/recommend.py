"""The last step: from three option ids to the recommendation that is written back. All figures are looked up here."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version

from pydantic import JsonValue

from agents.constraints import reading_record
from agents.state import AgentsState, ComputeAnalysis, EnergyAnalysis, RankedChoice
from persistence.workload import RankedOption, Recommendation
from tools.energy import asset_power_kw
from tools.errors import NoDataError
from tools.market import Market
from tools.placement import Option, Problem
from tools.regions import region_name
from tools.solver.candidates import option_by_id
from tools.solver.confidence import confidence
from tools.solver.fallback import BlindPlacement
from tools.solver.savings import savings
from tools.solver.search import run_now
from tools.tariff import tariff_words

GRAPH_VERSION = version("gridwise")
UNKNOWN = 0.5
"""Confidence where running now cannot be measured: as likely one way as the other."""


def recommend(state: AgentsState) -> Recommendation:
    """The recommendation that the state's decision names."""
    problem, market, decision = state["problem"], state["market"], state["decision"]
    options = [option_by_id(problem, market, choice.option_id) for choice in decision.choices]
    winner, baseline = options[0], _counterfactual(problem, market)
    listed = state["compute"] if winner.source == "compute" else state["energy"]
    rank = _rank(winner.option_id, listed.option_ids)
    probability = _decimal(UNKNOWN if baseline is None else confidence(problem, market, winner, baseline), 2)
    details = [_details(option) for option in options]
    return Recommendation(
        options=tuple(_ranked(option, choice) for option, choice in zip(options, decision.choices, strict=True)),
        source=winner.source,
        rank=rank,
        confidence=probability,
        decision_summary=decision.decision_summary,
        metadata={
            "compute_analysis": state["compute"].model_dump(mode="json"),
            "request_reading": reading_record(state["compute"].constraints, state["compute"].not_understood),
            "compute_options": _listing(problem, market, state["compute"]),
            "energy_options": _listing(problem, market, state["energy"]),
            "head_decision": decision.model_dump(mode="json"),
            "recommendations": [
                {**detail, "rank": place, "reason": choice.reason, "reasoning": choice.reasoning}
                for place, (detail, choice) in enumerate(zip(details, decision.choices, strict=True), 1)
            ],
            "selected_option": {
                "source": winner.source,
                "rank": rank,
                "option_data": details[0],
                "reasoning": decision.choices[0].reasoning,
            },
            "decision_summary": decision.decision_summary,
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


def _counterfactual(problem: Problem, market: Market) -> Option | None:
    """None where its place and time have no figures."""
    try:
        return run_now(problem, market)
    except NoDataError:
        return None


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
        "power_kw": round(asset_power_kw(problem, winner.asset), 4),
        "segments": [{"start": part.start.isoformat(), "end": part.end.isoformat()} for part in winner.segments],
        "assumptions": list(problem.job.assumptions),
        "counterfactual": None if baseline is None else _details(baseline),
        "savings": None if baseline is None else _rounded(savings(winner, baseline).model_dump()),
    }


def _rounded(figures: dict[str, float | None]) -> dict[str, JsonValue]:
    return {name: None if figure is None else round(figure, 4) for name, figure in figures.items()}


def _decimal(value: float, places: int) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
