"""Whom a sentence compares with whom: the options that it names, and on which side of a comparison they stand.

Options are named by region, asset, id or time, and running now by its usual names. Where a text names an option by
other words ("the second one", "elsewhere") nobody is told, and a claim is not held to an order.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.grounding.facts import Change, Facts
from agents.request.places import find_places
from agents.request.times import find_parts, tells

NOW = "now"
_RUNNING_NOW = re.compile(
    r"\b(?:(?:to\s+)?(?:run|running|start|starting|begin|beginning|launching|executing)\s+(?:it\s+|the\s+\w+\s+)?"
    r"(?:right\s+now|now|immediately|at\s+once|straight\s+away|right\s+away)"
    r"|an?\s+immediate\s+(?:start|run)|the\s+baseline|staying\s+put)\b",
    re.IGNORECASE,
)
_VAGUE = re.compile(
    r"\b(?:now|alternatives?|others?|another|elsewhere|otherwise|next|second|(?:the|option)\s+third|runners?"
    r"|both\s+(?:options|of|are)|they|them|these|those|waiting\s+longer|(?:an?|any)\s+(?:later|earlier)\s+(?:start|run|window|slot)"
    r"|(?:running|starting)\s+(?:later|earlier|sooner)|which|whose|where)\b",
    re.IGNORECASE,
)
_WAITING = re.compile(r"\b(?:waiting(?!\s+longer)|shifting|delaying|deferring)\b", re.IGNORECASE)
_CHOSEN = re.compile(r"\b(?:the\s+(?:recommended|chosen)|this\s+(?:option|window|placement))\b", re.IGNORECASE)
_PRONOUN = re.compile(r"\bit\b", re.IGNORECASE)
_THAN = re.compile(
    r"\b(?:than|compared\s+(?:with|to)|versus|vs|against|relative\s+to|instead\s+of|rather\s+than|as\s+opposed\s+to"
    r"|unlike|as\s+\w+(?:\s+\w+)?\s+as)\b",
    re.IGNORECASE,
)
_JUST_BEFORE = re.compile(r"\b(?:over|below|above|under|from|leaving)\s+(?:the\s+)?$", re.IGNORECASE)
"""These compare with what follows at once, if that is no time."""
_BREAK = r"[,;:()–—](?!\d)|\b(?:and|but|while|whilst|whereas|yet|though|although|because|since|that)\b"
_CLAUSE = re.compile(_BREAK, re.IGNORECASE)
_OPENS = re.compile(rf"(?:^|{_BREAK}|\bif)\W*$", re.IGNORECASE)
_OPTION_ID = re.compile(r"\b[ce]\d{1,3}\b")


@dataclass(frozen=True)
class Mention:
    """An option named in a sentence; several ids where the words fit several."""

    start: int
    ids: frozenset[str] | None
    """None: somebody, but it is not told who."""
    is_object: bool
    """It is what the rest is compared with."""
    is_owner: bool = False
    """As in "a third of running now's", "down on running now": after a claim, what it is compared with."""
    is_pronoun: bool = False
    """It may also be whoever was named before."""


@dataclass(frozen=True)
class Sides:
    """Who is compared with whom; None: not told."""

    of: frozenset[str] | None
    than: frozenset[str] | None

    def fits(self, change: Change) -> bool:
        return (self.of is None or change.of is None or change.of in self.of) and (
            self.than is None or change.than is None or change.than in self.than
        )


def find_mentions(sentence: str, facts: Facts) -> list[Mention]:
    """Every option that a sentence names, in its order."""
    mentions: list[Mention] = []
    taken = 0
    for start, end, ids, is_time in sorted(_named(sentence, facts), key=lambda named: (named[0], -named[1])):
        if start < taken:
            continue
        taken = end
        is_object = _is_object(sentence[:start], is_time=is_time)
        if ids == frozenset({NOW}) and not is_object and not _OPENS.search(sentence[:start]):
            ids = None
        if re.match(r"\W*(?:which|whose|where)\b", sentence[end:], re.IGNORECASE):
            ids = None
        is_owner = not is_time and sentence[:start].lower().endswith((" of ", " on "))
        is_pronoun = bool(_PRONOUN.fullmatch(sentence, start, end))
        if not (is_pronoun and is_object):
            mentions.append(Mention(start, ids, is_object, is_owner, is_pronoun))
    return mentions


def sides(mentions: list[Mention], at: int, about: frozenset[str]) -> Sides:
    """Who is compared with whom in a claim at that place.

    Its subject is whom the sentence named last before it, else first after it, else whom the text is about.
    """
    objects = [mention for mention in mentions if mention.is_object or (mention.is_owner and mention.start > at)]
    subjects = [mention for mention in mentions if mention not in objects]
    before = [mention for mention in subjects if mention.start < at]
    of = _told(before or subjects[:1], about)
    if of == frozenset({NOW}) and not objects and NOW not in about:
        return Sides(of, about or None)
    ids = [mention.ids for mention in objects]
    than = None if None in ids else frozenset[str]().union(*(found for found in ids if found is not None))
    if of and than and len(of) == 1:
        than -= of
    return Sides(of or None, than or None)


def spoken_of(mentions: list[Mention], facts: Facts) -> frozenset[str]:
    """Whom the next sentence may mean by "it"."""
    told = _told([mention for mention in mentions if not mention.is_object], facts.about)
    return facts.about | (frozenset(facts.sides) if told is None else told)


def _told(subjects: list[Mention], about: frozenset[str]) -> frozenset[str] | None:
    """The last one; where several in a row have an option in common, that ("London from 14:00")."""
    ids: frozenset[str] | None = about
    for place, mention in enumerate(subjects):
        if mention.is_pronoun:
            ids = None if ids is None else ids | about
        else:
            both = (ids or frozenset()) & (mention.ids or frozenset())
            ids = both if place and both else mention.ids
    return ids


def _named(sentence: str, facts: Facts) -> Iterator[tuple[int, int, frozenset[str] | None, bool]]:
    """Start, end and ids of each mention, and whether it is a time."""
    yield from ((start, end, ids, False) for start, end, ids in _by_words(sentence, facts))
    for name, ids in _by_asset(facts).items():
        for match in re.finditer(re.escape(name), sentence, re.IGNORECASE):
            yield match.start(), match.end(), ids, False
    for match, regions in find_places(sentence):
        ids = frozenset(key for key, side in facts.sides.items() if side.region in regions)
        yield match.start(), match.end(), (ids - {NOW}) or ids or None, False
    for match, parts in find_parts(sentence, facts.now):
        ids = frozenset(key for key, side in facts.sides.items() if any(tells(parts, at) for at in side.times))
        if ids:
            yield match.start(), match.end(), ids, True


def _by_words(sentence: str, facts: Facts) -> Iterator[tuple[int, int, frozenset[str] | None]]:
    now = frozenset({NOW} & facts.sides.keys()) or None
    for match in _RUNNING_NOW.finditer(sentence):
        yield match.start(), match.end(), now
    for match in _VAGUE.finditer(sentence):
        is_now = match[0].lower() == NOW and _is_object(sentence[: match.start()], is_time=False)
        yield match.start(), match.end(), now if is_now else None
    later = None if NOW in facts.about else facts.about
    for pattern, ids in ((_WAITING, later), (_CHOSEN, facts.about), (_PRONOUN, facts.about)):
        for match in pattern.finditer(sentence):
            yield match.start(), match.end(), ids or None
    for match in _OPTION_ID.finditer(sentence):
        yield match.start(), match.end(), frozenset({match[0]} & facts.sides.keys()) or None


def _by_asset(facts: Facts) -> dict[str, frozenset[str]]:
    names = {side.asset for side in facts.sides.values()}
    return {
        name: (ids - {NOW}) or ids
        for name in names
        for ids in [frozenset(key for key, side in facts.sides.items() if side.asset == name)]
    }


def _is_object(before: str, *, is_time: bool) -> bool:
    clause = before[max((match.end() for match in _CLAUSE.finditer(before)), default=0) :]
    return bool(_THAN.search(clause)) or (not is_time and bool(_JUST_BEFORE.search(clause)))
