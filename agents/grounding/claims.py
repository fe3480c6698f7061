"""Differences in English prose, with their direction: "12 % less carbon", "saves £1.20", "a third cheaper".

A sentence is cut into words of a closed vocabulary, everything else being "other". A word of direction belongs to a
figure when nothing but fillers and names of measures stand between them. A negated word is not read.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from agents.request.amounts import Amount, Quantity

Measure: TypeAlias = Literal["carbon", "intensity", "renewable", "cost", "energy", "start", "end", "objective"]
Meaning: TypeAlias = tuple[Measure | None, int]
"""What differs (None: whatever can), and whether it is less (-1) or more (1)."""
Meanings: TypeAlias = frozenset[Meaning]
Kind: TypeAlias = Literal[
    "figure", "stop", "than", "as", "of", "by", "be", "not", "fill", "measure", "comparative", "loose", "saving",
    "verb", "move", "degree", "other",
]  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A difference as a text puts it."""

    start: int
    word: str
    """That says the direction."""
    meanings: Meanings
    """Any of them makes the claim true."""
    figure: Amount | None = None
    """None: no figure is given."""
    is_share: bool = False
    """A fraction that is taken off or put on ("a third less"), not what is left ("a third of")."""
    is_firm: bool = True
    """The figure can only be a difference; else it may be a level too, as in "and ends 2 hours later"."""

    def target(self, sign: int) -> float:
        """The difference that is claimed; for multiples, how many times the other's figure it is."""
        value = self.figure.value if self.figure else 0.0
        if self.figure is None or self.figure.quantity != "times":
            return sign * value
        return 1 + sign * value if self.is_share else value**sign


@dataclass(frozen=True)
class _Token:
    kind: Kind
    text: str
    start: int
    meanings: Meanings = frozenset()
    measures: frozenset[Measure] = frozenset()
    figure: Amount | None = None


_LESS: Meanings = frozenset({(None, -1)})
_MORE: Meanings = frozenset({(None, 1)})
_CHEAPER: Meanings = frozenset({("cost", -1)})
_DEARER: Meanings = frozenset({("cost", 1)})
_CLEANER: Meanings = frozenset({("carbon", -1), ("intensity", -1), ("renewable", 1)})
_DIRTIER: Meanings = frozenset({("carbon", 1), ("intensity", 1), ("renewable", -1)})
_EARLIER: Meanings = frozenset({("start", -1), ("end", -1)})
_LATER: Meanings = frozenset({("start", 1), ("end", 1)})
_BETTER: Meanings = _CHEAPER | _CLEANER | {("objective", -1)}
_WORSE: Meanings = _DEARER | _DIRTIER | {("objective", 1)}

