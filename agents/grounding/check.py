"""The grounding check: every figure, time, place and name in a stored sentence must be one that code knows.

Rounding is understood (a figure is compared at the precision it is written with), units are (2.4 kg is 2,400 g), and
so are "about", ranges, dates in UK time or labelled UTC, and comparisons ("twice as clean", "a third less"). These must
have the direction that the options have, and be said of what differs.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from agents.grounding.claims import Claim, find_claims
from agents.grounding.comparands import Sides, find_mentions, sides, spoken_of
from agents.grounding.facts import Facts
from agents.request.amounts import Amount, find_amounts
from agents.request.places import find_places
from agents.request.times import COUNTING, MONTHS, WEEKDAYS, find_parts, find_spans, tells

MAX_TEXT_CHARS = 1_500
REPEATED_WORDS = 7
_ABOUT = re.compile(
    r"\b(?:about|around|roughly|approximately|approx\.?|nearly|almost|some|circa|just\s+(?:over|under|above|below))\s*$|[~≈]\s*$",
    re.IGNORECASE,
)
_ABOUT_SHARE = 0.05
_RATIO_SHARE = 0.12
_COUNTS = frozenset({0.0, 1.0, 2.0, 3.0})
"""Ranks and numbers of options; a bare 1 to 3 says nothing that could be wrong about a placement."""
_RATIO_WORDS: dict[str, float] = {
    "twice": 2,
    "double": 2,
    "doubles": 2,
    "doubled": 2,
    "thrice": 3,
    "triple": 3,
    "half as": 1 / 2,
    "half the": 1 / 2,
    "halves": 1 / 2,
    "halved": 1 / 2,
    "a half": 1 / 2,
    "by half": 1 / 2,
    "a third": 1 / 3,
    "one third": 1 / 3,
    "two thirds": 2 / 3,
    "a quarter": 1 / 4,
    "three quarters": 3 / 4,
    "tenfold": 10,
    **{f"{word} times": float(number) for number, word in enumerate(COUNTING[1:], 2)},
}
_RATIO = re.compile(
    r"\b(?:" + "|".join(re.escape(w) for w in sorted(_RATIO_WORDS, key=len, reverse=True)) + r")\b(?![\s-]?hour)",
    re.IGNORECASE,
)
_COMPARING = re.compile(
    r"\b(?:than|compar\w+|versus|vs|against|instead|whereas|while|unlike|relative\s+to|difference|other|next|alternative|runner|saves?|saving"
    r"|running\s+now|run\s+now|now|less|lower|fewer|more|higher|extra|cheaper|dearer|costlier|pricier|cleaner|greener|dirtier"
    r"|below|above|earlier|later)\b",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(r"https?://|www\.|[<>{}`\x00-\x08\x0b-\x1f\x7f]|\b[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)
_OPTION_ID = re.compile(r"\b[ce]\d{1,3}\b")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])|\n+")
_OPENING = re.compile(r"(?:^\W*|[:;–—]\s+[\"'(]?)$")
_NAME = re.compile(r"(?<![\w'’])[A-Z][A-Za-z]*(?:[A-Za-z0-9&]*)")
_PLAIN_NAMES = frozenset(
    """agile ai april august bst carbon co2 co2e cpu cpus data day december english february february friday gb gbp gmt
    gpu gpus great britain i it january july june kwh march may ml monday mwh national neso november octopus october
    ok pareto pue ram saturday september sunday the thursday tuesday uk united kingdom utc vat wednesday""".split()  # noqa: SIM905
)
_OPENERS = frozenset(
    """against although as at because besides both by choosing compared even for from if in like moving near only out
    rather running since starting than though unlike using versus waiting whereas while with""".split()  # noqa: SIM905
)
"""Words before a name that are no part of it."""
_ELSEWHERE = frozenset(
    """america amsterdam australia austria belfast belgium berlin brazil brussels canada chile china copenhagen denmark
    dublin europe finland france frankfurt germany greenland guernsey hamburg helsinki iceland india ireland italy
    japan jersey luxembourg madrid mars mexico milan mumbai netherlands norway ohio oregon oslo paris poland portugal
    quebec reykjavik russia singapore spain stockholm sweden switzerland sydney texas tokyo ulster usa virginia
    zurich""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Ungrounded:
    """A span that nothing supports."""

    span: str
    why: str

    def __str__(self) -> str:
        return f"{self.span!r} {self.why}"


