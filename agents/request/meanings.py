"""What a place, an amount, hardware or a count means where it stands."""

from collections.abc import Callable
from typing import TypeAlias

from agents import constraints as kinds
from agents.request.lexicon import JOINING
from agents.request.scope import COMPARISONS, SIDES, Scope, follows
from agents.request.tokens import Tag
from agents.request.when import read_instant, read_next_span, read_range, read_span, read_weekdays

Meaning: TypeAlias = Callable[[Scope, Tag, int], None]

_OVERRUN = frozenset({"run over", "go past", "run past", "overrun", "later", "run beyond"})
_BUDGETS = frozenset({"budget", "allowance", "price", "prices", "cost", "costs", "bill"})
_UNIT_PRICE = frozenset({"unit", "kwh", "kilowatt", "electricity", "power", "energy"})
"""Words of a price's name that make it one of a kWh."""
_AFTER_A_PLACE = JOINING | {"or", "only", "'s", "then", "if", "to", "at", "for", "when", "as"}


def read_value(scope: Scope, tag: Tag, i: int) -> None:
    """Read a value into a constraint, mark it as used without one, or leave it to be told."""
    _MEANINGS[tag.type](scope, tag, i)


def _place(scope: Scope, tag: Tag, i: int) -> None:
    if scope.strong() is not None and not scope.odd:
        return  # "before the ship leaves Dover": an event, of which nobody knows the time
    approved = scope.after == "ok" and any(known.type == "POSTOK" for known in scope.tags[i:])
    if _names_something(scope, i):
        tag.used = True
    elif not scope.out and (approved or (scope.may and not scope.only and not scope.odd)):
        _add_place(scope, tag, allowed=True, soft=True)
    elif scope.odd:
        _add_place(scope, tag, allowed=False)
    elif scope.asks or scope.only or scope.out or scope.must or scope.heads == 0 or _is_field(scope, i):
        _add_place(scope, tag, allowed=True)


def _is_field(scope: Scope, i: int) -> bool:
    """ "Budget £5, region Wales", "£5 max, Scotland"."""
    around = [*scope.tags[max(0, i - 1) : i], *scope.tags[i + 1 : i + 2]]
    return not scope.is_about_data and all(tag.type in {"P", "SITEWORD"} or tag.word == "," for tag in around)


def _add_place(scope: Scope, tag: Tag, *, allowed: bool, soft: bool = False) -> None:
    is_site = tag.type == "SITE"
    named = {"sites": (tag.value,)} if is_site else {"regions": tuple(tag.value)}
    scope.add(kinds.Site if is_site else kinds.Region, tag, soft=soft, firm=not allowed, allowed=allowed, **named)


def _names_something(scope: Scope, i: int) -> bool:
    """ "The Wales office", "London's traffic"."""
    following = follows(scope.tags, i)
    if following is None:
        return False
    is_noun = following.type in {"W", "OTHER", "FINISH"} or following.word in _BUDGETS
    if not is_noun or following.word in _AFTER_A_PLACE or (following.type == "FINISH" and scope.relations):
        return False
    inside = any(known.type == "IN" for known in scope.relations) and following.type == "W"
    excluded = any(known.type in {"NEG", "OUT"} for known in scope.tags[max(0, i - 2) : i])
    return not excluded and not (inside and (scope.only or scope.must))


def _hardware(scope: Scope, tag: Tag, i: int) -> None:
    if scope.may and not scope.only and not scope.odd:
        tag.used = True
    else:
        scope.add(kinds.Hardware, tag, firm=scope.odd, gpu_model=_model(tag), allowed=not scope.odd)


def _model(tag: Tag) -> str:
    """As written, without the plural of "H100s"."""
    parts = tag.parts[:-1] if len(tag.parts) > 1 and tag.parts[-1].value == "s" and tag.word != "l 40 s" else tag.parts
    text = "".join(f"{'' if part.glued else ' '}{part.value if part.type == 'W' else part.word}" for part in parts)
    return (text.upper() if any(letter.isdigit() for letter in text) else text).strip()


def _count(scope: Scope, tag: Tag, i: int) -> None:
    before = scope.context.before
    pauses = "PAUSE" in scope.types or any(part.type == "PAUSE" for part in tag.parts)
    pauses = pauses or (before is not None and "PAUSE" in before.types)
    denied = scope.negated and tag.parts[0].word != "once"
    said = {known.type for known in scope.comparisons}
    fine = scope.may or scope.after == "ok" or scope.only or denied
    if pauses and (said or fine or scope.ahead(i, 3, COMPARISONS)):
        if "GE" not in said:  # "no fewer than two pauses" is nothing that a placement can be held to
            fewer = "LESS" in said and not scope.negated
            scope.add(kinds.Pausing, tag, allowed=True, max_pauses=max(0, int(tag.value) - fewer))
    else:
        tag.used = True