_DIRECTIONS: tuple[tuple[Kind, Meanings, str], ...] = (
    ("comparative", _LESS, "less lower fewer smaller"),
    ("comparative", _MORE, "more higher greater larger bigger"),
    ("comparative", _CHEAPER, "cheaper"),
    ("comparative", _DEARER, "dearer costlier pricier"),
    ("comparative", _CLEANER, "cleaner greener"),
    ("comparative", _DIRTIER, "dirtier"),
    ("comparative", _BETTER, "better"),
    ("comparative", _WORSE, "worse"),
    ("loose", _EARLIER, "earlier sooner"),
    ("loose", _LATER, "later"),
    ("loose", _LESS, "below under beneath"),
    ("loose", _MORE, "above"),
    ("saving", _LESS, "saving savings saved reduction reductions decrease cut cuts drop fall discount"),
    ("saving", _LESS, "avoid avoids avoiding avoided"),
    ("saving", _MORE, "increase increases rise rises premium surcharge added extra"),
    ("verb", _LESS, "save saves cutting reduce reduces reducing reduced lowers lowered lowering trim trims trimming"),
    ("verb", _LESS, "shaves decreases decreased decreasing"),
    ("verb", _MORE, "increased increasing raise raises raised raising add adds adding"),
    ("move", _LESS, "drops dropped dropping falls fallen fell falling declines declined declining shrinks shrank down"),
    ("move", _MORE, "risen rose rising climbs climbed climbing grows grew growing up"),
    ("degree", _CHEAPER, "cheap cheaply economical affordable effective"),
    ("degree", _DEARER, "expensive costly dear"),
    ("degree", _CLEANER, "clean cleanly green"),
    ("degree", _DIRTIER, "dirty polluting intensive"),
    ("degree", _LESS, "low little small"),
    ("degree", _MORE, "much many high great"),
)
_MEASURES: tuple[tuple[frozenset[Measure], str], ...] = (
    (frozenset({"carbon", "intensity"}), "carbon co2 co2e co₂ greenhouse gas"),
    (frozenset({"carbon"}), "emit emits emitted emitting emission emissions footprint"),
    (frozenset({"intensity"}), "intensity intensities"),
    (frozenset({"cost"}), "cost costs costing price prices money bill bills spend spends spending pay pays paid"),
    (frozenset({"renewable"}), "renewable renewables"),
    (frozenset({"energy"}), "energy electricity consumption"),
)
_OTHERS: tuple[tuple[Kind, str], ...] = (
    ("stop", "and but while whilst whereas yet though although or because since when where which"),
    ("stop", "with for at to from versus vs against compared relative instead rather unlike"),
    ("than", "than"),
    ("as", "as"),
    ("of", "of in on"),
    ("by", "by"),
    ("be", "is are was were be been"),
    ("not", "no not never without neither nor hardly negative cannot"),
    ("fill", "the it its our your you a an another some total overall net estimated expected further additional share"),
    ("fill", "run only just about around roughly approximately approx nearly almost circa even well over will would"),
)
_VOCABULARY: dict[str, _Token] = {
    **{word: _Token(kind, word, 0) for kind, words in _OTHERS for word in words.split()},
    **{word: _Token("measure", word, 0, measures=found) for found, words in _MEASURES for word in words.split()},
    **{word: _Token(kind, word, 0, meanings) for kind, meanings, words in _DIRECTIONS for word in words.split()},
}
_WORD = re.compile(r"[^\W_]+(?:n['’]t)?|[,;:()–—]")
_ASIDE = re.compile(
    r"\([^()\d]*\)|,\s*(?:compared\s+(?:with|to)|against|versus|vs|relative\s+to)\s[^,\d]*,", re.IGNORECASE
)
"""Between a word and its figure, as in "saves, compared with running now, 12 %"."""
_BY_NOUN: frozenset[Quantity] = frozenset({"pct", "times"})
"""Figures that need a noun to say what they measure; a unit says it of the others."""
_COMPARABLE: frozenset[Quantity] = _BY_NOUN | {"gbp", "g", "g_per_kwh", "kwh", "minutes"}
_TIMING: Meanings = _EARLIER | _LATER
_DIRECTED: frozenset[Kind] = frozenset({"comparative", "loose", "saving", "verb", "move", "degree"})
_ENDS: frozenset[Kind] = _DIRECTED | {"figure", "stop", "than", "as"}
_BETWEEN: frozenset[Kind] = frozenset({"fill", "measure", "of", "by"})
_NOT_ALONE = frozenset("avoid avoids avoiding avoided saved added extra".split())  # noqa: SIM905
_BOUNDS = frozenset({"below", "under", "above", "over"})
_NEGATION_REACH = 3


def find_claims(sentence: str, figures: Sequence[Amount]) -> Iterator[Claim]:
    """Every difference that a sentence states, with a figure or without one.

    Args:
        sentence: the text.
        figures: its amounts, spelled-out lengths of time and multiples among them, but not its dates and times.
    """
    tokens = _tokens(sentence, figures)
    used: set[int] = set()
    last: Claim | None = None
    for at, token in enumerate(tokens):
        figure = token.figure
        if figure is None or figure.quantity not in _COMPARABLE:
            continue
        place = _word_of(tokens, at)
        claim: Claim | None = None
        if place is not None:
            used.add(place)
            claim = _bound(tokens, at, place)
        elif _is_multiple(tokens, at) or (figure.quantity == "pct" and _is_signed(sentence, figure)):
            claim = Claim(figure.start, figure.text.strip(), _about(tokens, at, at, _MORE), figure)
        elif last is not None and _goes_on(tokens, at):
            signs: Meanings = frozenset((None, sign) for _, sign in last.meanings)
            claim = Claim(figure.start, last.word, _about(tokens, at, at, signs), figure, is_firm=False)
        if claim is not None:
            yield claim
        last = claim if figure.quantity != "minutes" else None
    for at, token in enumerate(tokens):
        if at not in used and token.kind in _DIRECTED - {"degree"} and token.text not in _NOT_ALONE:
            meanings = _about(tokens, at, at, token.meanings)
            if not _is_negated(tokens, at) and all(measure for measure, _ in meanings):
                yield Claim(token.start, token.text, meanings)


