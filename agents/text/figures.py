"""Figures, times and places as words: one way to write each, for every sentence of ours."""

from collections.abc import Sequence
from datetime import datetime

from tools.placement import Segment
from tools.slots import UK

_GRAMS_PER_KG = 1000.0
_GRAMS_PER_TONNE = 1e6


def mass(grams: float) -> str:
    """CO2, never negative: `54 g`, `1.36 kg`, `2.10 t`; `0 g` below what is shown."""
    if grams >= _GRAMS_PER_TONNE:
        return f"{grams / _GRAMS_PER_TONNE:.2f} t"
    if grams >= _GRAMS_PER_KG:
        return f"{grams / _GRAMS_PER_KG:.2f} kg"
    return f"{_shortest(grams, 10, 1)} g"


def money(pounds: float) -> str:
    """`£0.78`, `£1,234.50`; pence below ten: `4.2p`; `-£0.12`."""
    sign, amount = "-" if pounds < 0 else "", abs(pounds)
    if amount >= 0.0995:
        return f"{sign}£{amount:,.2f}"
    return f"{sign}{_shortest(100 * amount, 10, 1)}p" if amount >= 0.0005 else "0p"


def rate(pounds: float) -> str:
    """Money per unit, where pence would hide the difference: `£91`, `£0.85`."""
    return f"£{pounds:,.0f}" if abs(pounds) >= 10 else f"£{pounds:,.2f}"


def power_price(gbp_per_kwh: float) -> str:
    """`12.5p/kWh`."""
    return f"{100 * gbp_per_kwh:.1f}p/kWh".replace("-0.0p", "0.0p")


def intensity(g_per_kwh: float) -> str:
    """`9.5 g/kWh`, `187 g/kWh`."""
    return f"{_shortest(g_per_kwh, 100, 1)} g/kWh"


def percent(value: float) -> str:
    """`71 %`, `0.4 %`."""
    return f"{_shortest(value, 10, 1)} %"


def energy(kwh: float) -> str:
    """`5.74 kWh`, `1,200 kWh`."""
    if kwh >= 99.95:
        return f"{kwh:,.0f} kWh"
    return f"{kwh:.3g} kWh" if kwh >= 0.0005 else "0 kWh"


def length(minutes: float) -> str:
    """`3 h 23 min`, `45 min`."""
    hours, rest = divmod(round(abs(minutes)), 60)
    parts = [f"{hours} h"] if hours else []
    return " ".join([*parts, f"{rest} min"] if rest or not hours else parts)


def clock(instant: datetime, pattern: str = "%a %d %b %H:%M") -> str:
    """UK time: `Tue 24 Nov 14:00`; in the hour that comes twice with its zone."""
    local = instant.astimezone(UK)
    comes_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return local.strftime(f"{pattern} %Z" if comes_twice else pattern)


def span(start: datetime, end: datetime) -> str:
    """`Tue 24 Nov 14:00 to 16:00`; both ends whole where the date or the clocks change in between."""
    first, last = start.astimezone(UK), end.astimezone(UK)
    plain = first.date() == last.date() and first.utcoffset() == last.utcoffset()
    return f"{clock(start)} to {f'{last:%H:%M}' if plain else clock(end)}"


def spans(segments: Sequence[Segment]) -> str:
    return listed([span(segment.start, segment.end) for segment in segments])


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


def sentence(text: str) -> str:
    """With a capital, and a full stop where none is."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def _shortest(value: float, whole_from: float, digits: int) -> str:
    """Whole from a size on, one digit below; never `-0`."""
    text = f"{value:,.0f}" if abs(value) >= whole_from - 0.05 else f"{value:.{digits}f}"
    return "0" if not float(text.replace(",", "")) else text
