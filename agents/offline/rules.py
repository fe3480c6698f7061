"""The offline planner's rules: which arguments a tool gets, and what each agent answers from what the tools said."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage
from pydantic import JsonValue

from agents.constraints import Region
from agents.request.reader import read
from tools.regions import REGIONS
from tools.solver.candidates import APART

OFFLINE_NAME = "offline planner"
OPTIONS = 3
_REGION_IDS = {region.name: region.region_id for region in REGIONS}
_NOW = re.compile(r"^Now: .* \((?P<time>\S+Z)\)$", re.MULTILINE)
_REQUEST = re.compile(r"<request>\n(?P<text>.*?)\n</request>", re.DOTALL)
_IDS = re.compile(r"^options: (?P<ids>[\w, ]+)$", re.MULTILINE)


def arguments_for(tool: str, messages: Sequence[BaseMessage]) -> dict[str, Any]:
    """Only `compare_options` needs any."""
    return {"option_ids": _option_ids(messages)} if tool == "compare_options" else {}


def answer_for(schema: dict[str, Any], messages: Sequence[BaseMessage]) -> str:
    """JSON by the schema, which is told by its properties: titles do not survive every client."""
    wanted = schema.get("properties", {})
    answer = _head if "choices" in wanted else _compute if _result(messages, "find_assets") else _energy
    return json.dumps({key: value for key, value in answer(messages).items() if key in wanted}, ensure_ascii=False)


def _compute(messages: Sequence[BaseMessage]) -> dict[str, JsonValue]:
    brief = _brief(messages)
    match = _REQUEST.search(brief)
    entries = _result(messages, "find_assets").get("assets")
    hosts = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    names = [str(entry["asset"]) for entry in hosts if entry.get("asset")]
    constraints = read(match["text"] if match else "", _now(brief), names).constraints
    allowed = set(range(1, 15))
    for region in constraints:
        if isinstance(region, Region) and region.strength == "must":
            allowed = allowed & set(region.regions) if region.allowed else allowed - set(region.regions)
    placed = [entry for entry in hosts if entry.get("option")]
    suited = [entry for entry in placed if _REGION_IDS.get(str(entry["region"]), 0) in allowed] or placed
    suited.sort(key=lambda entry: (entry["option"]["carbon_g"], entry["option"]["cost_gbp"] or 0.0))
    return {
        "constraints": [constraint.model_dump(mode="json") for constraint in constraints],
        "option_ids": [entry["option"]["id"] for entry in suited[:OPTIONS]],
        "claims": [{"kind": "extreme", "of": "carbon", "end": "best"}],
    }


def _energy(messages: Sequence[BaseMessage]) -> dict[str, JsonValue]:
    return {
        "option_ids": [option["id"] for option in _options(messages, "find_windows")[:OPTIONS]],
        "claims": [{"kind": "mix", "who": "first"}, {"kind": "trend", "who": "first"}],
    }


def _head(messages: Sequence[BaseMessage]) -> dict[str, JsonValue]:
    compared = _result(messages, "compare_options")
    now = compared.get("running_now")
    ranked = _ranked(_options(messages, "compare_options"), compared.get("first"))
    is_greener = isinstance(now, dict) and (ranked[0]["renewable_pct"] or 0) > (now["renewable_pct"] or 0)
    cause: JsonValue = {"kind": "mix", "who": "first"}
    return {
        "choices": [
            {"option_id": option["id"], "reason": _reason(option, ranked), "topics": ["why"]} for option in ranked
        ],
        "claims": [*([cause] if is_greener else []), {"kind": "sure", "about": "confidence"}],
        "certainty": ranked[0].get("confidence", 0.5),
    }


def _reason(option: dict[str, Any], ranked: Sequence[dict[str, Any]]) -> str:
    """Code checks it against the figures."""
    if option["carbon_g"] <= min(other["carbon_g"] for other in ranked):
        return "low_carbon"
    return "availability" if option["start"] <= min(other["start"] for other in ranked) else "cost_effective"


def _options(messages: Sequence[BaseMessage], tool: str) -> list[dict[str, Any]]:
    found = _result(messages, tool).get("options")
    return [option for option in found or () if isinstance(option, dict) and "objective_gbp" in option]


def _ranked(options: Sequence[dict[str, Any]], first: object) -> list[dict[str, Any]]:
    """What has to stand first does, then by objective; no two of one region within two hours."""
    order = sorted(options, key=lambda option: (option["id"] != first, float(option["objective_gbp"])))
    ranked: list[dict[str, Any]] = []
    for option in order:
        if len(ranked) < OPTIONS and all(_apart(option, other) for other in ranked):
            ranked.append(option)
    return ranked


def _apart(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["region"] != other["region"]) or abs(_time(one["start"]) - _time(other["start"])) >= APART


def _brief(messages: Sequence[BaseMessage]) -> str:
    return next((message.text for message in messages if isinstance(message, HumanMessage)), "")


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
