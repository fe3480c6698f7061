"""A recommendation as the columns that are written back, for answers that never see the table."""

import textwrap
from collections.abc import Mapping
from datetime import datetime
from math import isnan
from typing import Any

from pydantic import JsonValue

from graph.views.rows import against_now, window
from persistence.columns import mapping
from persistence.workload import RankedOption, Recommendation, Row
from tools.errors import Infeasible
from tools.market import Market
from tools.placement import Option
from tools.regions import region_name
from tools.slots import LONDON, SLOT

_ALTERNATIVE = ("region", "region_id", "grid_zone_id", "asset_id", "carbon_intensity", "renewable_mix", "cost_gbp")


def answered_row(row: Row, recommendation: Recommendation) -> dict[str, JsonValue]:
    """The row as `complete_workloads` would leave it, ids that only a database knows apart."""
    winner, *others = recommendation.options
    columns: dict[str, JsonValue] = {
        "status": "queued",
        "agent_status": "completed",
        "decision_summary": recommendation.decision_summary,
        **{f"recommended_{name}": value for name, value in _columns(winner).items()},
        "recommended_time_window_start": winner.start.isoformat(),
        "recommended_time_window_end": winner.end.isoformat(),
        "recommendation_source": recommendation.source,
        "recommendation_rank": recommendation.rank,
        "recommendation_confidence": float(recommendation.confidence),
    }
    for number, option in enumerate(others, start=2):
        named = {f"recommended_{number}_{name}": value for name, value in _columns(option).items()}
        columns |= {**named, f"recommended_{number}_reason": option.reason}
    metadata: dict[str, JsonValue] = {**mapping(row.get("metadata")), **recommendation.metadata}
    return {**row, **columns, "metadata": metadata}


def alternatives(row: Row) -> list[JsonValue]:
    """The runners-up with window, place, figures and reason, as `metadata.recommendations` has them."""
    listed = mapping(row.get("metadata")).get("recommendations")
    return [one for one in listed[1:] if isinstance(one, dict)] if isinstance(listed, list) else []


def request_reading(row: Row) -> JsonValue:
    """What was read from the request's words, and what was not understood."""
    metadata = mapping(row.get("metadata"))
    if isinstance(metadata.get("request_reading"), dict):
        return dict(metadata["request_reading"])
    analysis = mapping(metadata.get("compute_analysis"))
    return {"constraints": analysis.get("findings") or [], "not_understood": analysis.get("unread") or []}


def option_record(option: Option) -> dict[str, JsonValue]:
    """One option of `--top`."""
    return {
        "option_id": option.option_id,
        "label": option.label,
        "region": region_name(option.asset.region),
        "asset": option.asset.name,
        "start": option.start.isoformat(),
        "end": option.end.isoformat(),
        "segments": [[part.start.isoformat(), part.end.isoformat()] for part in option.segments],
        "carbon_g": round(option.carbon_g, 2),
        "carbon_intensity_gco2_kwh": round(option.intensity_g_per_kwh, 2),
        "renewable_pct": None if option.renewable_pct is None else round(option.renewable_pct, 2),
        "cost_gbp": None if option.cost_gbp is None else round(option.cost_gbp, 4),
        "price_is_estimated": option.price_is_estimated,
    }


def plan_lines(row: Row, now: datetime, width: int = 80) -> list[str]:
    """The answer for a person: where, when, at what, against what, and what it rests on."""
    metadata = mapping(row.get("metadata"))
    provenance = mapping(metadata.get("provenance"))
    start = row.get("recommended_time_window_start")
    ahead = (datetime.fromisoformat(str(start)) - now).total_seconds() / 60
    savings = mapping(provenance.get("savings"))
    against = against_now(savings.get("carbon_pct"), savings.get("cost_pct"))
    lines = [
        f"{row.get('recommended_region')}, {window(row)} (UK time), {_ahead(ahead)}",
        _figures(row, "recommended_"),
        *([f"against running now: {against}"] if against else []),
        "",
        *wrap(str(row.get("decision_summary") or ""), width),
    ]
    others = [one for one in alternatives(row) if isinstance(one, dict)]
    if others:
        lines += ["", "Alternatives"]
        for number, one in enumerate(others, start=2):
            text = f"{number}. {one.get('region')}, {_stretch(one)}: {_figures(one, '')} ({one.get('reason')})"
            lines += wrap(text, width, subsequent_indent="   ")
    reading = mapping(request_reading(row))
    for words in reading.get("not_understood") or []:
        lines += wrap(f"Not understood, and not applied: {words}", width, subsequent_indent="  ")
    for sentence in provenance.get("assumptions") or []:
        lines += wrap(f"Assumed: {sentence}", width, subsequent_indent="  ")
    return lines