def ungrounded(
    text: str,
    facts: Facts,
    others: Facts | None = None,
    *,
    by_region: Mapping[int, Facts] | None = None,
    instructions: str = "",
) -> tuple[Ungrounded, ...]:
    """The spans of a text that must not be stored.

    Args:
        text: one or more sentences.
        facts: what every sentence may say.
        others: what a sentence that compares may say besides, so that one option's figures cannot be told as another's.
        by_region: what a sentence that names a region may say of it; `facts` are then for all sentences, and the first
            region's for one that names none.
        instructions: the model's own, which a text must not repeat.
    """
    if len(text) > MAX_TEXT_CHARS:
        return (Ungrounded(text[:40] + "…", f"is longer than {MAX_TEXT_CHARS} characters"),)
    found = [Ungrounded(match[0], "is not allowed in a text") for match in _FORBIDDEN.finditer(text)]
    found += [Ungrounded(span, "repeats the instructions") for span in repeated(text, instructions)]
    carried: frozenset[str] = frozenset()
    for sentence in _SENTENCE.split(text):
        known = _attributed(sentence, facts, by_region) if by_region else facts
        if others is not None and _COMPARING.search(sentence):
            known = known.merged(others)
        if known.about:
            known = replace(known, about=known.about | carried)
            carried = spoken_of(find_mentions(sentence, known), known)
        for check in _CHECKS:
            found += check(sentence, known)
    return tuple(dict.fromkeys(found))


def _attributed(sentence: str, facts: Facts, by_region: Mapping[int, Facts]) -> Facts:
    """With the facts of the regions that are named, else the first region's, which a sentence may always speak of."""
    first = next(iter(by_region))
    named = {region for _, regions in find_places(sentence) for region in regions} & by_region.keys()
    about = facts.about | by_region[first].about
    for region in named or {first}:
        facts = facts.merged(by_region[region])
        about |= by_region[region].about
    return replace(facts, about=about)


def first_place(text: str) -> tuple[str, frozenset[int]] | None:
    """The first place that a text names, and its regions."""
    return next(((match[0], regions) for match, regions in find_places(text)), None)


def repeated(text: str, instructions: str) -> list[str]:
    """Runs of words that stand in the instructions too, longer than chance explains."""
    known = _runs(instructions)
    return [run for run in _runs(text) if run in known][:1]


def _runs(text: str) -> dict[str, None]:
    words = re.findall(r"[\w']+", text.lower())
    return dict.fromkeys(" ".join(words[n : n + REPEATED_WORDS]) for n in range(len(words) - REPEATED_WORDS + 1))


def _times(sentence: str, facts: Facts) -> Iterator[Ungrounded]:
    for match, parts in find_parts(sentence, facts.now):
        if not any(tells(parts, instant) for instant in facts.instants) and not _is_word(match[0]):
            yield Ungrounded(match[0].strip(" ."), "is not a time of these options or of the request")


def _is_word(text: str) -> bool:
    return text.strip().lower() in {"may", "march", "sun", "sat", "wed", "mar"}


def _figures(sentence: str, facts: Facts) -> Iterator[Ungrounded]:
    for amount in _amounts(sentence, facts):
        if not _is_known(amount, sentence, facts):
            yield Ungrounded(amount.text.strip(), "is not a figure of these options, the request or a tool result")


def _amounts(sentence: str, facts: Facts) -> list[Amount]:
    """Those that are no part of a date or time."""
    taken = [match.span() for match, _ in find_parts(sentence, facts.now)]
    return [
        amount
        for amount in find_amounts(sentence)
        if not any(start < amount.end and amount.start < end for start, end in taken)
    ]


def _is_known(amount: Amount, sentence: str, facts: Facts) -> bool:
    """Whether something has that figure, whatever that is, or differs by it, in whichever direction."""
    if amount.quantity == "times":
        pool = {change.by for change in facts.changes if change.quantity == "times"}
        pool |= {1 / multiple for multiple in pool if multiple}
        pool |= {abs(1 - multiple) for multiple in pool}
        return any(_is_multiple(amount.value, multiple) for multiple in pool)
    differences = {abs(change.by) for change in facts.changes if change.quantity == amount.quantity}
    return _is_level(amount, sentence, facts) or any(
        _is_near(abs(amount.value), known, amount, sentence) for known in differences
    )


def _is_level(amount: Amount, sentence: str, facts: Facts) -> bool:
    pool = set(facts.numbers.get(amount.quantity, ()))
    if amount.quantity is None:
        pool = {number for numbers in facts.numbers.values() for number in numbers}
        pool |= {minutes / 60 for minutes in facts.numbers.get("minutes", ())}
        pool |= _COUNTS | {float(instant.year) for instant in facts.instants}
    return any(_is_near(abs(amount.value), known, amount, sentence) for known in pool)


def _is_near(value: float, known: float, amount: Amount, sentence: str) -> bool:
    slack = 0.5 * amount.resolution * (1 + 1e-9)
    is_about = bool(_ABOUT.search(sentence[: amount.start]))
    return abs(value - known) <= max(slack, _ABOUT_SHARE * abs(known) if is_about else 0.0)


