"""A text as words, numbers and signs, with positions. The one regular expression of the reader."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

_TOKEN = re.compile(
    r"(?i:[kt]?g?co2e?q?)\b"
    r"|(?i:2(?:moro|morrow|nite)|b4|l8r)\b"
    r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\d{1,2}:\d\d(?::\d\d)?"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?"
    r"|\d{1,2}\.\d{1,2}\.(?:20)?\d\d(?!\d)"
    r"|\d*\.?\d+"
    r"|(?<=\d)[xX](?=[A-Z])"
    r"|[^\W\d_]+(?:['’`][^\W\d_]+)?"
    r"|\n|[^\w\s]"
)
_OPENED = {
    "can't": "can not", "won't": "will not", "shan't": "shall not", "cannot": "can not", "dont": "do not",
    "cant": "can not", "wont": "will not", "mustnt": "must not", "doesnt": "does not", "isnt": "is not",
    "arent": "are not", "shouldnt": "should not", "neednt": "need not", "it's": "it is", "i'd": "i would",
    "we'd": "we would", "i'll": "i will", "i'm": "i am", "that's": "that is", "id": "i would",
    "nite": "night", "tonite": "tonight", "wknd": "weekend", "thats": "that is", "wensday": "wednesday",
    "wendsday": "wednesday", "thurday": "thursday", "u": "you", "ur": "your",
    "gotta": "got to", "gonna": "going to", "wanna": "want to", "gimme": "give me", "cos": "because", "coz": "because",
    "nowt": "nothing", "arvo": "afternoon",
    "btwn": "between", "twixt": "between", "betwixt": "between", "thru": "through",
    "wknds": "weekends", "l8r": "later", "tmrw": "tomorrow", "tmr": "tomorrow",
    "wkdy": "weekday", "wkdys": "weekdays", "evng": "evening", "evngs": "evenings", "aftn": "afternoon",
    "2moro": "tomorrow", "2morrow": "tomorrow", "2nite": "tonight",
}  # fmt: skip
_ENDINGS = {"n't": "not", "'d": "would", "'ll": "will", "'re": "are", "'ve": "have", "'m": "am"}
_SIGNS = {"–": "-", "—": "-", "−": "-", "→": "-", "|": ";"}
_FRACTIONS = {"½": (1, 2), "¼": (1, 4), "¾": (3, 4), "⅓": (1, 3), "⅔": (2, 3), "⅕": (1, 5)}
_COMPASS = frozenset({"n", "s", "e", "w", "ne", "nw", "se", "sw"})
_AFTER_IS = frozenset({"not", "out", "off", "fine", "ok", "okay", "no", "free", "available", "due", "down", "broken"})


def words(text: str) -> frozenset[str]:
    """A set of words, written in one text."""
    return frozenset(text.split())


@dataclass(eq=False)
class Tag:
    """A token, later a phrase of the lexicon, later a value: `type` says which."""

    type: str
    """W, P, NUM, HHMM, ISO; a tag of the lexicon; the kind of a value."""
    start: int
    end: int
    word: str = ""
    value: Any = None
    """What the type says: a number, a `Point`, two of them, regions, weekdays, a timedelta. Of a word: as written."""
    parts: tuple["Tag", ...] = field(default=(), repr=False)
    glued: bool = False
    """No space before it."""

    @property
    def is_capital(self) -> bool:
        return isinstance(self.value, str) and self.value[:1].isupper()


_NOTHING = Tag("", 0, 0)


def tag_at(tags: Sequence[Tag], at: int) -> Tag:
    """One of no type beyond the ends."""
    return tags[at] if 0 <= at < len(tags) else _NOTHING


def tokens(text: str) -> list[Tag]:
    """Lower-case tokens with contractions opened: "don't" is "do" and "not", both where the word stands."""
    found: list[Tag] = []
    text = text.replace("₂", "2")
    for match in _TOKEN.finditer(text):
        glued = bool(found) and found[-1].end == match.start()
        found += _tokens(match[0], match.start(), match.end(), glued=glued)
    found = [tag for i, tag in enumerate(found) if not _joins_compass(found, i)]
    for tag, after in pairwise(found):
        if tag.word == "'s" and after.word in _AFTER_IS:
            tag.word = "is"
    return found


def _joins_compass(tags: list[Tag], i: int) -> bool:
    """The hyphen of "south-west", the full stop of "E. Midlands"."""
    if not 0 < i < len(tags) - 1:
        return False
    if tags[i].word == ".":
        return tags[i].glued and tags[i - 1].word in _COMPASS and tags[i + 1].is_capital
    if tags[i].word != "-":
        return False
    return tags[i - 1].word in {"north", "south"} and tags[i + 1].word in {"east", "west", "eastern", "western"}


def _tokens(raw: str, start: int, end: int, *, glued: bool) -> list[Tag]:
    low = raw.lower().replace("’", "'").replace("`", "'")
    if raw.isascii() and low not in _OPENED and (raw[0].isdecimal() or (raw[0] == "." and len(raw) > 1)):
        if raw.count(".") == 2:
            raw = low = _dated(raw)
        kind = "ISO" if raw[4:5] == "-" else "HHMM" if ":" in raw else "NUM"
        value = float(low.replace(",", "")) if kind == "NUM" else low
        return [Tag(kind, start, end, low, value, glued=glued)]
    if raw in _FRACTIONS:
        part, of = (Tag("NUM", start, end, str(number), float(number), glued=True) for number in _FRACTIONS[raw])
        return [part, Tag("P", start, end, "/", glued=True), of]
    if raw[0].isalpha() or low in _OPENED:
        return [Tag("W", start, end, word, raw, glued=glued) for word in _opened(low).split()]
    return [Tag("P", start, end, _SIGNS.get(raw, raw), glued=glued)]


def _dated(raw: str) -> str:
    """ "25.06.26" as 2026-06-25."""
    day, month, year = raw.split(".")
    return f"20{year[-2:]}-{month:0>2}-{day:0>2}"


def _opened(low: str) -> str:
    if low in _OPENED:
        return _OPENED[low]
    for ending, full in _ENDINGS.items():
        if low.endswith(ending) and low != ending:
            return f"{low.removesuffix(ending)} {full}"
    return f"{low[:-2]} 's" if low.endswith("'s") and low != "o's" else low