def _tokens(sentence: str, figures: Sequence[Amount]) -> list[_Token]:
    tokens = [_Token("figure", figure.text, figure.start, figure=figure) for figure in figures]
    for match in _WORD.finditer(_ASIDE.sub(lambda aside: " " * len(aside[0]), sentence)):
        if any(figure.start <= match.start() < figure.end for figure in figures):
            continue
        word = match[0].lower()
        kind: Kind = "not" if word.endswith(("n't", "n’t")) else "other" if word[0].isalnum() else "stop"
        tokens.append(replace(_VOCABULARY.get(word) or _Token(kind, word, 0), start=match.start()))
    return _with_phrases(sorted(tokens, key=lambda token: token.start))


def _with_phrases(tokens: Sequence[_Token]) -> list[_Token]:
    """ "more expensive", "less carbon intensive", "more than £5", "up to 12 %", "as clean" as one word each."""
    merged: list[_Token] = []
    at = 0
    while at < len(tokens):
        token, size = _phrase(tokens[at:], merged)
        merged.append(token)
        at += size
    return merged


def _phrase(tokens: Sequence[_Token], before: Sequence[_Token]) -> tuple[_Token, int]:
    first = tokens[0]
    texts, kinds = [token.text for token in tokens[:3]], [token.kind for token in tokens[:3]]
    if first.text in {"more", "less"}:
        size = 2 if kinds[1:2] == ["degree"] else 3 if kinds[1:] == ["measure", "degree"] else 0
        if size:
            sign = 1 if first.text == "more" else -1
            told = frozenset((measure, sign * its) for measure, its in tokens[size - 1].meanings)
            return replace(first, text=" ".join(texts[:size]), meanings=told), size
    if kinds[:2] == ["as", "degree"]:
        is_bound = texts[2:] == ["as"] and _is_before_a_figure(tokens[3:])
        return (replace(first, kind="fill"), 3) if is_bound else (replace(tokens[1], start=first.start), 2)
    follows_figure = bool(before) and before[-1].kind == "figure"
    if texts[:2] in (["up", "to"], ["at", "least"], ["at", "most"]):
        return replace(first, kind="fill"), 2
    if kinds[:2] == ["comparative", "than"] and _is_before_a_figure(tokens[2:]) and not follows_figure:
        return replace(first, kind="fill"), 2
    if first.text in _BOUNDS and _is_before_a_figure(tokens[1:]) and not follows_figure:
        return replace(first, kind="fill"), 1
    if texts[:2] == ["carbon", "intensity"]:
        return tokens[1], 2
    if texts[:2] in (["renewable", "energy"], ["renewable", "electricity"]):
        return first, 2
    if first.text == ":" and _is_label(before):
        return replace(first, kind="fill"), 1
    return first, 1


def _is_label(before: Sequence[_Token]) -> bool:
    """ "Savings: 12 %", "; cost: +5 %"."""
    kinds = [token.kind for token in before[-2:]]
    return kinds[-1:] == ["saving"] or kinds in (["measure"], ["stop", "measure"])


def _is_before_a_figure(tokens: Sequence[_Token]) -> bool:
    return next((token.kind for token in tokens if token.kind != "fill"), "other") == "figure"


def _word_of(tokens: Sequence[_Token], at: int) -> int | None:
    """The word that says the direction of the figure at that place; None where there is none, or two that disagree."""
    places = [place for place in (_after(tokens, at), _before(tokens, at)) if place is not None]
    told = [{sign for _, sign in tokens[place].meanings} for place in places]
    is_one = len(places) == 1 or (len(places) == 2 and told[0] == told[1])
    if not is_one or _is_negated(tokens, places[0]):
        return None
    is_timing = tokens[places[0]].meanings <= _TIMING
    return places[0] if is_timing == (_quantity(tokens[at]) == "minutes") else None


