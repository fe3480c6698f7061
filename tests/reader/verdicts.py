"""Sentences of `verdicts.txt` with values put in, and the roles that the values have in them."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from agents.request.network import WHOLE
from agents.request.reader import values_of
from agents.request.roles import NONE, can_be
from agents.request.tokens import Tag, tokens
from tests.reader.meaning import Taught
from tests.unit.agents.request.labels import SITES
from tools.slots import UK

TIMES = 8
"""How often each sentence is drawn."""
VALUES = {
    "p": (
        "London", "Wales", "Scotland", "the North West", "Kent", "Yorkshire", "South Wales", "the East Midlands",
        "Manchester", "Bristol", "Leeds", "the Highlands", "Cornwall", "Norfolk", "the South East", "Glasgow",
    ),
    "s": SITES,
    "g": ("the A100", "the H100", "a T4", "the L40S", "an L4", "the V100", "the RTX 4090", "an MI300X", "B200s"),
    "d": ("Fridays", "Mondays", "weekends", "weekdays", "Tuesdays and Thursdays", "Saturdays", "Wednesdays"),
    "h": (
        "4pm to 7pm", "22:00 to 06:00", "9am to noon", "midnight to 5am", "14:00-16:30", "half past six to eight pm",
        "7 to 9 in the morning", "overnight", "office hours", "6pm to 10pm", "the hours from 8:30 to 11:00",
    ),
    "c": (
        "6pm", "18:00", "noon", "9am on Friday", "tomorrow at 8am", "half past three", "Friday 17:00", "Monday noon",
        "seven tomorrow morning", "midnight", "quarter to nine", "Thursday", "the 14th", "8pm tonight", "10:30",
    ),
    "a": (
        "£40", "12 quid", "25 pounds", "two kilos of CO2", "300 g of carbon", "150 g/kWh", "22p per kWh", "18p a unit",
        "900 grams", "£7.50", "90 grams a kilowatt-hour", "a fiver", "0.2 pounds per kWh", "1.5 kg of CO2",
    ),
    "y": ("tomorrow", "Friday", "on Monday", "on the 14th", "Saturday", "today", "next Tuesday", "on 3 June"),
    "t": (
        "3 hours", "90 minutes", "two days", "half an hour", "an hour and a half", "45 min", "6 h", "ten hours",
        "twenty minutes", "2.5 hours", "a day", "an hour", "1 h 20 min", "five hours", "40 minutes",
    ),
    "r": ("60%", "a third", "ten percent", "half", "15 %", "80 per cent", "a quarter", "25%", "a tenth", "70 percent"),
}  # fmt: skip
_BEFORE = {"d": "on ", "h": "from "}
"""Before a value that opens a sentence, half of the time."""
_SAME = {"cap": ("cap", "cap_kwh")}


def verdicts(seed: int = 0) -> Iterator[Taught]:
    chosen = random.Random(seed)
    lines = (Path(__file__).parent / "verdicts.txt").read_text("utf-8").splitlines()
    for kinds, roles, sentence in (line.split(" | ") for line in lines if not line.startswith("#")):
        named = roles.split(",")
        for _ in range(TIMES):
            of = kinds.split("+") if "+" in kinds else [chosen.choice(kinds)] * len(named)
            found = _asked(roles, sentence) if kinds == "-" else _filled(chosen, of, named, sentence)
            if found is not None:
                yield found


def _asked(name: str, sentence: str) -> Taught:
    tags = values_of(tokens(sentence), datetime(2026, 1, 5, 7, 10, tzinfo=UK), SITES)
    roles = tuple(NONE if can_be(tag) else None for tag in tags)
    return Taught(tuple(tags), roles, (None,) * len(tags), tuple(name == other for other in WHOLE), frozenset())


def _filled(chosen: random.Random, kinds: list[str], roles: list[str], sentence: str) -> Taught | None:
    """None where a value does not stand alone, or cannot have the role."""
    text, spans = "", []
    drawn = {kind: chosen.sample(VALUES[kind], kinds.count(kind)) for kind in sorted({*kinds})}
    for part, kind in zip(sentence.split("{}"), [*kinds, ""], strict=True):
        text += part
        if kind:
            value = drawn[kind].pop()
            before = _BEFORE.get(kind, "") if not text and chosen.random() < 0.5 and value[0] not in "ot" else ""
            spans.append((len(text), len(text + before + value)))
            text += before + value
    text = text[0].upper() + text[1:]
    now = datetime(2026, 1, 5, 7, 10, tzinfo=UK) + timedelta(minutes=chosen.randrange(500_000))
    tags = values_of(tokens(text), now, SITES)
    taught: list[str | None] = [NONE if can_be(tag) else None for tag in tags]
    wishes: list[bool | None] = [None] * len(tags)
    for role, (start, end) in zip(roles, spans, strict=True):
        inside = [i for i, tag in enumerate(tags) if tag.start < end and tag.end > start and can_be(tag)]
        name = None if len(inside) != 1 else _name(tags[inside[0]], role.lstrip("~"))
        if name is None:
            return None
        taught[inside[0]] = name
        wishes[inside[0]] = None if name == NONE else role.startswith("~")
    return Taught(tuple(tags), tuple(taught), tuple(wishes), (*[False] * (len(WHOLE) - 1), None), frozenset())


def _name(tag: Tag, role: str) -> str | None:
    able = can_be(tag)
    return NONE if role == NONE else next((name for name in _SAME.get(role, (role,)) if name in able), None)