def _is_multiple(value: float, known: float) -> bool:
    return abs(value - known) <= _RATIO_SHARE * known


def _spans(sentence: str, facts: Facts) -> Iterator[Ungrounded]:
    for amount in _spelled_spans(sentence):
        if not _is_known(amount, sentence, facts):
            yield Ungrounded(amount.text, "is not a duration of these options or of the request")


def _spelled_spans(sentence: str) -> list[Amount]:
    """ "Seven hours", which no digit tells."""
    return [
        Amount(match[0], match.start(), match.end(), span.total_seconds() / 60, "minutes", 1.0)
        for match, span in find_spans(sentence)
        if not match["number"][0].isdigit() and match["number"].lower() not in {"a", "an"}
    ]


def _ratios(sentence: str, facts: Facts) -> Iterator[Ungrounded]:
    for amount in _spelled_multiples(sentence):
        if not _is_known(amount, sentence, facts):
            yield Ungrounded(amount.text, "is not how these options compare")


def _spelled_multiples(sentence: str) -> list[Amount]:
    return [
        Amount(match[0], match.start(), match.end(), _RATIO_WORDS[match[0].lower()], "times", 1.0)
        for match in _RATIO.finditer(sentence)
    ]


def _directions(sentence: str, facts: Facts) -> Iterator[Ungrounded]:
    """Differences that exist, but not in the direction or of the thing that is said."""
    mentions = find_mentions(sentence, facts)
    amounts = [*_amounts(sentence, facts), *_spelled_spans(sentence), *_spelled_multiples(sentence)]
    for claim in find_claims(sentence, sorted(amounts, key=lambda amount: amount.start)):
        compared = sides(mentions, claim.start, facts.about)
        if claim.figure is None:
            if _contradicts(claim, compared, facts):
                yield Ungrounded(claim.word, "is the wrong way round: these options differ in the other direction")
        elif _is_known(claim.figure, sentence, facts) and not _holds(claim, claim.figure, compared, sentence, facts):
            span = claim.figure.text.strip()
            yield Ungrounded(span, f"is no difference of these options in that direction and of that ({claim.word!r})")


def _holds(claim: Claim, figure: Amount, compared: Sides, sentence: str, facts: Facts) -> bool:
    if not claim.is_firm and _is_level(figure, sentence, facts):
        return True
    known = [change for change in facts.changes if change.quantity == figure.quantity and compared.fits(change)]
    return any(
        _is_multiple(claim.target(sign), change.by)
        if figure.quantity == "times"
        else _is_near(claim.target(sign), change.by, figure, sentence)
        for measure, sign in claim.meanings
        for change in known
        if measure in {None, change.measure}
    )


def _contradicts(claim: Claim, compared: Sides, facts: Facts) -> bool:
    """Without a figure: in a text about an option, both sides are told, and their difference is never that way."""
    if not facts.about or compared.of is None or compared.than is None:
        return False
    known = [
        change.by * sign
        for change in facts.changes
        if change.quantity != "times" and None not in {change.of, change.than} and compared.fits(change)
        for measure, sign in claim.meanings
        if measure == change.measure
    ]
    return bool(known) and max(known) <= 0


def _places(sentence: str, facts: Facts) -> Iterator[Ungrounded]:
    for match, regions in find_places(sentence):
        if not regions & facts.regions:
            yield Ungrounded(match[0], "is not a region of these options or of the request")


def _names(sentence: str, facts: Facts) -> Iterator[Ungrounded]:
    places = [match.span() for match, _ in find_places(sentence)]
    calendar = {name for known in (WEEKDAYS, MONTHS) for name in known} | {n[:3] for n in (*WEEKDAYS, *MONTHS)}
    for match in _NAME.finditer(sentence):
        word = match[0].lower()
        if any(start <= match.start() < end for start, end in places) or word in facts.words:
            continue
        is_alone = word in _OPENERS or not _NAME.match(sentence[match.end() :].lstrip())
        is_opening = is_alone and _OPENING.search(sentence[: match.start()])
        if word in _ELSEWHERE or (word not in _PLAIN_NAMES and word not in calendar and not is_opening):
            yield Ungrounded(match[0], "is a name that nothing here has")


def _ids(sentence: str, facts: Facts) -> Iterator[Ungrounded]:
    for match in _OPTION_ID.finditer(sentence):
        if match[0] not in facts.ids:
            yield Ungrounded(match[0], "is not an option")


_CHECKS: tuple[Callable[[str, Facts], Iterator[Ungrounded]], ...] = (
    _times,
    _figures,
    _spans,
    _ratios,
    _directions,
    _places,
    _names,
    _ids,
)
