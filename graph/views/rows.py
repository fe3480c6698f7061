"""Rows of `compute_workloads` in words and columns, for people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from persistence.columns import mapping
from persistence.workload import Row
from tools.slots import LONDON

COLUMNS = ("workload", "state", "region", "window (UK time)", "gCO2/kWh", "renew. %", "GBP", "saving CO2", "conf.")


def cells(row: Row) -> tuple[str, ...]:
    """One line of the table of results; see `COLUMNS`."""
    return (
        _text(row.get("workload_name")).removeprefix("Sample: "),
        _text(row.get("status")),
        _text(row.get("recommended_region")),
        window(row),
        _number(row.get("recommended_carbon_intensity"), 0),
        _number(row.get("recommended_renewable_mix"), 0),
        _number(row.get("recommended_cost_gbp"), 2),
        saving(row),
        _number(row.get("recommendation_confidence"), 2),
    )


def window(row: Row) -> str:
    start, end = row.get("recommended_time_window_start"), row.get("recommended_time_window_end")
    if not isinstance(start, str) or not isinstance(end, str):
        return ""
    first, last = local(start), local(end)
    closing = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%a %H:%M}"
    return f"{first:%a %d %b %H:%M}-{closing}"


def saving(row: Row) -> str:
    """Against running now, as the row's provenance has it: share of the carbon, %."""
    share = _savings(row).get("carbon_pct")
    return "" if share is None else f"{share:.0f} %"


def against_now(carbon_pct: float | None, cost_pct: float | None) -> str:
    """Shares that are saved against running now, in words; empty where neither is known."""
    known = ((share, what) for share, what in ((carbon_pct, "carbon"), (cost_pct, "cost")) if share is not None)
    return ", ".join(f"{abs(share):.0f} % {'less' if share >= 0 else 'more'} {what}" for share, what in known)


def describe(row: Row) -> list[str]:
    """The lines of `gridwise show`."""
    lines = [f"{row.get('workload_name')}  ({row.get('id')})", f"state: {row.get('status')}"]
    if row.get("agent_error"):
        lines.append(f"why: {row['agent_error']}")
    if not row.get("recommended_region"):
        return lines
    lines += [
        f"where: {row['recommended_region']}",
        f"when: {window(row)} (UK time)",
        _figures_line(row),
        *_savings_line(row),
        f"summary: {row.get('decision_summary')}",
    ]
    for rank in (2, 3):
        if region := row.get(f"recommended_{rank}_region"):
            lines.append(
                f"option {rank}: {region},"
                f" {_number(row.get(f'recommended_{rank}_carbon_intensity'), 0)} gCO2/kWh,"
                f" {_money(row.get(f'recommended_{rank}_cost_gbp'))}"
                f" ({row.get(f'recommended_{rank}_reason')})"
            )
    return lines


def _figures_line(row: Row) -> str:
    figures = {
        "carbon intensity": _measured(row.get("recommended_carbon_intensity"), "gCO2/kWh"),
        "renewable": _measured(row.get("recommended_renewable_mix"), "%"),
        "cost": _money(row.get("recommended_cost_gbp")),
        "confidence": _number(row.get("recommendation_confidence"), 2),
    }
    return " · ".join(f"{name}: {figure}" for name, figure in figures.items())


def _savings_line(row: Row) -> list[str]:
    savings = _savings(row)
    words = against_now(savings.get("carbon_pct"), savings.get("cost_pct"))
    return [f"against running now: {words}"] if words else []


def _savings(row: Row) -> Mapping[str, Any]:
    return mapping(mapping(mapping(row.get("metadata")).get("provenance")).get("savings"))


def local(timestamp: str) -> datetime:
    """An ISO timestamp in UK time."""
    return datetime.fromisoformat(timestamp).astimezone(LONDON)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object, places: int) -> str:
    return "" if value is None else f"{float(str(value)):.{places}f}"


def _measured(value: object, unit: str) -> str:
    return "unknown" if value is None else f"{_number(value, 0)} {unit}"


def _money(value: object) -> str:
    return "cost unknown" if value is None else f"£{_number(value, 2)}"
