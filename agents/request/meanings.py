"""What a place, an amount, hardware or a count means where it stands."""

from collections.abc import Callable
from typing import TypeAlias

from agents.constraints import (
    CarbonIntensity,
    CarbonTotal,
    CostTotal,
    Hardware,
    JobFacts,
    Pausing,
    PricePerKwh,
    Region,
    RenewableShare,
    Saving,
    Site,
)
from agents.request.lexicon import JOINING
from agents.request.scope import COMPARISONS, Scope, follows
from agents.request.tokens import Tag
from agents.request.when import read_instant, read_next_span, read_range, read_span, read_weekdays

Meaning: TypeAlias = Callable[[Scope, Tag, int], None]

_OVERRUN = frozenset({"run over", "go past", "run past", "overrun", "later", "run beyond"})
_BUDGETS = frozenset({"budget", "allowance", "price", "prices", "cost", "costs", "bill"})
_AFTER_A_PLACE = JOINING | {"or", "only", "'s", "then", "if", "to", "at", "for", "when", "as"}


def read_value(scope: Scope, tag: Tag, i: int) -> None:
    """Read a value into a constraint, mark it as used without one, or leave it to be told."""
    _MEANINGS[tag.type](scope, tag, i)


def _place(scope: Scope, tag: Tag, i: int) -> None:
    before = next((known for known in reversed(scope.tags[:i]) if known.type != "GLUE"), None)
    if scope.strong() is not None and not scope.odd:
        return  # "before the ship leaves Dover": an event, of which nobody knows the time
    names = _names_something(scope, i)
    if names or _is_origin(scope, before) or (scope.is_content and not scope.out):
        tag.used = True
        if names and not (scope.must or scope.only or scope.negated or scope.asks):
            scope.is_about_data = True
        return
    _located(scope, tag, i, before)


def _located(scope: Scope, tag: Tag, i: int, before: Tag | None) -> None:
    approved = scope.after == "ok" and not scope.out and any(known.type == "POSTOK" for known in scope.tags[i:])
    if approved or (scope.may and not scope.only and not scope.out and not scope.odd):
        _add_place(scope, tag, allowed=True, soft=True)
    elif scope.odd:
        _add_place(scope, tag, allowed=False)
    elif _is_of_a_noun(scope, before):
        tag.used = True
    elif scope.asks or scope.only or scope.out or scope.must or scope.heads == 0:
        _add_place(scope, tag, allowed=True)


def _add_place(scope: Scope, tag: Tag, *, allowed: bool, soft: bool = False) -> None:
    if tag.type == "SITE":
        scope.add(Site, tag, soft=soft, firm=not allowed, sites=(tag.value,), allowed=allowed)
    else:
        scope.add(Region, tag, soft=soft, firm=not allowed, regions=tuple(tag.value), allowed=allowed)


def _names_something(scope: Scope, i: int) -> bool:
    """ "The Wales office", "London's traffic"."""
    following = follows(scope.tags, i)
    if following is None:
        return False
    if following.word == "'s":
        owned = scope.tags[i + 2] if i + 2 < len(scope.tags) else None
        return not (owned is not None and owned.type == "SITEWORD")
    is_noun = following.type in {"W", "OTHER", "FINISH"} or following.word in _BUDGETS
    if not is_noun or following.word in _AFTER_A_PLACE or (following.type == "FINISH" and scope.relations):
        return False
    inside = any(known.type == "IN" for known in scope.relations) and following.type == "W"
    excluded = any(known.type in {"NEG", "OUT"} for known in scope.tags[max(0, i - 2) : i])
    return not excluded and not (inside and (scope.only or scope.must))


def _is_origin(scope: Scope, before: Tag | None) -> bool:
    return before is not None and before.word == "from" and not scope.odd


def _is_of_a_noun(scope: Scope, before: Tag | None) -> bool:
    """ "A model of house sales in Wales": the noun before "in" has the place, where nothing is asked for."""
    if before is None or before.type != "IN" or scope.asks or scope.must or scope.only:
        return False
    at = next(j for j, known in enumerate(scope.tags) if known is before)
    behind = next((known for known in reversed(scope.tags[:at]) if known.type != "GLUE"), None)
    return behind is not None and behind.type in {"W", "FACT", "GPUS", "ENERGY"}


def _hardware(scope: Scope, tag: Tag, i: int) -> None:
    if scope.odd:
        scope.add(Hardware, tag, firm=True, gpu_model=_model(tag), allowed=False)
    elif scope.may and not scope.only:
        tag.used = True
    elif scope.asks or scope.only or scope.must or scope.heads == 0 or scope.relations:
        scope.add(Hardware, tag, gpu_model=_model(tag), allowed=True)


def _model(tag: Tag) -> str:
    """As written, without the plural of "H100s"."""
    words = [str(part.value or part.word) if part.type == "W" else part.word for part in tag.parts]
    plural = len(words) > 1 and words[-1] == "s"
    text = "".join(
        word if part.glued or not j else f" {word}"
        for j, (part, word) in enumerate(zip(tag.parts, words, strict=True))
        if not (plural and j == len(words) - 1)
    )
    return text.upper() if any(letter.isdigit() for letter in text) else text


