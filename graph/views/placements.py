"""Answers in lines of a given width: where, when, how much, what it saves, and why nothing greener is first."""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from graph.views.rows import local
from graph.views.text import one_line, shorten
from persistence.columns import mapping
from persistence.workload import Row

_WHERE, _WHEN, _CARBON, _COST, _SAVES = 18, 19, 7, 6, 7
_FIXED: Final = _WHERE + _WHEN + _CARBON + _COST + _SAVES + 5
_NARROWEST_NAME: Final = 12
_INDENT: Final = "  "
TERMS: Final = (
    "CO2, £   of the whole run. Times are UK time.",
    "saves    CO2 avoided compared with running it now.",
    "Greener  an alternative with less CO2; not first, since avoiding a tonne there",
    "         costs more (>) than this workload's urgency pays for one.",
)
"""What the words of the lines mean."""


def heading(width: int) -> str:
    return _columns(width, "workload", "where", "when", "CO2", "£", "saves").rstrip()


def placement_line(row: Row, width: int) -> str:
    """One line: name, where, when, CO2, cost, CO2 saved; for a failure the name and why, cut at the width."""
    if not row.get("recommended_region"):
        why = row.get("agent_error") or row.get("status")
        return shorten(f"{_name(row)}  {row.get('status')}: {one_line(why)}", width)
    provenance = _provenance(row)
    return _columns(
        width,
        _name(row),
        one_line(row["recommended_region"]),
        when(row.get("recommended_time_window_start"), row.get("recommended_time_window_end")),
        carbon(_options(row)[0].get("carbon_g") if _options(row) else None),
        _pounds(row.get("recommended_cost_gbp")),
        carbon(mapping(provenance.get("savings")).get("carbon_g")),
    ).rstrip()


def placement_lines(row: Row, width: int) -> list[str]:
    """The line, and below it what a reader would ask next: why nothing greener, or why it failed, in full."""
    if row.get("recommended_region"):
        return [placement_line(row, width), *_wrapped(why_not_greener(row), width)]
    return [f"{_name(row)}: {row.get('status')}", *_wrapped(one_line(row.get("agent_error")), width)]


def why_not_greener(row: Row) -> str:
    """The alternative with least carbon, and what it would cost to save that carbon."""
    best, *others = _options(row) or [{}]
    grams = _figure(best, "carbon_g")
    greener = [other for other in others if grams is not None and _below(_figure(other, "carbon_g"), grams)]
    if not greener:
        return "No alternative emits less." if others else ""
    other = min(greener, key=lambda option: float(option["carbon_g"]))
    place = f"Greener: {shorten(one_line(other.get('region')), _WHERE)} {_start(other)}, {carbon(other['carbon_g'])}"
    extra = (_figure(other, "cost_gbp") or 0.0) - (_figure(best, "cost_gbp") or 0.0)
    price = _figure(_provenance(row), "carbon_price_gbp_per_tonne")
    tonne = extra / ((grams or 0.0) - float(other["carbon_g"])) * 1e6
    if price is None or tonne <= price:
        return f"{place}; ranked lower ({one_line(other.get('reason'))})"
    more = f"£{extra:.2f}" if extra >= 0.01 else f"{extra * 100:.1f}p"
    return f"{place}, +{more} = £{tonne:,.0f}/t > £{price:,.0f}/t"


def carbon(grams: object) -> str:
    """`216 g`, `3.4 kg`; empty where unknown."""
    if not isinstance(grams, int | float):
        return ""
    if abs(grams) < 999.5:
        return f"{round(grams)} g"
    return f"{grams / 1000:.1f} kg" if abs(grams) < 99_950 else f"{grams / 1000:,.0f} kg"


def when(start: object, end: object) -> str:
    """`Sun 02:00-06:00`, or `Sun 04:30-Mon 07:30`: enough for a plan of two days."""
    if not isinstance(start, str) or not isinstance(end, str):
        return ""
    first, last = local(start), local(end)
    return f"{first:%a %H:%M}-{_closing(first, last)}"


def _closing(first: datetime, last: datetime) -> str:
    return f"{last:%H:%M}" if first.date() == last.date() else f"{last:%a %H:%M}"


def _columns(width: int, name: str, where: str, window: str, grams: str, cost: str, saves: str) -> str:
    room = max(_NARROWEST_NAME, width - _FIXED)
    return (
        f"{shorten(name, room):<{room}} {shorten(where, _WHERE):<{_WHERE}} {window:<{_WHEN}} "
        f"{grams:>{_CARBON}} {cost:>{_COST}} {saves:>{_SAVES}}"
    )


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(30, width), initial_indent=_INDENT, subsequent_indent=_INDENT)


def _name(row: Row) -> str:
    return one_line(row.get("workload_name")).removeprefix("Sample: ").removesuffix(" (infeasible on purpose)")


def _options(row: Row) -> Sequence[Mapping[str, Any]]:
    listed = mapping(row.get("metadata")).get("recommendations")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _provenance(row: Row) -> Mapping[str, Any]:
    return mapping(mapping(row.get("metadata")).get("provenance"))


def _start(option: Mapping[str, Any]) -> str:
    start = option.get("start")
    return f"{local(start):%a %H:%M}" if isinstance(start, str) else ""


def _figure(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) else None


def _below(grams: float | None, best: float) -> bool:
    """By half a gram at least: less is not shown."""
    return grams is not None and grams < best - 0.5


def _pounds(value: object) -> str:
    return "" if value is None else f"{float(str(value)):.2f}"