def relaxation_lines(error: Infeasible, width: int = 80) -> list[str]:
    """Why nothing fits, and by number what would."""
    lines = wrap(str(error), width)
    for number, one in enumerate(error.relaxations, start=1):
        lines += wrap(f"{number}. {one.sentence()}", width, subsequent_indent="   ")
    return lines


def hourly_bars(row: Row, market: Market, width: int = 80) -> list[str]:
    """Carbon intensity of the recommended region by the hour as bars, the hours of the run marked."""
    region = next(
        (i for i, one in enumerate(market.regions) if region_name(one) == row.get("recommended_region")), None
    )
    start, end = (_time(row.get(f"recommended_time_window_{side}")) for side in ("start", "end"))
    if region is None or start is None or end is None:
        return []
    values = market.intensity[region]
    last = min(market.slots, max(24, -(-(end - market.start) // SLOT) + 4))
    hours = [(market.start + i * SLOT, float(values[i : i + 2].mean())) for i in range(0, last, 2)]
    highest = max((value for _, value in hours if not isnan(value)), default=0.0) or 1.0
    room = max(10, width - 26)
    lines = [f"gCO2/kWh in {row['recommended_region']} by the hour (UK time); * = the run"]
    for at, value in hours:
        mark = "*" if at < end and at + 2 * SLOT > start else " "
        bar = "?" if isnan(value) else "█" * round(value / highest * room)
        figure = "" if isnan(value) else f"{value:.0f}"
        lines.append(f"{at.astimezone(LONDON):%a %H:%M} {mark} {figure:>4} {bar}".rstrip())
    return lines


def option_cells(option: Option) -> tuple[str, ...]:
    """One line of `--top`; see `OPTION_COLUMNS`."""
    closing = f"{option.end.astimezone(LONDON):%a %H:%M}"
    return (
        option.option_id,
        option.asset.name,
        f"{option.start.astimezone(LONDON):%a %d %b %H:%M}-{closing}",
        f"{option.intensity_g_per_kwh:.0f}",
        "" if option.renewable_pct is None else f"{option.renewable_pct:.0f}",
        "" if option.cost_gbp is None else f"{option.cost_gbp:.2f}",
        option.label,
    )


OPTION_COLUMNS = ("id", "where", "window (UK time)", "gCO2/kWh", "renew. %", "GBP", "")


def wrap(text: str, width: int, *, subsequent_indent: str = "") -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=subsequent_indent, break_long_words=False) or [""]


def _figures(row: Mapping[str, Any], prefix: str) -> str:
    names = ("carbon_intensity", "renewable_mix", "cost_gbp") if prefix else _PLAIN
    intensity, renewable, cost = (row.get(f"{prefix}{name}") for name in names)
    parts = [
        "carbon unknown" if intensity is None else f"{float(str(intensity)):.0f} gCO2/kWh",
        "" if renewable is None else f"{float(str(renewable)):.0f} % renewable",
        "cost unknown" if cost is None else f"£{float(str(cost)):.2f}",
        f"confidence {row['recommendation_confidence']:.2f}" if "recommendation_confidence" in row else "",
    ]
    return " · ".join(part for part in parts if part)


_PLAIN = ("carbon_intensity_gco2_kwh", "renewable_pct", "cost_gbp")


def _stretch(one: Mapping[str, Any]) -> str:
    return window({"recommended_time_window_start": one.get("start"), "recommended_time_window_end": one.get("end")})


def _ahead(minutes: float) -> str:
    if minutes < 5:
        return "now"
    hours, rest = divmod(round(minutes), 60)
    return f"in {hours} h {rest} min" if hours else f"in {rest} min"


def _time(value: object) -> datetime | None:
    return None if value is None else datetime.fromisoformat(str(value))


def _columns(option: RankedOption) -> dict[str, JsonValue]:
    values: dict[str, Any] = option.model_dump(mode="json", include=set(_ALTERNATIVE))
    figures = ("carbon_intensity", "renewable_mix", "cost_gbp")
    return {name: _number(values[name]) if name in figures else values[name] for name in _ALTERNATIVE}


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