def _vague(scope: Scope, tag: Tag, i: int) -> None:
    """Told where it bounds something, since nobody can say which hours it means."""
    tag.used = scope.is_content or scope.free or (scope.may and not scope.odd)


def _unclear(scope: Scope, tag: Tag, i: int) -> None:
    """What nobody can resolve ("north of Leeds", "£2 an hour"): told; "not near London" surely leaves out London."""
    if (scope.odd or scope.hoped) and isinstance(tag.value, frozenset):
        tag.type = "PLACE"
        _add_place(scope, tag, allowed=not scope.odd)


def _amount(scope: Scope, tag: Tag, i: int) -> None:
    side = _side(scope, tag, i)
    is_saving = tag.type == "PCT" or (side in {">", None} and tag.type in {"MONEY", "MASS"})
    if "SAVE" in scope.types and is_saving:
        unit = next(unit for unit, kind in kinds.Saving.value_types.items() if kind == tag.type)
        scope.add(kinds.Saving, tag, amount=tag.value, unit=unit)
    elif tag.type == "PCT":
        _share(scope, tag, side)
    elif side == "<":
        _cap(scope, tag)


def _side(scope: Scope, tag: Tag, i: int) -> str | None:
    """ "<" for at most, ">" for at least: comparison and polarity."""
    comparison = scope.comparisons[-1] if scope.comparisons else None
    if comparison is None and any(known.word in _OVERRUN for known in scope.relations):
        comparison = Tag("MORE", tag.start, tag.end)
    keeps = any(known.word in {"keep", "kept", "cut", "hold"} for known in scope.tags[:i])
    field = [
        known.type for known in scope.tags[max(0, i - 2) : i] if known.word == ":" or known.type in {"CARBON", "COST"}
    ]
    keeps = keeps and any(known.word == "to" for known in scope.relations)
    if comparison is None and (keeps or len(field) == 2):  # "CO2: 2 kg"
        comparison = Tag("LE", tag.start, tag.end)
    if comparison is None and (comparison := scope.ahead(i, 5, COMPARISONS)) is not None:
        scope.end = max(scope.end, comparison.end)
    return SIDES[comparison.type][scope.negated != (scope.after == "out")] if comparison else None


def _share(scope: Scope, tag: Tag, side: str | None) -> None:
    demanded = scope.must or scope.only or scope.asks or scope.words == 0
    if "RENEW" in scope.types and tag.value <= 100 and (side == ">" or (side is None and demanded)):
        scope.add(kinds.RenewableShare, tag, min_pct=tag.value)


def _cap(scope: Scope, tag: Tag) -> None:
    of_power = tag.value < 1 and "ELEC" in scope.types
    named = any(known.type == "COST" and _UNIT_PRICE & set(known.word.split()) for known in scope.tags)
    per_kwh = tag.type == "MONEY" and (of_power or named)
    type_ = "RATE" if per_kwh else tag.type
    kind = next(kind for kind in kinds.Cap.__subclasses__() if kind.measure[0] == type_)
    value = {kind.measure[1]: tag.value}
    if kind is kinds.PricePerKwh and "MEAN" in scope.types:
        value["basis"] = "mean"
    scope.add(kind, tag, **value)


def _energy(scope: Scope, tag: Tag, i: int) -> None:
    if not scope.comparisons and not scope.is_about_data:
        scope.add(kinds.JobFacts, tag, energy_kwh=tag.value)
    tag.used = not scope.comparisons


def _gpus(scope: Scope, tag: Tag, i: int) -> None:
    model = next((part for part in tag.parts if part.type == "GPU"), None)
    tag.used = scope.is_about_data
    if scope.is_about_data or scope.comparisons or scope.odd or tag.value < 1:
        return
    scope.add(kinds.JobFacts, tag, gpus=int(tag.value))
    if model is not None:
        scope.add(kinds.Hardware, tag, gpu_model=_model(model), allowed=True)


_MEANINGS: dict[str, Meaning] = {
    "INSTANT": read_instant,
    "RANGE": read_range,
    "DAYS": read_weekdays,
    "PLACE": _place,
    "SITE": _place,
    "GPU": _hardware,
    "SPAN": read_span,
    "NEXTSPAN": read_next_span,
    "VAGUE": _vague,
    "UNCLEAR": _unclear,
    "COUNT": _count,
    "ENERGY": _energy,
    "GPUS": _gpus,
    "FLOW": _unclear,
    **dict.fromkeys(("MONEY", "RATE", "MASS", "GKWH", "PCT"), _amount),
}
