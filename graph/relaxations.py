"""What would make a failed row feasible, numbered for its owner to accept: see docs/contract.md."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil

from pydantic import JsonValue

from persistence.columns import mapping
from tools.errors import Change, Infeasible, Relaxation
from tools.placement import Option
from tools.regions import region_name

COLUMNS: dict[str, tuple[str, ...]] = {
    "latest_finish": ("deadline", "latest_completion"),
    "latest_start": ("is_deferrable", "deferral_window_mins"),
    "earliest_start": ("earliest_start",),
    "carbon_cap_g": ("carbon_cap_gco2",),
    "max_intensity_g_per_kwh": ("max_carbon_intensity_gco2_kwh",),
    "min_renewable_pct": ("min_renewable_pct",),
    "max_cost_gbp": ("max_price_gbp",),
}
"""Input columns that set a limit."""


def relaxations_of(error: Infeasible, row: Mapping[str, JsonValue]) -> list[JsonValue]:
    """`metadata.relaxations` of a row that failed with this error, cheapest first."""
    return [_entry(number, one, row) for number, one in enumerate(error.relaxations, start=1) if one.changes]


def _entry(number: int, one: Relaxation, row: Mapping[str, JsonValue]) -> JsonValue:
    first, *others = [entry for change in one.changes for entry in _changes(change, row)]
    return {
        "n": number,
        **first,
        "says": one.sentence(),
        "by": "owner" if one.by_owner else "operator",
        "extra_gbp": None if one.extra_gbp is None else round(one.extra_gbp, 4),
        "option": None if one.option is None else _option(one.option),
        **({"also": list[JsonValue](others)} if others else {}),
    }


def _changes(change: Change, row: Mapping[str, JsonValue]) -> list[dict[str, JsonValue]]:
    """One entry for each column that is in the way; without any the limit was read from words."""
    limit: dict[str, JsonValue] = {"kind": change.kind, "limit": change.limit, "value": change.needed}
    columns = [
        {"column": column, **limit, "from": _value(row, column), "to": to}
        for column in COLUMNS.get(change.limit, ())
        if (to := _column(column, change, row)) != _value(row, column)
    ]
    return columns or [{**limit, "from": change.given, "to": change.needed}]


def _value(row: Mapping[str, JsonValue], column: str) -> JsonValue:
    """Of the column, else of the form that fills in for it."""
    value = row.get(column)
    form = mapping(mapping(row.get("metadata")).get("user_request"))
    return form.get(column) if value is None else value


def _column(column: str, change: Change, row: Mapping[str, JsonValue]) -> JsonValue:
    """What the column has to be; unchanged where it is not stricter."""
    given, needed = _value(row, column), change.needed
    if given is None or needed is None:
        return None
    if column == "is_deferrable":
        return True
    if column == "deferral_window_mins":
        minutes = ceil((_instant(needed) - _instant(row["submitted_at"])) / timedelta(minutes=1))
        return given if float(str(given)) >= minutes else minutes
    if column in ("deadline", "latest_completion"):
        return needed if _instant(given) < _instant(needed) else given
    if column == "earliest_start":
        return needed if _instant(given) > _instant(needed) else given
    is_floor = column == "min_renewable_pct"
    stricter = float(str(given)) > float(str(needed)) if is_floor else float(str(given)) < float(str(needed))
    return needed if stricter else given


def _option(option: Option) -> JsonValue:
    return {
        "region": region_name(option.asset.region),
        "asset": option.asset.name,
        "start": option.start.isoformat(),
        "end": option.end.isoformat(),
        "carbon_g": round(option.carbon_g, 2),
        "carbon_intensity_gco2_kwh": round(option.intensity_g_per_kwh, 2),
        "cost_gbp": None if option.cost_gbp is None else round(option.cost_gbp, 4),
    }


def _instant(value: JsonValue) -> datetime:
    return datetime.fromisoformat(str(value))
