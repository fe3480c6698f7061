"""How the half-hourly Agile price of one region follows from another's.

Great Britain has one wholesale price; a region's Agile rate is it times a factor, plus an adder from 16:00 to 19:00
local time (p/kWh including VAT per GBP/MWh). Figures: the public settings of agile_predict (MIT), rounded there.
"""

from datetime import datetime

from tools.slots import LONDON_TIME

VAT = 0.05
CAP_P = 100 / (1 + VAT)
"""Highest rate that Agile can have, p/kWh without VAT: 100 with it."""
PEAK_FROM_HOUR, PEAK_UNTIL_HOUR = 16, 19
SHAPE: dict[str, tuple[float, float]] = {
    "A": (0.21, 13.0),
    "B": (0.20, 14.0),
    "C": (0.20, 12.0),
    "D": (0.22, 13.0),
    "E": (0.21, 11.0),
    "F": (0.21, 12.0),
    "G": (0.21, 12.0),
    "H": (0.21, 12.0),
    "J": (0.22, 12.0),
    "K": (0.22, 12.0),
    "L": (0.23, 11.0),
    "M": (0.20, 13.0),
    "N": (0.21, 13.0),
    "P": (0.24, 12.0),
}
"""Letter → (factor, adder)."""


def is_peak(time: datetime) -> bool:
    """Whether the half-hour that starts at this aware time carries the adder."""
    return PEAK_FROM_HOUR <= time.astimezone(LONDON_TIME).hour < PEAK_UNTIL_HOUR


def derive_rate(rate_p_per_kwh: float, time: datetime, source: str, target: str) -> float:
    """The target letter's rate (p/kWh including VAT) in the half-hour in which the source letter's is known."""
    factor, adder = SHAPE[source]
    other_factor, other_adder = SHAPE[target]
    peak = is_peak(time)
    wholesale = (rate_p_per_kwh - (adder if peak else 0.0)) / factor
    return wholesale * other_factor + (other_adder if peak else 0.0)


def gbp_per_kwh(rate_p_inc_vat: float) -> float:
    """GBP per kWh without VAT from p/kWh with it."""
    return rate_p_inc_vat / (1 + VAT) / 100
