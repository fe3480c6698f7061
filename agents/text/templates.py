"""Sentences made by code from options as the tools tell them: the offline planner's, and those that stand in where a
model's own words were not grounded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from persistence.workload import Reason
from tools.market import Market, Mode, SourceNote
from tools.placement import Option
from tools.slots import UK

FULL_COVERAGE = 0.995
TEMPLATED = "(Standard wording: the model's own could not be confirmed.)"
_MODES: dict[Mode, str] = {
    "last_good": "the last good forecast",
    "profile": "a daily profile of recent days",
    "recorded": "a recorded day replayed",
    "none": "missing",
}


@dataclass(frozen=True)
class Placement:
    """One option as `compare_options` or `find_windows` tells it."""

    option_id: str
    asset: str
    region: str
    start: datetime
    end: datetime
    intensity_g_per_kwh: float
    renewable_pct: float | None
    carbon_g: float
    cost_gbp: float | None
    objective_gbp: float
    pauses: int
    carbon_saved_pct: float | None
    cost_saved_pct: float | None
    worth_shifting: bool
    confidence: float | None

    @classmethod
    def told(cls, option: Mapping[str, JsonValue]) -> "Placement":
        saved = option.get("saved")
        saved = saved if isinstance(saved, dict) else {}
        return cls(
            option_id=str(option["id"]),
            asset=str(option["asset"]),
            region=str(option["region"]),
            start=datetime.fromisoformat(str(option["start"])),
            end=datetime.fromisoformat(str(option["end"])),
            intensity_g_per_kwh=_float(option["intensity_g_per_kwh"]),
            renewable_pct=_optional(option["renewable_pct"]),
            carbon_g=_float(option["carbon_g"]),
            cost_gbp=_optional(option.get("cost_gbp")),
            objective_gbp=_float(option["objective_gbp"]),
            pauses=int(_float(option.get("pauses", 0))),
            carbon_saved_pct=_optional(saved.get("carbon_pct")),
            cost_saved_pct=_optional(saved.get("cost_pct")),
            worth_shifting=bool(option.get("worth_shifting", False)),
            confidence=_optional(option.get("confidence")),
        )


def placements(options: JsonValue) -> list[Placement]:
    """Those of a tool's answer; entries that are no options are left out."""
    found = options if isinstance(options, list) else []
    return [Placement.told(option) for option in found if isinstance(option, dict) and "objective_gbp" in option]


def reason_for(option: Placement, pool: Sequence[Placement]) -> Reason:
    """The keyword that says best why somebody would take this one out of the pool."""
    costs = [other.cost_gbp for other in pool if other.cost_gbp is not None]
    if option.carbon_g <= min(other.carbon_g for other in pool):
        return "low_carbon"
    if option.cost_gbp is not None and costs and option.cost_gbp <= min(costs):
        return "pricing" if option.cost_gbp <= 0 else "cost_effective"
    if option.start <= min(other.start for other in pool):
        return "availability"
    return "low_carbon" if (option.carbon_saved_pct or 0) >= (option.cost_saved_pct or 0) else "cost_effective"


def reasoning(option: Placement) -> str:
    """Where, when, how clean, what it costs, and what it saves."""
    where = f"{option.asset} in {option.region}, {span(option)} UK time"
    return f"{where}: {_figures(option)}. {_capital(against_now(option))}."


def summary(first: Placement, others: Sequence[Placement]) -> str:
    """The recommendation in three sentences at most."""
    where = f"Run in {first.region} ({first.asset}), {span(first)} UK time"
    sentences = [f"{where}: {_figures(first)}", _capital(against_now(first))]
    if others:
        sentences.append("Alternatives: " + "; ".join(_short(other) for other in others))
    return ". ".join(sentences) + "."


def analysis(options: Sequence[Placement], kind: str) -> str:
    """What was found, for the analysis of the compute or the energy agent."""
    if not options:
        return f"No {kind} was found."
    regions = list(dict.fromkeys(option.region for option in options))
    first = options[0]
    figures = f"{first.intensity_g_per_kwh:.1f} g/kWh and {cost(first)}"
    where = f"The first {kind} is {first.region}, {span(first)} UK time, at {figures}"
    return f"{where}. Regions among the options: {', '.join(regions)}."


def caveats(market: Market, options: Sequence[Option]) -> list[str]:
    """What a user must know of the figures, said by code whatever a model says: old, replayed, estimated, missing."""
    found: list[str] = []
    if market.carbon.mode != "live":
        found.append(f"Carbon figures: {_MODES[market.carbon.mode]}, not a live forecast{_age(market.carbon)}.")
    elif market.carbon.coverage < FULL_COVERAGE:
        found.append(f"Carbon figures cover {100 * market.carbon.coverage:.0f} % of the horizon.")
    if any(option.cost_gbp is None for option in options):
        found.append("No price is known for these windows: carbon alone decided.")
    elif any(option.price_is_estimated for option in options):
        found.append("Prices are partly estimated.")
    return found


def against_now(option: Placement) -> str:
    """Savings against running now, in words."""
    carbon, money = option.carbon_saved_pct, option.cost_saved_pct
    if carbon is None and money is None:
        return "there is nothing to compare it with"
    if not carbon and not money:
        return "this is the same as running now"
    parts = [_change(carbon, "emits", "carbon"), _change(money, "costs", "")]
    return "compared with running now it " + " and ".join(part for part in parts if part)


def span(option: Placement) -> str:
    start, end = option.start.astimezone(UK), option.end.astimezone(UK)
    closing = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a %d %b %H:%M}"
    return f"{start:%a %d %b %H:%M} to {closing}"


def cost(option: Placement) -> str:
    if option.cost_gbp is None:
        return "price unknown"
    return f"{'-' if option.cost_gbp < 0 else ''}£{abs(option.cost_gbp):.2f}"


def _figures(option: Placement) -> str:
    share = "share of renewables unknown" if option.renewable_pct is None else f"{option.renewable_pct:.1f} % renewable"
    return f"{option.intensity_g_per_kwh:.1f} g/kWh, {share}, {cost(option)}{_pauses(option)}"


def _short(option: Placement) -> str:
    return (
        f"{option.region} from {option.start.astimezone(UK):%a %d %b %H:%M} at {option.intensity_g_per_kwh:.1f} g/kWh"
    )


def _age(note: SourceNote) -> str:
    return "" if note.age_seconds is None else f", {note.age_seconds / 3600:.1f} hours old"


def _pauses(option: Placement) -> str:
    return f", with {option.pauses} pause{'s' if option.pauses > 1 else ''}" if option.pauses else ""


def _change(saved_pct: float | None, verb: str, what: str) -> str:
    if saved_pct is None:
        return ""
    if saved_pct == 0:
        return f"{verb} as much {what}".rstrip()
    return f"{verb} {abs(saved_pct):.1f} % {'less' if saved_pct > 0 else 'more'} {what}".rstrip()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _float(value: JsonValue) -> float:
    return float(cast("float", value))


def _optional(value: JsonValue) -> float | None:
    return None if value is None else _float(value)
