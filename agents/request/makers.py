"""What the matches of `data/values.txt` mean that make amounts, lengths of time and places.

Each function takes the matched tags, the day, and the rule's numbers. None: nothing, the pattern does not hold here.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, TypeAlias

from agents.request.lexicon import ONES, TENS
from agents.request.tokens import Tag

Tags: TypeAlias = Sequence[Tag]

FRACTIONS = {
    "half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4, "fourth": 1 / 4, "fifth": 1 / 5, "sixth": 1 / 6, "eighth": 1 / 8,
    "tenth": 1 / 10, "twentieth": 1 / 20,
}  # fmt: skip
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth",
)  # fmt: skip
_UNIT_MINUTES = {"m": 1, "h": 60, "d": 1440, "s": 1 / 60, "w": 10080, "f": 20160}


def numbers(g: Tags) -> list[Tag]:
    return [tag for tag in g if tag.type in {"NUM", "ORD"}]


def has_date(tag: Tag) -> bool:
    """Whether a day was said by more than its weekday: by its number, its month or its distance."""
    return tag.type in {"MONTH", "NUM", "ORD", "TODAY", "TOMORROW", "TONIGHT"} or any(map(has_date, tag.parts))


def word_of(g: Tags, kind: str) -> str | None:
    return next((tag.word for tag in reversed(g) if tag.type == kind), None)


def always(_g: Tags, _: date, said: float) -> float:
    return float(said)


def number(g: Tags, _: date, unit: float = 1, more: float = 0) -> float:
    return next(tag.value for tag in g if isinstance(tag.value, float)) * unit + more


def value(g: Tags, _: date, at: int) -> Any:  # noqa: ANN401  a tag's value
    return g[at].value


def hundreds(g: Tags, _: date) -> float | None:
    """ "A hundred and sixty", "fourteen hundred"."""
    count = g[0].value if g[0].type == "NUM" else 1
    more = float(sum(tag.value for tag in numbers(g[1:])))
    return count * 100 + more if more < 100 and count < 100 else None


def decimal(g: Tags, _: date) -> float | None:
    """ "Nought point nine"."""
    whole, tenths = (tag.value for tag in numbers(g))
    return whole + tenths / 10 if tenths in range(10) else None


def decimal_comma(g: Tags, _: date) -> float | None:
    """ "1,5 kg"."""
    whole, tenths = numbers(g)
    return float(f"{whole.word}.{tenths.word}") if whole.word.isdigit() and len(tenths.word) < 3 else None


def grams(g: Tags, _: date) -> float:
    """ "MAX_G=700"."""
    return float(numbers(g)[0].value * (1000 if g[0].word == "kg" else 1))


def nth(g: Tags, _: date) -> float:
    """ "A third pause"."""
    return float(1 + next(at for at, name in enumerate(ORDINALS) if any(tag.word == name for tag in g)))


def less_than_one(g: Tags, _: date) -> float | None:
    """ "Price: 0.19"."""
    said = float(numbers(g)[0].value)
    return said if 0 < said < 1 else None


def part_of_all(g: Tags, _: date) -> float | None:
    """ "Renewables >= .8"."""
    part = float(numbers(g)[0].value)
    return 100 * part if 0 < part < 1 else None


def share_of(g: Tags, _: date) -> float | None:
    """ "3/4 renewable"."""
    part, whole = (tag.value for tag in numbers(g))
    return float(round(100 * part / whole, 12)) if 0 < part <= whole <= 10 else None


def mixed(g: Tags, _: date) -> float | None:
    """ "1/2 kg", "3 1/2 hours"."""
    *whole, part, of = (tag.value for tag in numbers(g))
    return float(sum(whole) + part / of) if 0 < part < of <= 10 else None


def part_of_one(g: Tags) -> float:
    """ "A fifth", "three quarters"."""
    share = next(FRACTIONS[tag.word.removesuffix("s")] for tag in g if tag.word.removesuffix("s") in FRACTIONS)
    return share * float(next((tag.value for tag in numbers(g)), 1))


def fraction(g: Tags, _: date) -> float:
    return part_of_one(g)


def share(g: Tags, _: date) -> float | None:
    """ "Four fifths" of a hundred."""
    percent = round(100 * part_of_one(g), 12)
    return percent if 0 < percent <= 100 else None


def tens(g: Tags, _: date) -> float | None:
    ten, one = g[0], g[-1]
    in_words = ten.word in TENS and ten.value < 100 and one.word in ONES and 0 < one.value < 10
    return ten.value + one.value if in_words else None


def half_day(g: Tags, _: date) -> str:
    return f"{g[0].word}m"


def pounds_and_pence(g: Tags, _: date) -> float | None:
    *pounds, pence = (tag.value for tag in numbers(g))  # "a quid fifty"
    return (pounds[0] if pounds else 1) + pence / 100 if 0 <= pence < 100 else None


_UNITS = {
    "pounds": ("MONEY", 1), "quid": ("MONEY", 1), "pence": ("MONEY", 0.01), "p": ("MONEY", 0.01),
    "kilos": ("MASS", 1000), "kilogram": ("MASS", 1000), "kg": ("MASS", 1000), "percent": ("PCT", 1), "%": ("PCT", 1),
    "£": ("MONEY", 1),
}  # fmt: skip


def unit(g: Tags, _: date) -> tuple[str, float]:
    """Of a number that stands elsewhere: the kind of its amount, and what one is worth."""
    said = next(tag.word for tag in g if tag.word != "(")
    kind, worth = _UNITS.get(said) or _UNITS.get(said.removesuffix("s")) or ("MASS", 1)
    if len(g) > 1 and g[0].word != "(":
        kind = {"MONEY": "RATE", "MASS": "GKWH"}[kind]
    return kind, worth


def per_kwh(g: Tags, _: date) -> float:
    return float(g[0].value) / (1000 if any(tag.word in {"mwh", "megawatt"} for tag in g) else 1)


def gpus(g: Tags, _: date) -> float | None:
    return g[0].value if g[0].value < 1000 and not g[1].glued else None


def length(g: Tags, _: date, default: float, extra: float = 0) -> timedelta:
    unit = next((tag for tag in g if tag.type == "TUNIT"), g[-1])
    said = next((tag.value for tag in g if tag.type == "NUM"), default) + extra
    return timedelta(minutes=said * _UNIT_MINUTES[unit.word[0]])


def hours_minutes(g: Tags, _: date) -> timedelta | None:
    """ "2 h 30", "an hour and forty"."""
    *hours, minutes = (tag.value for tag in g if tag.type == "NUM")
    unit = next((tag.word for tag in g if tag.type == "TUNIT"), "h")
    return timedelta(hours=hours[0] if hours else 1, minutes=minutes) if 0 < minutes < 60 and unit[0] == "h" else None


def hours_and_quarters(g: Tags, _: date) -> timedelta:
    """ "Two hours and three quarters"."""
    at = next(at for at, tag in enumerate(g) if tag.type == "TUNIT")
    quarters: float = next((tag.value for tag in numbers(g[at:])), 1)
    return length(g[: at + 1], _, 1) + length(g[at : at + 1], _, quarters / 4)


def weeks(g: Tags, _: date) -> timedelta | None:
    """ "A fortnight from now"; None of other units."""
    unit = next(
        (tag.word for tag in g if tag.type == "TUNIT" or tag.word in {"fortnight", "a fortnight", "a week"}), ""
    )
    return timedelta(days=14 if unit == "fortnight" else 7) if unit == "fortnight" or "week" in unit else None


def total(g: Tags, _: date) -> Any:  # noqa: ANN401  lengths of time
    return g[0].value + g[-1].value


def regions(g: Tags, _: date) -> frozenset[int] | None:
    ids = [int(tag.value) for tag in numbers(g)]
    return frozenset(ids) if g[0].word.startswith("region") and all(0 < i < 15 for i in ids) else None


def relative(g: Tags, _: date) -> bool | None:
    """ "North of Leeds", "south of the M4"."""
    return True if g[-1].type == "PLACE" or g[-1].is_capital else None


def beside(g: Tags, _: date) -> frozenset[int] | None:
    return g[-1].value if "near" in g[0].word or "close" in g[0].word or "far" in g[0].word else None


def outside(g: Tags, _: date) -> bool | None:
    """ "North west of London"; "the north of England" is a part of it."""
    compass = g[0].word.removeprefix("the ").startswith(("north", "south", "east", "west"))
    return True if compass and not g[0].value <= g[2].value else None


def shared(g: Tags, _: date) -> frozenset[int] | None:
    return g[0].value & g[2].value or None
