"""What a case says must hold, against what came: each function lists the differences in words."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np

from persistence.workload import Recommendation
from tests.cases.doubles import instant
from tools.market import Market
from tools.placement import Option
from tools.regions import region_name

RISE = (
    r"\bmore\b|\bhigher\b|\brises?\b|\bincreas|\bextra\b|\badditional|\bagainst\b|\binstead of\b|\bdirtier\b|\babove\b"
)
Check = Callable[[Recommendation, Any], bool]


def told(found: Recommendation) -> str:
    """Everything that the user reads about the choice."""
    listed = cast("list[dict[str, Any]]", found.metadata.get("recommendations", []))
    return " ".join([found.decision_summary, *(str(option["reasoning"]) for option in listed)])


def _provenance(found: Recommendation) -> dict[str, Any]:
    return cast("dict[str, Any]", found.metadata["provenance"])


def _now(found: Recommendation, key: str) -> Any:
    return (_provenance(found)["counterfactual"] or {}).get(key)


def _near(found: Any, wanted: Any, slack: float) -> bool:
    return found is None if wanted is None else found is not None and abs(float(found) - wanted) <= slack


def _segments(found: Recommendation) -> list[tuple[datetime, datetime]]:
    stretches = _provenance(found)["segments"]
    return [(instant(part["start"]), instant(part["end"])) for part in stretches]


def _within_pct(found: Recommendation, wanted: Mapping[str, Any]) -> bool:
    saved = _provenance(found)["savings"]
    return all(saved[key] is None or low <= saved[key] <= high for key, (low, high) in wanted.items())


def _says(text: str, pattern: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


CHECKS: dict[str, Check] = {
    "queued": lambda f, _: bool(f.options),
    "region": lambda f, wanted: f.options[0].region_number == wanted,
    "region_or_failed": lambda f, wanted: f.options[0].region_number == wanted,
    "regions_allowed": lambda f, wanted: f.options[0].region_number in wanted,
    "alternatives_allowed": lambda f, wanted: all(o.region_number in wanted for o in f.options[1:]),
    "start": lambda f, wanted: f.options[0].start == instant(wanted),
    "start_by": lambda f, wanted: f.options[0].start <= instant(wanted),
    "end_by": lambda f, wanted: f.options[0].end <= instant(wanted),
    "within": lambda f, wanted: instant(wanted[0]) <= f.options[0].start and f.options[0].end <= instant(wanted[1]),
    "never_between": lambda f, wanted: all(
        end <= instant(a) or start >= instant(b) for a, b in wanted for start, end in _segments(f)
    ),
    "intensity": lambda f, wanted: _near(f.options[0].carbon_intensity, wanted, 0.011),
    "renewable": lambda f, wanted: _near(f.options[0].renewable_mix, wanted, 0.011),
    "cost_gbp": lambda f, wanted: _near(f.options[0].cost_gbp, wanted, 1e-4),
    "energy_kwh": lambda f, wanted: _near(
        cast("Any", f.metadata)["recommendations"][0]["energy_kwh"], wanted, 1e-3 * wanted
    ),
    "confidence_at_least": lambda f, wanted: float(f.confidence) >= wanted,
    "now_region": lambda f, wanted: _now(f, "region") == wanted,
    "now_carbon_g": lambda f, wanted: _near(_now(f, "carbon_g"), wanted, 0.01 + 1e-4 * wanted),
    "now_cost_gbp": lambda f, wanted: _near(_now(f, "cost_gbp"), wanted, 1e-4),
    "savings_pct_within": _within_pct,
    "options": lambda f, wanted: len(f.options) == wanted,
    "asset_id": lambda f, wanted: f.options[0].asset_id == wanted,
    "carbon_mode": lambda f, wanted: _provenance(f)["carbon"]["mode"] == wanted,
    "price_mode": lambda f, wanted: _provenance(f)["price"]["mode"] == wanted,
    "says": lambda f, wanted: all(_says(told(f), pattern) for pattern in wanted),
    "never_says": lambda f, wanted: not any(_says(told(f), pattern) for pattern in wanted),
    "told_rise": lambda f, wanted: _says(told(f), RISE) is wanted,
    "told_cost_rise": lambda f, wanted: _says(told(f), RISE) is wanted,
}


def placed_faults(found: Recommendation, right: Mapping[str, Any]) -> list[str]:
    """A key that no check knows is an error: nothing is passed over."""
    if right.get("failed"):
        return [f"it is to be refused, and was placed: {found.decision_summary}"]
    return [
        f"{key}: {wanted!r} does not hold; {_shown(found)}"
        for key, wanted in right.items()
        if not CHECKS[key](found, wanted)
    ]


def refused_faults(error: str, right: Mapping[str, Any]) -> list[str]:
    faults = []
    if not (right.get("failed") or "region_or_failed" in right):
        faults.append(f"it is to be placed, and was refused: {error}")
    faults += [f"{pattern!r} is not said: {error}" for pattern in right.get("says", ()) if not _says(error, pattern)]
    return faults + [
        f"{pattern!r} is said: {error}" for pattern in right.get("never_says", ()) if _says(error, pattern)
    ]


def _shown(found: Recommendation) -> str:
    first = found.options[0]
    where = [f"{o.region_number} {o.start:%d %H:%M}" for o in found.options]
    figures = f"{first.carbon_intensity} g/kWh, {first.renewable_mix} %, {first.cost_gbp} GBP, sure {found.confidence}"
    now = _provenance(found)["counterfactual"]
    return f"came: {where}, {figures}; now: {now and (now['region'], now['carbon_g'], now['cost_gbp'])}; {told(found)}"


def problem_faults(option: Option | None, start: datetime, right: Mapping[str, Any]) -> list[str]:
    if option is None or not right["feasible"]:
        return [] if (option is not None) is right["feasible"] else [f"feasible: came {option}"]
    minute = timedelta(minutes=1)
    segments = [[(part.start - start) // minute, (part.end - start) // minute] for part in option.segments]
    faults = []
    if option.objective_gbp > right.get("objective_gbp_at_most", np.inf) + 1e-9:
        faults.append(f"{option.objective_gbp} GBP, with {segments}; at most {right['objective_gbp_at_most']}")
    if not _near(option.objective_gbp, right.get("objective_gbp", option.objective_gbp), 1e-9):
        faults.append(f"{option.objective_gbp} GBP; {right['objective_gbp']} is right")
    if segments != right.get("segments", segments):
        faults.append(f"{segments}; {right['segments']} is right")
    return faults


def source_faults(market: Market, right: Mapping[str, Any]) -> list[str]:
    return list(_source_faults(market, right))


def _source_faults(market: Market, right: Mapping[str, Any]) -> Iterator[str]:
    notes = f"{market.carbon.detail} {market.price.detail}"
    for key, found in (
        ("carbon_mode", market.carbon.mode),
        ("price_mode", market.price.mode),
        ("price_name", market.price.name),
    ):
        if key in right and right[key] != found and not (key == "price_name" and right[key] in found):
            yield f"{key}: {found}, {right[key]} is right"
    for pattern in right.get("detail_says", ()):
        if not _says(notes, pattern):
            yield f"{pattern!r} is not in the notes: {notes}"
    for cell in right.get("cells", ()):
        yield from _cell_faults(market, cell)
    if "cell_or_detail" in right:
        region, time, intensity, word = right["cell_or_detail"]
        if _at(market, market.intensity, region, time) != intensity and word not in notes:
            yield f"{region_name(region)} at {time} is not {intensity}, and the notes do not say {word!r}: {notes}"


def _cell_faults(market: Market, cell: Mapping[str, Any]) -> Iterator[str]:
    layers = {
        "intensity": (market.intensity, 1.0),
        "renewable": (market.renewable, 1.0),
        "low_carbon": (market.low_carbon, 1.0),
        "price_p": (market.price_gbp_per_kwh, 100.0),
        "estimated": (market.price_estimated, 1),
    }
    for key, wanted in cell.items():
        if key in ("region", "time"):
            continue
        if key == "price_p_at_most":
            found = 100 * _at(market, market.price_gbp_per_kwh, cell["region"], cell["time"])
            if not found <= wanted + 1e-6:
                yield f"{found} p in {region_name(cell['region'])} at {cell['time']}; at most {wanted} is right"
            continue
        layer, factor = layers[key]
        found = _at(market, layer, cell["region"], cell["time"])
        shown = None if np.isnan(found) else found * factor
        if not _near(shown, wanted, 1e-6):
            yield f"{key} of {region_name(cell['region'])} at {cell['time']}: {shown}, {wanted} is right"


def _at(market: Market, layer: Any, region: int, time: str) -> float:
    slot = (instant(time) - market.start) // timedelta(minutes=30)
    if region not in market.regions or not 0 <= slot < market.slots:
        return float("nan")
    return float(layer[market.regions.index(region), slot])


def backtest_faults(code: int, records: Sequence[Mapping[str, Any]], right: Mapping[str, Any]) -> list[str]:
    faults = [] if code == right["exit"] else [f"exit: {code}, {right['exit']} is right"]
    for wanted in right.get("records", ()):
        found = [record for record in records if wanted["where"].items() <= record.items()]
        if len(found) != 1:
            faults.append(f"{len(found)} records are of {wanted['where']}")
        faults += [
            f"{key} of {wanted['where']}: {record.get(key)}, {value} is right"
            for record in found
            for key, value in wanted["figures"].items()
            if not _near(record.get(key), value, 1e-4 * max(1.0, abs(value)))
        ]
    return faults