def _after(tokens: Sequence[_Token], at: int) -> int | None:
    for place in range(at + 1, len(tokens)):
        token = tokens[place]
        if token.kind in {"comparative", "loose"} or (token.kind == "degree" and _quantity(tokens[at]) == "times"):
            return place
        if token.kind == "saving":
            return None if _has_an_object(tokens[place + 1 :]) else place
        if token.kind in {"be", "of"} and token.text != "of":
            follows = tokens[place + 1 : place + 2]
            if not follows or follows[0].kind != "saving":
                return None
        elif token.kind not in {"measure", "fill", "of"}:
            return None
    return None


def _quantity(token: _Token) -> Quantity | None:
    return token.figure.quantity if token.figure else None


def _has_an_object(tokens: Sequence[_Token]) -> bool:
    """ "At £3.46 saving money", "at £3.46 saving 12 %": the word is a verb, and the figure none of its own."""
    is_measured = any(token.kind == "measure" for token in tokens[:1])
    return is_measured or next((token.kind for token in tokens if token.kind not in _BETWEEN), "other") == "figure"


def _before(tokens: Sequence[_Token], at: int) -> int | None:
    seen: set[Kind] = set()
    for place in range(at - 1, -1, -1):
        token = tokens[place]
        if token.kind in {"comparative", "loose"}:
            return place if "by" in seen else None
        if token.kind in {"saving", "verb", "move"}:
            return None if "of" in seen and "by" not in seen and token.text.endswith("ed") else place
        if token.kind not in _BETWEEN and ("by" not in seen or token.kind in _ENDS):
            return None
        seen.add(token.kind)
    return None


def _bound(tokens: Sequence[_Token], at: int, place: int) -> Claim:
    word, figure = tokens[place], tokens[at].figure
    is_share = figure is not None and figure.quantity == "times" and figure.value < 1 and word.kind != "degree"
    meanings = _about(tokens, at, place, word.meanings)
    return Claim(tokens[at].start, word.text, meanings, figure, is_share, word.kind != "loose")


def _about(tokens: Sequence[_Token], at: int, place: int, meanings: Meanings) -> Meanings:
    """The meanings, narrowed to what the nouns nearby name."""
    figure = tokens[at].figure
    if figure is not None and figure.quantity not in _BY_NOUN:
        return meanings
    low, high = min(at, place), max(at, place)
    inside, after = tokens[low + 1 : high], _until_end(tokens[high + 1 :])
    before = _until_end(tokens[:low][::-1])[::-1]
    zones = (inside, before, after) if tokens[place].kind == "move" else (inside, after, before)
    measures = next((named for zone in zones if (named := _named(zone))), frozenset())
    if not measures:
        return meanings
    if all(measure is None for measure, _ in meanings):
        return frozenset((measure, sign) for measure in measures for _, sign in meanings)
    return frozenset(meaning for meaning in meanings if meaning[0] in measures) or meanings


def _until_end(tokens: Sequence[_Token]) -> Sequence[_Token]:
    return tokens[: next((place for place, token in enumerate(tokens) if token.kind in _ENDS), len(tokens))]


def _named(zone: Sequence[_Token]) -> frozenset[Measure]:
    """What the nouns name; of "energy cost" the last."""
    heads = [
        token.measures
        for token, follows in zip(zone, [*zone[1:], None], strict=False)
        if token.kind == "measure" and (follows is None or follows.kind != "measure")
    ]
    return frozenset().union(*heads)


def _goes_on(tokens: Sequence[_Token], at: int) -> bool:
    """ "saves 12 % of carbon and 5 % of cost": the second figure has the first one's word."""
    for token in tokens[at - 1 :: -1] if at else ():
        if token.kind == "stop":
            return token.text in {",", "and", "or"}
        if token.kind not in _BETWEEN:
            return False
    return False


def _is_multiple(tokens: Sequence[_Token], at: int) -> bool:
    """ "Half the cost"; but "by three quarters" after a verb that is not known has no direction."""
    return _quantity(tokens[at]) == "times" and not (at and tokens[at - 1].kind == "by")


def _is_signed(sentence: str, figure: Amount) -> bool:
    return figure.value < 0 or sentence[: figure.start].rstrip().endswith("+")


def _is_negated(tokens: Sequence[_Token], at: int) -> bool:
    for token in tokens[max(0, at - _NEGATION_REACH) : at][::-1]:
        if token.kind == "stop":
            return False
        if token.kind == "not":
            return True
    return False
