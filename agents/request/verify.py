"""What a model says it found in a request, confirmed in the request's own words by code."""

from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from agents.request.amounts import Quantity, find_amounts
from agents.request.cues import HEDGE, SENTENCE
from agents.request.places import regions_named
from agents.request.reader import Wish, read_wishes
from agents.request.times import Side, find_spans, find_times
from agents.state import FindingKind

_SIDES: dict[FindingKind, Side] = {"not_before": "earliest", "start_by": "latest", "finish_by": "latest"}
_QUANTITIES: dict[FindingKind, Quantity] = {
    "max_cost_gbp": "gbp",
    "max_carbon_g": "g",
    "max_intensity_g_per_kwh": "g_per_kwh",
    "min_renewable_pct": "pct",
}
_OPPOSITE: dict[FindingKind, FindingKind] = {
    "pausable": "not_pausable",
    "not_pausable": "pausable",
    "required_regions": "excluded_regions",
    "excluded_regions": "required_regions",
    "prefer_low_carbon": "cost_only",
    "cost_only": "prefer_low_carbon",
}


class FoundLimit(BaseModel):
    """A limit or wish that the request's own words express."""

    kind: FindingKind = Field(description="What the words ask for.")
    quote: str = Field(
        description="The words that say it, copied exactly from the request, with the place, time or amount in them.",
        min_length=2,
        max_length=300,
    )


def confirm(
    found: Sequence[FoundLimit], text: str, now: datetime
) -> tuple[tuple[Wish, ...], tuple[tuple[FoundLimit, str], ...]]:
    """What holds, and what does not, with the reason.

    The value always comes from the quoted words, read by code: a model selects words and says what they mean, no
    more. What the text says outright counts whether or not the model has seen it.
    """
    wishes = list(read_wishes(text, now))
    refused: list[tuple[FoundLimit, str]] = []
    for limit in found:
        wish = _confirmed(limit, text, now, wishes)
        if isinstance(wish, str):
            refused.append((limit, wish))
        elif wish not in wishes:
            wishes.append(wish)
    return tuple(wishes), tuple(refused)


def _confirmed(limit: FoundLimit, text: str, now: datetime, read: Sequence[Wish]) -> Wish | str:
    quote = _folded(limit.quote)
    if quote not in _folded(text):
        return "these words are not in the request"
    known = next((wish for wish in read if wish.kind == limit.kind and _overlap(quote, _folded(wish.quote))), None)
    if known is not None:
        return known
    opposite = _OPPOSITE.get(limit.kind)
    if any(wish.kind == opposite and _overlap(quote, _folded(wish.quote)) for wish in read):
        return f"these words say {opposite}"
    if any(HEDGE.search(match[0]) for match in SENTENCE.finditer(text) if quote in _folded(match[0])):
        return "the sentence hopes for it, mentions it or denies it; it does not demand it"
    return _value(limit, now)


def _value(limit: FoundLimit, now: datetime) -> Wish | str:
    kind, quote = limit.kind, limit.quote
    if kind in {"required_regions", "excluded_regions"}:
        regions = regions_named(quote)
        return Wish(kind, quote, regions=regions) if regions else "the quoted words name no region of Great Britain"
    if kind in _SIDES:
        instants = [instant for _, instant in find_times(quote, now, _SIDES[kind])]
        instants += [now + span for _, span in find_spans(quote)] if not instants else []
        return _only(instants, "time", lambda instant: Wish(kind, quote, instant=instant))
    if kind in _QUANTITIES:
        amounts = [amount.value for amount in find_amounts(quote) if amount.quantity == _QUANTITIES[kind]]
        return _only(amounts, "amount with its unit", lambda amount: Wish(kind, quote, amount=amount))
    return Wish(kind, quote)


def _only(values: Sequence[object], what: str, wish: Callable[..., Wish]) -> Wish | str:
    return wish(values[0]) if len(values) == 1 else f"the quoted words hold {len(values) or 'no'} {what}, not one"


def _overlap(one: str, other: str) -> bool:
    return one in other or other in one


def _folded(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").split())
