"""What the agents' tools answer, as JSON values, by the tools' names."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import JsonValue

from tools.energy import asset_energy_kwh, energy_range_kwh, estimate
from tools.errors import GridwiseError, Infeasible
from tools.market import Market, prices_at
from tools.placement import Asset, Option, Problem
from tools.regions import region_name
from tools.solver.candidates import compute_candidates, energy_candidates, option_by_id
from tools.solver.confidence import confidence
from tools.solver.instance import Criterion
from tools.solver.options import sort_key
from tools.solver.policy import is_harmless, worth_shifting
from tools.solver.ranking import Shortlist
from tools.solver.savings import dominates, savings
from tools.solver.search import optimum
from tools.tariff import tariff_words
from tools.toolkit.summary import block_length, number, option_summary, series_mean, series_summary, stamp

MOST_ASSETS: Final = 12
MOST_WINDOWS: Final = 6


def answer(tool: str, problem: Problem, market: Market, arguments: Mapping[str, Any]) -> str:
    """Compact JSON text, the same for the same state; a bad argument is answered with `{"error": …}`."""
    try:
        value = ANSWERS[tool](problem, market, **arguments)
    except GridwiseError as error:
        value = {"error": str(error)}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def assets_answer(
    problem: Problem, market: Market, regions: Sequence[int] | None = None, min_gpus: int = 0, limit: int = MOST_ASSETS
) -> JsonValue:
    """Assets in the regions with enough GPUs, those with the soonest start first, those without an option last."""
    options = {option.option_id: option for option in compute_candidates(problem, market)}
    entries: list[tuple[tuple[float, int], dict[str, JsonValue]]] = []
    for i, asset in enumerate(problem.assets, start=1):
        if (regions is not None and asset.region not in regions) or asset.gpu_count < min_gpus:
            continue
        option = options.get(f"c{i}")
        entry: dict[str, JsonValue] = {
            "asset": asset.name,
            "region": region_name(asset.region),
            "hardware": asset.hardware,
            "gpus": asset.gpu_count,
            "pue": asset.pue,
            "workload_energy_kwh": number(asset_energy_kwh(problem, asset), 3),
            "option": None if option is None else _brief(option),
        }
        entries.append(((option.start.timestamp() if option else float("inf"), i), entry))
    shown: list[JsonValue] = [entry for _, entry in sorted(entries, key=lambda pair: pair[0])[:limit]]
    return {"assets": shown, "matching": len(entries), "preferred": problem.preferred_asset}


def energy_answer(
    problem: Problem,
    _market: Market,
    duration_hours: float | None = None,
    gpu_minutes: float | None = None,
    cpu_cores: int | None = None,
    memory_gb: float | None = None,
    hardware: str = "",
) -> JsonValue:
    """The figures of the placement; with any argument, what the energy model gives for those."""
    job = problem.job
    if all(value is None for value in (duration_hours, gpu_minutes, cpu_cores, memory_gb)) and not hardware:
        least, most = energy_range_kwh(problem)
        return {
            "energy_kwh": number(most, 3),
            "least_energy_kwh_of_a_site": number(least, 3),
            "duration_minutes": job.duration_minutes,
            "energy_is_stated_by_user": job.energy_is_stated,
            "can_pause": job.pausable,
            "assumptions": list(job.assumptions),
        }
    found = estimate(
        duration_hours=duration_hours,
        gpu_minutes=gpu_minutes,
        cpu_cores=cpu_cores,
        memory_gb=memory_gb,
        hardware=hardware,
    )
    return {
        "energy_kwh": number(found.energy_kwh, 3),
        "low_estimate_kwh": number(found.low_model_energy_kwh, 3),
        "duration_minutes": found.duration_minutes,
        "power_kw": number(found.power_kw, 3),
        "pue": found.reference_pue,
        "embodied_g": number(found.embodied_g, 1),
        "assumptions": list(found.assumptions),
    }


def carbon_answer(problem: Problem, market: Market, regions: Sequence[int] | None = None) -> JsonValue:
    """Carbon intensity and renewable share."""
    return series_answer(problem, market, regions, "carbon")


def price_answer(problem: Problem, market: Market, regions: Sequence[int] | None = None) -> JsonValue:
    """Electricity price."""
    return series_answer(problem, market, regions, "price")


def series_answer(
    problem: Problem, market: Market, regions: Sequence[int] | None, kind: Literal["carbon", "price"]
) -> JsonValue:
    """Per region a summary over the time in which the workload may run."""
    begin = max(problem.now, problem.limits.earliest_start)
    end = min(market.end, problem.limits.latest_finish or market.end)
    if problem.limits.latest_start is not None:
        end = min(end, problem.limits.latest_start + timedelta(minutes=problem.job.duration_minutes))
    wanted = regions if regions is not None else sorted({asset.region for asset in problem.assets})
    described: dict[str, JsonValue] = {}
    for region in wanted:
        if region not in market.regions:
            described[region_name(region)] = None
            continue
        row = market.regions.index(region)
        if kind == "carbon":
            described[region_name(region)] = {
                "intensity_g_per_kwh": series_summary(market, market.intensity[row], begin, end, 1),
                "mean_renewable_pct": series_mean(market, market.renewable[row], begin, end, 1),
            }
        else:
            described[region_name(region)] = {
                "price_gbp_per_kwh": series_summary(market, market.price_gbp_per_kwh[row], begin, end, 4),
                "estimated_slots": int(market.price_estimated[row].sum()),
            }
    if kind == "price":
        described |= {asset.name: _own_prices(market, asset, begin, end) for asset in _with_tariff(problem, wanted)}
    note = market.carbon if kind == "carbon" else market.price
    return {
        "from": stamp(begin),
        "to": stamp(end),
        "means_are_over_minutes": number(block_length(begin, end).total_seconds() / 60, 1),
        "source": {"name": note.name, "mode": note.mode, "detail": note.detail},
        "regions": described,
    }


def _with_tariff(problem: Problem, regions: Sequence[int]) -> list[Asset]:
    return [asset for asset in problem.assets if asset.tariff is not None and asset.region in regions]


def _own_prices(market: Market, asset: Asset, begin: datetime, end: datetime) -> JsonValue:
    price, estimated = prices_at(market, asset)
    return {
        "price_gbp_per_kwh": series_summary(market, price, begin, end, 4),
        "estimated_slots": int(estimated.sum()),
        "tariff": tariff_words(asset.tariff, region_name(asset.region)),
    }


def windows_answer(
    problem: Problem,
    market: Market,
    regions: Sequence[int] | None = None,
    order_by: Literal["best", "cleanest", "cheapest", "soonest"] = "best",
    finish_by: datetime | None = None,
    limit: int = MOST_WINDOWS,
) -> JsonValue:
    """The canonical energy options, filtered and ordered; why there is none where nothing is feasible."""
    options = energy_candidates(problem, market)
    if not options:
        return _why_none(problem, market)
    shown = [
        option
        for option in options
        if (regions is None or option.asset.region in regions) and (finish_by is None or option.end <= finish_by)
    ]
    if order_by != "best":
        shown.sort(key=lambda option: sort_key(option, Criterion(order_by)))
    listed: list[JsonValue] = [_of(option) for option in shown[:limit]]
    answer: dict[str, JsonValue] = {"options": listed, "matching": len(shown), "of": len(options)}
    if not shown:
        answer["note"] = "no option matches the arguments; leave out regions or finish_by"
    return answer


def comparison_answer(problem: Problem, market: Market, option_ids: Sequence[str]) -> JsonValue:
    """The options beside running now: savings, confidence, Pareto position."""
    options = [option_by_id(problem, market, option_id) for option_id in dict.fromkeys(option_ids)]
    shortlist = Shortlist(problem, market, [option.option_id for option in options])
    now = shortlist.now
    if now is None:
        why = "the carbon intensity of running now is not known"
        return {"running_now": None, "why": why, "options": [_of(option) for option in options]}
    compared: list[JsonValue] = []
    for option in options:
        saved = savings(option, now)
        described = _of(option)
        described["saved"] = {
            "carbon_g": number(saved.carbon_g, 1),
            "cost_gbp": number(saved.cost_gbp, 4),
            "objective_pct": number(saved.objective_pct, 1),
            "delay_hours": number(saved.delay_hours, 2),
        }
        described["confidence"] = number(confidence(problem, market, option, now), 2)
        described["on_pareto_front"] = not any(dominates(other, option) for other in options)
        described["worth_shifting"] = worth_shifting(problem, market, option, now)
        described["emits_more_than_now"] = not is_harmless(problem, option, now)
        compared.append(described)
    return {
        "first": shortlist.winner.option_id,
        "running_now": _of(now),
        "options": compared,
        "min_saving_pct": number(100 * problem.min_saving, 1),
        "carbon_price_gbp_per_tonne": number(problem.carbon_price_gbp_per_tonne, 1),
    }


def _why_none(problem: Problem, market: Market) -> JsonValue:
    try:
        optimum(problem, market)
    except Infeasible as error:
        return {
            "options": [],
            "binding": error.binding,
            "why": str(error),
            "relaxations": [relaxation.sentence() for relaxation in error.relaxations[:4]],
        }
    return {"options": []}


def _brief(option: Option) -> JsonValue:
    described = option_summary(option)
    return {key: described[key] for key in ("id", "start", "intensity_g_per_kwh", "carbon_g", "cost_gbp")}


def _of(option: Option) -> dict[str, JsonValue]:
    """What a ranking is made by; each token is paid for."""
    return {key: value for key, value in option_summary(option).items() if key not in ("label", "energy_kwh")}


ANSWERS: Final[Mapping[str, Callable[..., JsonValue]]] = {
    "find_assets": assets_answer,
    "estimate_energy": energy_answer,
    "carbon_intensity": carbon_answer,
    "electricity_prices": price_answer,
    "find_windows": windows_answer,
    "compare_options": comparison_answer,
}
"""By tool. Without arguments each answers as its tool does without any."""
