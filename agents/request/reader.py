"""Hard limits and wishes in an English request, each with the words that say it.

Only what is said outright counts: a place needs "must", "only", "keep … in"; a negated or hedged sentence ("ideally in
Wales", "need not finish by noon") is no limit. Whoever reads more into a text has to be confirmed by this reader.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from agents.request.amounts import find_amounts
from agents.request.cues import (
    AND,
    AT_LEAST,
    AT_MOST,
    BETWEEN,
    CAPS,
    EXCLUDING,
    FOR_LATER,
    HEDGE,
    JOINED,
    MOODS,
    ONLY_AFTER,
    RENEWABLE,
    REQUIRING,
    RIVALS,
    SENTENCE,
    START_WITHIN,
    TIME_CUES,
    WITHIN,
)
from agents.request.places import find_places
from agents.request.times import find_spans, find_times
from agents.state import FindingKind

REACH = 120
"""Characters: the longest cue has some eighty."""


@dataclass(frozen=True)
class Wish:
    """One limit or wish. Exactly one of the values is given where the kind has one."""

    kind: FindingKind
    quote: str
    regions: frozenset[int] = frozenset()
    instant: datetime | None = None
    amount: float | None = None
    """Base units: GBP, g, g/kWh, %."""


def read_wishes(text: str, now: datetime) -> tuple[Wish, ...]:
    """Everything that the text says outright, in its order.

    Args:
        text: the request, as given.
        now: the run's clock, which "tomorrow" and "in six hours" count from.
    """
    wishes: list[Wish] = []
    for match in SENTENCE.finditer(text):
        sentence = match[0]
        if sentence.strip():
            wishes += [wish for read in _READERS for wish in read(sentence, now)]
    kinds = {wish.kind for wish in wishes}
    return tuple(dict.fromkeys(wish for wish in wishes if RIVALS.get(wish.kind) not in kinds))


def _read_places(sentence: str, _now: datetime) -> Iterator[Wish]:
    if HEDGE.search(sentence):
        return
    places = list(find_places(sentence))
    groups: list[tuple[FindingKind, int, int, frozenset[int]]] = []
    for match, regions in places:
        cue = _ahead(EXCLUDING, sentence, match.start()) or _ahead(REQUIRING, sentence, match.start())
        if cue and cue[0].lower().rstrip().endswith(("leave", "leave the")):
            groups.append(("required_regions", cue.start(), match.end(), regions))
        elif cue and cue.re is EXCLUDING:
            groups.append(("excluded_regions", cue.start(), match.end(), regions))
        elif cue or ONLY_AFTER.match(sentence[match.end() :]):
            end = match.end() if cue else match.end() + len(" only")
            groups.append(("required_regions", cue.start() if cue else match.start(), end, regions))
        elif groups and JOINED.match(sentence[groups[-1][2] : match.start()]):
            kind, start, _, known = groups.pop()
            groups.append((kind, start, match.end(), known | regions))
    for kind, start, end, regions in groups:
        yield Wish(kind, sentence[start:end].strip(), regions=regions)


def _read_times(sentence: str, now: datetime) -> Iterator[Wish]:
    if HEDGE.search(sentence):
        return
    for kind, side, cue in TIME_CUES:
        for match, instant in find_times(sentence, now, side):
            said = _ahead(cue, sentence, match.start())
            if said and not _is_shadowed(kind, sentence, match.start()):
                yield Wish(kind, sentence[said.start() : match.end()].strip(), instant=instant)
    yield from _read_ranges(sentence, now)
    for match, span in find_spans(sentence):
        if said := _ahead(WITHIN, sentence, match.start()):
            start = _ahead(START_WITHIN, sentence, said.start())
            kind = "start_by" if start else "finish_by"
            yield Wish(kind, sentence[(start or said).start() : match.end()].strip(), instant=now + span)
        elif said := _ahead(FOR_LATER, sentence, match.start()):
            yield Wish("not_before", sentence[said.start() : match.end()].strip(), instant=now + span)


def _read_ranges(sentence: str, now: datetime) -> Iterator[Wish]:
    """ "Between 22:00 and 06:00": the second time is the first of its kind after the first one."""
    for match, start in find_times(sentence, now, "earliest"):
        said = _ahead(BETWEEN, sentence, match.start())
        joined = AND.match(sentence[match.end() :])
        if not said or not joined:
            continue
        rest = match.end() + joined.end()
        for other, end in find_times(sentence[rest:], start, "latest"):
            if other.start() == 0 and end > start:
                quote = sentence[said.start() : rest + other.end()].strip()
                yield Wish("not_before", quote, instant=start)
                yield Wish("finish_by", quote, instant=end)


def _is_shadowed(kind: FindingKind, sentence: str, position: int) -> bool:
    """Whether a longer cue ends at the same place: "not start before" holds "start before" holds "before"."""
    kinds = [other for other, _, _ in TIME_CUES]
    return any(_ahead(cue, sentence, position) for _, _, cue in TIME_CUES[: kinds.index(kind)])


def _read_amounts(sentence: str, _now: datetime) -> Iterator[Wish]:
    if HEDGE.search(sentence):
        return
    for amount in find_amounts(sentence):
        said = _ahead(AT_MOST, sentence, amount.start)
        if amount.quantity in CAPS and said:
            quote = sentence[said.start() : amount.end].strip()
            yield Wish(CAPS[amount.quantity], quote, amount=amount.value)
        least = _ahead(AT_LEAST, sentence, amount.start)
        green = RENEWABLE.match(sentence[amount.end : amount.end + REACH])
        if amount.quantity == "pct" and least and green and amount.value <= 100:
            quote = sentence[least.start() : amount.end + green.end()].strip()
            yield Wish("min_renewable_pct", quote, amount=amount.value)


def _ahead(cue: re.Pattern[str], sentence: str, position: int) -> re.Match[str] | None:
    """The cue that ends at a position; it is looked for nearby only, so that no text takes long to read."""
    return cue.search(sentence, max(0, position - REACH), position)


def _read_moods(sentence: str, _now: datetime) -> Iterator[Wish]:
    for kind, pattern in MOODS:
        match = pattern.search(sentence)
        if match:
            yield Wish(kind, match[0].strip())


_READERS: tuple[Callable[[str, datetime], Iterator[Wish]], ...] = (
    _read_places,
    _read_times,
    _read_amounts,
    _read_moods,
)
