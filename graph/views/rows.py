"""Rows of `compute_workloads` in words and columns, for people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from graph.views.text import one_line
from persistence.columns import mapping
from persistence.ids import short_id
from persistence.workload import Row
from tools.slots import LONDON

LIST_COLUMNS = ("id", "workload", "state", "where", "when (UK time)", "g/kWh", "£")
NARROW_COLUMNS = (*LIST_COLUMNS[:4], "from (UK time)", *LIST_COLUMNS[5:])
"""On a terminal that has no room for where a window ends."""
SHRINKABLE = frozenset({"workload", "where"})
WIDE = 110
"""Columns that a table of `LIST_COLUMNS` takes with names of some length."""
STATE_WORDS = {"queued": "placed", "processing": "running"}
"""In a list for people: a row that has its answer is `queued`, for the user's review."""


def list_cells(row: Row, *, is_narrow: bool = False) -> tuple[str, ...]:
    """One line of `gridwise list`; see `LIST_COLUMNS` and `NARROW_COLUMNS`."""
    start = row.get("recommended_time_window_start")
    return (
        short_id(row.get("id")),
        one_line(row.get("workload_name")),
        STATE_WORDS.get(str(row.get("status")), one_line(row.get("status"))),
        one_line(row.get("recommended_region")),
        window(row) if not is_narrow else f"{local(start):%d %b %H:%M}" if isinstance(start, str) else "",
        _number(row.get("recommended_carbon_intensity"), 0),
        _number(row.get("recommended_cost_gbp"), 2),
    )


def window(row: Row) -> str:
    start, end = row.get("recommended_time_window_start"), row.get("recommended_time_window_end")
    if not isinstance(start, str) or not isinstance(end, str):
        return ""
    first, last = local(start), local(end)
    closing = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%a %H:%M}"
    return f"{first:%a %d %b %H:%M}-{closing}"


def against_now(carbon_pct: float | None, cost_pct: float | None) -> str:
    """Shares that are saved against running now, in words; empty where neither is known."""
    known = ((share, what) for share, what in ((carbon_pct, "carbon"), (cost_pct, "cost")) if share is not None)
    return ", ".join(f"{abs(share):.0f} % {'less' if share >= 0 else 'more'} {what}" for share, what in known)


def describe(row: Row) -> list[str]:
    """The lines of `gridwise show`."""
    status = one_line(row.get("status"))
    explained = " (the recommendation is there, for its user to review)" if status == "queued" else ""
    lines = [f"{one_line(row.get('workload_name'))}  ({row.get('id')})", f"state: {status}{explained}"]
    if row.get("agent_error"):
        lines.append(f"why: {row['agent_error']}")
    if not row.get("recommended_region"):
        return [*lines, *_reading(row)]
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
    return [*lines, *_reading(row)]


def _reading(row: Row) -> list[str]:
    if not {"request_reading", "relaxations"} & mapping(row.get("metadata")).keys():
        return []
    from graph.views.reading import reading_lines  # the vocabulary of limits takes longer to import than all else here

    return reading_lines(row)


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


def _number(value: object, places: int) -> str:
    return "" if value is None else f"{float(str(value)):.{places}f}"


def _measured(value: object, unit: str) -> str:
    return "unknown" if value is None else f"{_number(value, 0)} {unit}"


def _money(value: object) -> str:
    return "cost unknown" if value is None else f"£{_number(value, 2)}"
