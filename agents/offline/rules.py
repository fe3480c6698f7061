"""The offline planner's rules: which arguments a tool gets, and what each agent answers from what the tools said."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage
from pydantic import JsonValue

from agents.request.reader import read_wishes
from agents.text.templates import Placement, analysis, placements, reason_for, reasoning, summary
from tools.regions import REGIONS

OFFLINE_NAME = "offline planner"
OPTIONS = 3
_REGION_IDS = {region.name: region.region_id for region in REGIONS}
_NOW = re.compile(r"^Now: .* \((?P<time>\S+Z)\)$", re.MULTILINE)
_REQUEST = re.compile(r"<request>\n(?P<text>.*?)\n</request>", re.DOTALL)
_IDS = re.compile(r"^options: (?P<ids>[\w, ]+)$", re.MULTILINE)
SIGNATURE = "Decided by rules (offline planner)."


def arguments_for(tool: str, messages: Sequence[BaseMessage]) -> dict[str, Any]:
    """Only `compare_options` needs any."""
    return {"option_ids": _option_ids(messages)} if tool == "compare_options" else {}


def answer_for(schema: dict[str, Any], messages: Sequence[BaseMessage]) -> str:
    """JSON by the schema, which is told by its properties: titles do not survive every client."""
    wanted = frozenset(schema.get("properties", {}))
    return json.dumps(_ANSWERS[wanted](messages), ensure_ascii=False)


def _compute(messages: Sequence[BaseMessage]) -> dict[str, JsonValue]:
    brief = _brief(messages)
    wishes = read_wishes(_request(brief), _now(brief))
    needs, assets = _result(messages, "estimate_energy"), _result(messages, "find_assets")
    allowed = set(range(1, 15))
    for wish in wishes:
        if wish.kind == "required_regions":
            allowed &= wish.regions
        elif wish.kind == "excluded_regions":
            allowed -= wish.regions
    entries = assets.get("assets")
    hosts = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    suited = [entry for entry in hosts if entry.get("option") and _region(entry) in allowed] or [
        entry for entry in hosts if entry.get("option")
    ]
    suited.sort(key=lambda entry: _cost(entry))
    return {
        "limits": [{"kind": wish.kind, "quote": wish.quote} for wish in wishes],
        "option_ids": [entry["option"]["id"] for entry in suited[:OPTIONS]],
        "analysis_summary": _needs(needs, suited),
    }


def _energy(messages: Sequence[BaseMessage]) -> dict[str, JsonValue]:
    options = placements(_result(messages, "find_windows").get("options"))
    chosen = options[:OPTIONS]
    prices = _result(messages, "electricity_prices").get("source")
    return {
        "option_ids": [option.option_id for option in chosen],
        "analysis_summary": analysis(chosen, "energy option") + _trade_off(options) + _source(prices),
    }


def _head(messages: Sequence[BaseMessage]) -> dict[str, JsonValue]:
    compared = _result(messages, "compare_options")
    options = placements(compared.get("options"))
    now = compared.get("running_now")
    ranked = _ranked(options, now if isinstance(now, dict) else None)
    return {
        "choices": [
            {"option_id": option.option_id, "reason": reason_for(option, options), "reasoning": reasoning(option)}
            for option in ranked
        ],
        "decision_summary": f"{summary(ranked[0], ranked[1:])} {SIGNATURE}",
        "certainty": ranked[0].confidence if ranked[0].confidence is not None else 0.5,
    }


_ANSWERS: dict[frozenset[str], Callable[[Sequence[BaseMessage]], dict[str, JsonValue]]] = {
    frozenset({"limits", "option_ids", "analysis_summary"}): _compute,
    frozenset({"option_ids", "analysis_summary"}): _energy,
    frozenset({"choices", "decision_summary", "certainty"}): _head,
}


def _ranked(options: Sequence[Placement], now: dict[str, JsonValue] | None) -> list[Placement]:
    """By objective; running now first where no shift is worth it; no two of one region within two hours."""
    order = sorted(options, key=lambda option: option.objective_gbp)
    if now is not None and not order[0].worth_shifting:
        same = [
            o
            for o in order
            if o.asset == now["asset"] and o.start == _time(now["start"]) and o.end == _time(now["end"])
        ]
        order = [*same[:1], *(option for option in order if option not in same[:1])]
    ranked: list[Placement] = []
    for option in order:
        if len(ranked) < OPTIONS and all(_apart(option, other) for other in ranked):
            ranked.append(option)
    return ranked


def _apart(one: Placement, other: Placement) -> bool:
    return one.region != other.region or abs((one.start - other.start).total_seconds()) >= 2 * 3600


def _trade_off(options: Sequence[Placement]) -> str:
    if not options:
        return ""
    cleanest = min(options, key=lambda option: option.carbon_g)
    cheapest = min(options, key=lambda option: (option.cost_gbp is None, option.cost_gbp or 0.0))
    if cleanest == cheapest:
        return f" It is the cleanest and the cheapest: {cleanest.region}." if cleanest == options[0] else ""
    return f" Cleanest is {cleanest.region}, cheapest is {cheapest.region}."


def _needs(needs: dict[str, Any], suited: Sequence[dict[str, Any]]) -> str:
    text = f"The workload needs {needs['energy_kwh']:g} kWh over {needs['duration_minutes']} minutes."
    regions = list(dict.fromkeys(str(entry["region"]) for entry in suited))
    return f"{text} It could run in {', '.join(regions)}." if regions else text


def _source(source: object) -> str:
    estimated = isinstance(source, dict) and source.get("mode") != "live"
    return " Prices are not live ones." if estimated else ""


def _cost(entry: dict[str, Any]) -> tuple[float, float]:
    option = entry["option"]
    return (option["carbon_g"], option["cost_gbp"] or 0.0)


def _region(entry: dict[str, Any]) -> int:
    return _REGION_IDS.get(str(entry["region"]), 0)


def _brief(messages: Sequence[BaseMessage]) -> str:
    return next((message.text for message in messages if isinstance(message, HumanMessage)), "")


def _request(brief: str) -> str:
    match = _REQUEST.search(brief)
    return match["text"] if match else ""


def _now(brief: str) -> datetime:
    match = _NOW.search(brief)
    if match is None:
        msg = "the brief has no clock"
        raise ValueError(msg)
    return datetime.fromisoformat(match["time"])


def _option_ids(messages: Sequence[BaseMessage]) -> list[str]:
    match = _IDS.search(_brief(messages))
    return match["ids"].split(", ") if match else []


def _result(messages: Sequence[BaseMessage], tool: str) -> dict[str, Any]:
    """The tool's answer in this conversation; empty where it has not answered."""
    for message in reversed(messages):
        if isinstance(message, ToolMessage) and message.name == tool:
            try:
                value = json.loads(message.text)
            except ValueError:
                return {}
            return value if isinstance(value, dict) else {}
    return {}


def _time(value: JsonValue) -> datetime:
    return datetime.fromisoformat(str(value))
