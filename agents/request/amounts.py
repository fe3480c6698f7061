"""Value rules for numbers, money, carbon, shares, counts and lengths of time.

A rule is a pattern over tags, the type of what it makes, and how: `a|b` is either, `?` may be missing, and an element
names a tag's type or its word.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TypeAlias

from agents.request.lexicon import ONES, TENS
from agents.request.tokens import Tag

Make: TypeAlias = Callable[[Sequence[Tag], date], object]
"""What a match means on a day; None: nothing, the pattern does not hold here."""
Rule: TypeAlias = tuple[str, str, Make]

_UNIT_MINUTES = {"m": 1, "h": 60, "d": 1440, "s": 1 / 60, "w": 10080}


def span(number: float, unit: Tag) -> timedelta:
    return timedelta(minutes=number * _UNIT_MINUTES[unit.word[0]])


def _hundreds(g: Sequence[Tag], _: date) -> float:
    rest = g[-1].value if len(g) > 2 and g[-1].type == "NUM" else 0
    return float(g[0].value * 100 + rest)


def _tens(tens: Tag, ones: Tag) -> float | None:
    in_words = tens.word in TENS and tens.value < 100 and ones.word in ONES and 0 < ones.value < 10
    return tens.value + ones.value if in_words else None


def _pounds_and_pence(g: Sequence[Tag], _: date) -> float | None:
    pence = g[-2].value if g[-1].word.startswith("p") else g[-1].value
    return g[0].value + pence / 100 if 0 <= pence < 100 else None


def _count(g: Sequence[Tag], _: date) -> float | None:
    if g[0].word in {"once", "twice"}:
        return 1 + (g[0].word == "twice")
    return g[0].value if len(g) > 1 else None


def _per_kwh(g: Sequence[Tag], _: date) -> float:
    return float(g[0].value) / (1000 if any(tag.word == "mwh" for tag in g) else 1)


def _scaled(factor: float) -> Make:
    return lambda g, _: g[0].value * factor


def _always(value: object) -> Make:
    return lambda _g, _day: value


_CO2 = "of? CARBON?"
NUMBERS: tuple[Rule, ...] = (
    ("NUM hundred and? NUM?", "NUM", _hundreds),
    ("a hundred", "NUM", _always(100.0)),
    ("NUM NUM", "NUM", lambda g, _: _tens(g[0], g[1])),
    ("NUM - NUM", "NUM", lambda g, _: _tens(g[0], g[2])),
    ("NUM thousand", "NUM", _scaled(1000)),
    ("NUM k", "NUM", lambda g, _: g[0].value * 1000 if g[1].glued else None),
    ("a couple of?", "NUM", _always(2.0)),
    ("NUM . NUM", "DEC", lambda g, _: (g[0].value, g[2].value) if g[2].glued else None),
    ("a|p . m .?", "MER", lambda g, _: f"{g[0].word}m"),
    ("NUM st|nd|rd|th", "ORD", lambda g, _: g[0].value if g[1].glued and g[0].value < 32 else None),
)
AMOUNTS: tuple[Rule, ...] = (
    ("£|gbp NUM", "MONEY", lambda g, _: g[1].value),
    ("NUM pounds|quid|pound|gbp|sterling and? NUM p|pence", "MONEY", _pounds_and_pence),
    ("NUM pounds|quid|pound NUM", "MONEY", _pounds_and_pence),
    ("NUM pounds|quid|pound|gbp|sterling", "MONEY", _scaled(1)),
    ("NUM p|pence|penny", "MONEY", _scaled(0.01)),
    ("a tenner", "MONEY", _always(10.0)),
    ("a fiver", "MONEY", _always(5.0)),
    ("NUM grand", "MONEY", _scaled(1000)),
    ("a penny", "MONEY", _always(0.01)),
    ("a quid|pound", "MONEY", _always(1.0)),
    ("MONEY /|per|a|an|each kwh|kilowatt|unit|mwh -? hour?", "RATE", _per_kwh),
    (f"NUM kg|kilos|kilo|kilogram|kilograms|kgs|kgco2|kgco2e {_CO2}", "MASS", _scaled(1000)),
    (f"NUM g|gram|grams|gco2|gco2e|gco2eq {_CO2}", "MASS", _scaled(1)),
    (f"HALF a kilo|kilogram|kg {_CO2}", "MASS", _always(500.0)),
    (f"HALF a tonne|ton {_CO2}", "MASS", _always(5e5)),
    (f"a|one tonne|ton {_CO2}", "MASS", _always(1e6)),
    (f"a|an|one kilo|kilogram {_CO2}", "MASS", _always(1000.0)),
    (f"NUM t|tonne|tonnes|tons {_CO2}", "MASS", _scaled(1e6)),
    ("MASS CARBON|equivalent", "MASS", _scaled(1)),
    ("MASS /|per|a|an|for|each every? kwh|kilowatt|mwh -? hour|TUNIT?", "GKWH", _per_kwh),
    ("MONEY|MASS /|per|a|an|each|every TUNIT", "FLOW", _scaled(1)),
    ("NUM %|percent|pc", "PCT", _scaled(1)),
    ("NUM per cent", "PCT", _scaled(1)),
    ("NUM thirds", "PCT", lambda g, _: g[0].value * 100 / 3),
    ("half of the|our|its ELEC", "PCT", _always(50.0)),
    ("HALF AT the|our ELEC", "PCT", _always(50.0)),
    ("HALF of GLUE", "HALF_OF", _always(50.0)),
    ("three quarters", "PCT", _always(75.0)),
    ("NUM kwh|mwh", "ENERGY", lambda g, _: g[0].value * (1000 if g[1].word == "mwh" else 1)),
    (
        "NUM kilowatt|megawatt -? hours|hour|TUNIT",
        "ENERGY",
        lambda g, _: g[0].value * (1000 if g[1].word[0] == "m" else 1),
    ),
    ("NUM GPU? gpu|gpus|cards", "GPUS", lambda g, _: g[0].value),
    ("NUM GPU", "GPUS", lambda g, _: g[0].value if g[0].value < 1000 and not g[1].glued else None),
    ("NUM cores|cpus|gb|tb|kw|nodes|epochs", "FACT", lambda g, _: g[0].value),
    ("once|twice|NUM TIMES?", "COUNT", _count),
    ("NUM|a|one PAUSE", "COUNT", lambda g, _: g[0].value if g[0].type == "NUM" else 1.0),
)
SPANS: tuple[Rule, ...] = (
    ("NUM and a half TUNIT", "SPAN", lambda g, _: span(g[0].value + 0.5, g[4])),
    ("an|a|NUM TUNIT and a half", "SPAN", lambda g, _: span((g[0].value if g[0].type == "NUM" else 1) + 0.5, g[1])),
    ("HALF an|a TUNIT", "SPAN", lambda g, _: span(0.5, g[2])),
    ("HALF -? TUNIT", "SPAN", lambda g, _: span(0.5, g[-1])),
    ("NUM -? TUNIT", "SPAN", lambda g, _: span(g[0].value, g[-1])),
    ("DEC -? TUNIT", "SPAN", lambda g, _: span(float(f"{g[0].value[0]:.0f}.{g[0].value[1]:.0f}"), g[-1])),
    ("NUM h|hrs|m", "SPAN", lambda g, _: span(g[0].value, g[1]) if g[1].glued else None),
    ("a|an|the NEXT? hour", "SPAN", _always(timedelta(hours=1))),
    ("SPAN and? SPAN", "SPAN", lambda g, _: g[0].value + g[-1].value),
    ("NEXT SPAN", "NEXTSPAN", lambda g, _: g[1].value),
    ("SPAN AFTER NOWT", "AHEAD", _scaled(1)),
)
