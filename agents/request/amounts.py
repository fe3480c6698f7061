"""Amounts with units in English prose: money, carbon, intensity, energy, power, shares, durations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Quantity: TypeAlias = Literal[
    "gbp",
    "g",
    "g_per_kwh",
    "gbp_per_kwh",
    "gbp_per_tonne",
    "pct",
    "kwh",
    "kw",
    "minutes",
    "gpu",
    "cores",
    "gb",
    "times",
]

_UNITS: tuple[tuple[str, Quantity, float], ...] = (
    (r"g(?:rams?)?\s*(?:of\s+)?(?:CO2e?|carbon)?\s*(?:/|per)\s*kWh", "g_per_kwh", 1),
    (r"kg\s*(?:of\s+)?(?:CO2e?|carbon)?\s*(?:/|per)\s*MWh", "g_per_kwh", 1),
    (r"(?:GBP|pounds?)\s*(?:/|per)\s*kWh", "gbp_per_kwh", 1),
    (r"(?:p|pence)\s*(?:/|per)\s*kWh", "gbp_per_kwh", 0.01),
    (r"(?:GBP|pounds?)\s*(?:/|per)\s*(?:t|tonnes?)\b(?:\s*(?:of\s+)?(?:CO2e?|carbon))?", "gbp_per_tonne", 1),
    (r"MWh|megawatt[\s-]?hours?", "kwh", 1000),
    (r"kWh|kilowatt[\s-]?hours?", "kwh", 1),
    (r"Wh|watt[\s-]?hours?", "kwh", 0.001),
    (r"MW|megawatts?", "kw", 1000),
    (r"kW|kilowatts?", "kw", 1),
    (r"W|watts?", "kw", 0.001),
    (r"(?:t|tonnes?)\b(?:\s*(?:of\s+)?(?:CO2e?|carbon))?", "g", 1e6),
    (r"kg(?:\s*(?:of\s+)?(?:CO2e?|carbon))?|kilos?(?:\s+of\s+(?:CO2e?|carbon))?|kilograms?", "g", 1000),
    (r"g(?:rams?)?(?:\s*(?:of\s+)?(?:CO2e?|carbon))?", "g", 1),
    (r"%|per\s?cent|percentage\s+points?|points?", "pct", 1),
    (r"GBP|pounds?|quid", "gbp", 1),
    (r"pence|penny|p", "gbp", 0.01),
    (r"half[\s-]hours?", "minutes", 30),
    (r"hours?|hrs?|h", "minutes", 60),
    (r"minutes?|mins?", "minutes", 1),
    (r"days?", "minutes", 1440),
    (r"(?:GPU|CPU)[\s-]?(?:minutes?|mins?)", "minutes", 1),
    (r"GPUs?", "gpu", 1),
    (r"(?:CPU\s+)?cores?|CPUs?|vCPUs?", "cores", 1),
    (r"GB|gigabytes?", "gb", 1),
    (r"times|x|×|fold", "times", 1),
)
_UNIT = "|".join(f"(?P<u{number}>{pattern})" for number, (pattern, _, _) in enumerate(_UNITS))
_NUMBER = r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?P<kilo>[kKmM](?![A-Za-z0-9]))?"
_AMOUNT = re.compile(
    rf"(?P<sign>[-−]|minus\s+)?(?P<pound>£\s?)?{_NUMBER}(?P<rate>\s*(?:/|per)\s*(?:kWh|t\b|tonnes?))?"
    rf"(?:[\s-]?(?:(?i:{_UNIT}))(?![A-Za-z0-9]))?",
)
_RATES: dict[str, Quantity] = {"k": "gbp_per_kwh", "t": "gbp_per_tonne"}
_KILO = {"k": 1e3, "m": 1e6}


@dataclass(frozen=True)
class Amount:
    """A number as written, in base units."""

    text: str
    start: int
    end: int
    value: float
    quantity: Quantity | None
    """None: no unit was written."""
    resolution: float
    """One unit of the last digit written, in base units."""


def find_amounts(text: str) -> Iterator[Amount]:
    """Every number of a text, with the unit that follows or precedes it."""
    for match in _AMOUNT.finditer(text):
        before = text[match.start() - 1 : match.start()]
        if match["pound"] is None and (before.isalnum() or before in {"_", "."}):
            continue
        yield _amount(match)


def _amount(match: re.Match[str]) -> Amount:
    digits = match["number"].replace(",", "")
    decimals = len(digits.partition(".")[2])
    kilo = _KILO[match["kilo"].lower()] if match["kilo"] else 1.0
    quantity, scale = _unit(match)
    factor = kilo * scale
    sign = -1.0 if match["sign"] else 1.0
    return Amount(
        text=match[0],
        start=match.start(),
        end=match.end(),
        value=sign * float(digits) * factor,
        quantity=quantity,
        resolution=10.0**-decimals * factor,
    )


def _unit(match: re.Match[str]) -> tuple[Quantity | None, float]:
    if match["pound"]:
        rate = (match["rate"] or "").strip(" /per\t\n")
        return (_RATES[rate[0].lower()] if rate else "gbp"), 1.0
    for number, (_, quantity, scale) in enumerate(_UNITS):
        if match[f"u{number}"]:
            return quantity, scale
    return None, 1.0