def _count(scope: Scope, tag: Tag, i: int) -> None:
    before = scope.context.before
    pauses = "PAUSE" in scope.types or any(part.type == "PAUSE" for part in tag.parts)
    pauses = pauses or (before is not None and "PAUSE" in before.types)
    denied = scope.negated and tag.parts[0].word != "once"
    bounded = bool(scope.comparisons) or scope.ahead(i, 3, COMPARISONS) is not None
    if pauses and (bounded or denied or scope.only):
        scope.add(Pausing, tag, allowed=True, max_pauses=int(tag.value))
    else:
        tag.used = True


def _vague(scope: Scope, tag: Tag, i: int) -> None:
    """Told where it bounds something, since nobody can say which hours it means."""
    bounds = scope.relations or scope.odd or scope.must or scope.only
    if scope.is_about_data or not bounds or (scope.may and not scope.odd):
        tag.used = True


def _unclear(scope: Scope, tag: Tag, i: int) -> None:
    """A limit that nobody can resolve ("north of Leeds"): told; "not near London" surely leaves out London."""
    if scope.odd and isinstance(tag.value, frozenset):
        tag.type = "PLACE"
        _add_place(scope, tag, allowed=False)
        return
    tag.used = scope.is_content


def _amount(scope: Scope, tag: Tag, i: int) -> None:
    side = _side(scope, tag, i)
    if scope.is_content:
        tag.used = True
        return
    about = scope.types & {"COST", "CARBON", "INTENSITY", "RENEW", "LE"}
    if scope.words > 2 and not (scope.asks or scope.negated or "SAVE" in scope.types or about):
        return
    is_saving = tag.type == "PCT" or (side in {">", None} and tag.type in {"MONEY", "MASS"})
    if "SAVE" in scope.types and is_saving:
        unit = {"MONEY": "gbp", "MASS": "g", "PCT": "pct"}[tag.type]
        scope.add(Saving, tag, amount=tag.value, unit=unit)
    elif tag.type == "PCT":
        _share(scope, tag, side)
    elif side == "<":
        _cap(scope, tag)


def _side(scope: Scope, tag: Tag, i: int) -> str | None:
    """ "<" for at most, ">" for at least: comparison and polarity; "no more than" is at most."""
    comparison = scope.comparisons[-1] if scope.comparisons else None
    if comparison is None and any(known.word in _OVERRUN for known in scope.relations):
        comparison = Tag("MORE", tag.start, tag.end)
    if comparison is None and (comparison := scope.ahead(i, 5, COMPARISONS)) is not None:
        scope.end = max(scope.end, comparison.end)
    odd = scope.negated != (scope.after == "out")
    sides = {"LE": "<", "GE": ">", "LESS": ">" if odd else "<", "MORE": "<" if odd else ">"}
    return sides[comparison.type] if comparison is not None else None


def _share(scope: Scope, tag: Tag, side: str | None) -> None:
    demanded = scope.must or scope.only or scope.asks or tag.value == 100
    if "RENEW" in scope.types and tag.value <= 100 and (side == ">" or (side is None and demanded)):
        scope.add(RenewableShare, tag, min_pct=tag.value)


def _cap(scope: Scope, tag: Tag) -> None:
    if tag.type == "RATE":
        basis = "mean" if "MEAN" in scope.types else "each"
        scope.add(PricePerKwh, tag, max_gbp_per_kwh=tag.value, basis=basis)
    elif tag.type == "MONEY":
        scope.add(CostTotal, tag, max_gbp=tag.value)
    elif tag.type == "MASS":
        scope.add(CarbonTotal, tag, max_g=tag.value)
    else:
        scope.add(CarbonIntensity, tag, max_g_per_kwh=tag.value)


def _energy(scope: Scope, tag: Tag, i: int) -> None:
    if scope.is_about_data or scope.comparisons:
        tag.used = not scope.comparisons
    else:
        scope.add(JobFacts, tag, energy_kwh=tag.value)


def _gpus(scope: Scope, tag: Tag, i: int) -> None:
    model = next((part for part in tag.parts if part.type == "GPU"), None)
    if scope.is_about_data or scope.comparisons or scope.odd or tag.value < 1:
        tag.used = scope.is_about_data
        return
    scope.add(JobFacts, tag, gpus=int(tag.value))
    if model is not None:
        scope.add(Hardware, tag, gpu_model=_model(model), allowed=True)


def _flow(scope: Scope, tag: Tag, i: int) -> None:
    """So much an hour: nothing that a placement is limited by, so it is told."""
    tag.used = scope.is_content


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
    "FLOW": _flow,
    **dict.fromkeys(("MONEY", "RATE", "MASS", "GKWH", "PCT"), _amount),
}
