"""Phrases and places as tags: the longest phrase wins, a slip of one letter is forgiven."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import TypeAlias

from rapidfuzz.distance import OSA

from agents.request.tokens import Tag, tag_at, words
from agents.request.tokens import tokens as split
from tools.regions import GROUPS, REGIONS


def data(name: str) -> str:
    return files("agents.request").joinpath("data", name).read_text(encoding="utf-8")


def entries(name: str) -> Iterator[tuple[str, list[str]]]:
    """Each group of a data file with its phrases."""
    lines = [line for line in data(name).splitlines() if not line.startswith("#")]
    for entry in "\n".join(lines).replace("\n  ", " ").splitlines():
        group, _, phrases = entry.partition(": ")
        yield group, phrases.split(", ")


@cache
def _groups() -> dict[str, frozenset[str]]:
    return {name: frozenset(phrases) for name, phrases in entries("groups.txt")}


def group(name: str) -> frozenset[str]:
    """Of `data/groups.txt`."""
    return _groups()[name]


@cache
def pieces() -> tuple[str, ...]:
    """What the network's words are made of: whole words, and parts that begin with ##."""
    return tuple(data("pieces.txt").splitlines())


@cache
def english() -> frozenset[str]:
    """English words beside those of the lexicon."""
    return frozenset({*data("english.txt").split(), *(it for it in pieces() if it.isalpha() and len(it) > _SHORT)})


_SHORT = 3
"""Pieces up to here are words of many languages."""
SiteName: TypeAlias = tuple[str, tuple[str, ...]]
"""A data centre, and the words of one of its names."""
_REMEMBERED = 16
"""Sets of data centres whose names are kept."""
_SITE_NOUNS = ("site", "hall", "data centre", "datacentre", "dc", "facility", "building", "racks", "rack", "place")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
ONES = {word: number for number, word in enumerate(_ONES.split())} | {"couple": 2, "dozen": 12, "nought": 0}
TENS = {word: 10 * number for number, word in enumerate(_TENS.split(), 2)}
UNITS = words("pound pounds quid penny kilo kg gram gpu percent % pause break interruption")
JOINING = group("JOINING") | {","}
"""Words at which a clause may end."""
_MISSPELT = group("MISSPELT")
"""Tags whose words are recognised with a slip in them."""
_OF_THE_JOB = words("START FINISH WAIT RUN SHIFT PAUSE PAUSABLE ONEGO NEG MUST")
"""Tags whose phrases say "it" of the job."""
_SHORTEST_MISSPELT = 5
_IS = ("would be", "will be", "shall be", "seems", "looks")
"""What judges as "is" does: "would be unacceptable"."""
_COUNTED = frozenset({"TUNIT", "GPU", "MER", "OCLOCK", "NIGHTWIN", "TOMORROW"})
_GOES_ON = {"no": words("more fewer less longer later earlier"), "more": words("than")}
"""Words after the last one of a phrase with which that begins another: "and no more than"."""
"""With these "no" begins a bound: "pauses: no more than two"."""
_BETWEEN_HOURS = frozenset({"to", "till", "until", "and", "-"})
_AFTER_ONE = UNITS | words("hundred thousand point kilos grand tonne")
_SHORT_WEEKDAYS = frozenset({"sun", "sat", "wed", "mon"})
_LISTING = frozenset({"-", ",", "and", "or", "to", "+", "&", "/"})
_DAY_CONTEXT = frozenset({"BY", "BEFORE", "UNTIL", "AFTER", "AT", "NEXT", "THIS", "ONLY", "WEEKDAY", "TUNIT", "MER"})


class Lexicon:
    """Phrases by their words, and the words that a slip may have been meant as."""

    def __init__(self, phrases: dict[tuple[str, ...], tuple[str, object]], slips: frozenset[str]) -> None:
        self.phrases = phrases
        self.longest = max(map(len, phrases))
        self.heads = frozenset(phrase[0] for phrase in phrases)
        self.pairs = frozenset(pair for phrase in phrases for pair in pairwise(phrase))
        self._not_slips = english()
        self._by_letter: dict[str, list[str]] = defaultdict(list)
        for word in sorted(slips):
            self._by_letter[word[0]].append(word)
        self.corrected = cache(self._corrected)

    def _corrected(self, word: str) -> str:
        """The word that was meant; itself where it is an English word, a phrase's first word, or like two or none."""
        if len(word) < _SHORTEST_MISSPELT or not word.isalpha() or word in self.heads or word in self._not_slips:
            return word
        slips = 1 + (len(word) > 7)
        near = sorted(
            (distance, known)
            for known in self._by_letter.get(word[0], ())
            if abs(len(known) - len(word)) <= slips
            and (distance := OSA.distance(word, known, score_cutoff=slips)) <= slips
        )
        is_clear = near and (len(near) == 1 or near[0][0] < near[1][0])
        return near[0][1] if is_clear else word


@cache
def lexicon() -> Lexicon:
    """The package's phrases and places."""
    phrases: dict[tuple[str, ...], tuple[str, object]] = {}
    slips: set[str] = set()
    for tag, known in entries("lexicon.txt"):
        for phrase in known:
            for said in _objects(phrase.split()) if tag in _OF_THE_JOB else (tuple(phrase.split()),):
                phrases.setdefault(said, (tag, phrase))
        if tag in _MISSPELT:
            slips.update(word for phrase in known for word in phrase.split())
    phrases = _judging(phrases) | phrases
    slips.update(name for region in REGIONS for name in (*region.name.lower().split(), *region.aliases))
    slips.update(name for name, _ in GROUPS)
    for place in data("places.csv").splitlines()[1:]:
        name, regions, capital = place.split(",")
        for key in _spellings(name):
            if key not in phrases or len(key) > 1:
                phrases[key] = ("PLACE!" if capital else "PLACE", frozenset(map(int, regions.split())))
    return Lexicon(phrases, frozenset(word for word in slips if len(word) >= _SHORTEST_MISSPELT and word.isalpha()))


def _judging(phrases: dict[tuple[str, ...], tuple[str, object]]) -> dict[tuple[str, ...], tuple[str, object]]:
    judged = {key[1:]: hit for key, hit in phrases.items() if key[0] == "is" and hit[0] in {"POSTOUT", "POSTOK"}}
    return {(*verb.split(), *rest): hit for rest, hit in judged.items() for verb in _IS}


def _objects(phrase: list[str]) -> set[tuple[str, ...]]:
    """ "Hold it back" is said of "this", "that" and "the job" too."""
    at = phrase.index("it") if "it" in phrase[1:] else 0
    others = ("this", "that", "the job", "this job", "the run", "this one") if at else ()
    return {tuple(phrase), *((*phrase[:at], *other.split(), *phrase[at + 1 :]) for other in others)}


def _spellings(name: str) -> set[tuple[str, ...]]:
    """With and without hyphens, and "king's lynn" as "kings lynn"."""
    if name.endswith(" postcode"):
        return {tuple(name.split())}
    written = {name, name.replace("-", " "), name.replace("'", "")}
    return {tuple(token.word for token in split(one)) for one in written}


def tagged(tokens: list[Tag], sites: Sequence[str] = ()) -> list[Tag]:
    """The tokens with phrases of the lexicon, and names of data centres, put together."""
    words = lexicon()
    names = _names(tuple(sites))
    for token in tokens:
        if token.type == "W":
            token.word = words.corrected(token.word)
    tokens = list(_unhyphenated(words, tokens))
    found: list[Tag] = []
    i = 0
    while i < len(tokens):
        size, tag = _site(names, tokens, i) or _phrase(words, tokens, i, found)
        found.append(tag)
        i += size
    for i, tag in enumerate(found):
        _settle_word(words, found, i, tag)
    return found


@lru_cache(maxsize=_REMEMBERED)
def _names(sites: tuple[str, ...]) -> Mapping[str, Sequence[SiteName]]:
    """By their first word, what data centres are called, the longest first."""
    words = lexicon()
    names = [(name, words_of(name)) for name in sites]
    others = [(name, its) for name, key in names for its in _other_names(words, key)]
    named_alike = Counter(tuple(map(str.lower, its)) for _, its in others)
    names = [(name, key) for name, key in names if key and tuple(word.lower() for word in key) not in words.phrases]
    names += [(name, its) for name, its in others if named_alike[tuple(map(str.lower, its))] == 1]
    found: dict[str, list[SiteName]] = defaultdict(list)
    for name, key in sorted(names, key=lambda named: -len(named[1])):
        found[key[0].lower()].append((name, key))
    return found


def _unhyphenated(words: Lexicon, tokens: Sequence[Tag]) -> Iterator[Tag]:
    """ "Kick-off" is the phrase "kick off"; "Mon-Fri" is no phrase."""
    for i, token in enumerate(tokens):
        inside = 0 < i < len(tokens) - 1 and token.word == "-" and token.glued and tokens[i + 1].glued
        if not (inside and (tokens[i - 1].word, tokens[i + 1].word) in words.pairs):
            yield token


def words_of(name: str) -> tuple[str, ...]:
    return tuple(str(token.value or token.word) if token.type == "W" else token.word for token in split(name))


def _site(names: Mapping[str, Sequence[SiteName]], tokens: list[Tag], i: int) -> tuple[int, Tag] | None:
    """A letter of a name must be written as in the name: "London A" is not "London a"."""
    for name, key in names.get(tokens[i].word, ()):
        part = tokens[i : i + len(key)]
        if len(part) == len(key) and all(map(_is_word, part, key)):
            return len(key), Tag("SITE", part[0].start, part[-1].end, name.lower(), name, tuple(part))
    return None


def _other_names(words: Lexicon, name: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """ "London Docklands" is called "Docklands" too, "Slough DC4" "DC4", "the Slough site" and "the hall at Slough".

    But "Acme Leeds" is not called "Leeds".
    """
    places = [words.phrases.get((word.lower(),), ("",))[0].startswith("PLACE") for word in name]
    if places[-1:] == [True] and any(places[:-1]):
        yield tuple(name[-1:])
    if len(name) > 2 and name[-1].isdigit() and len(name[-2]) > 1:
        yield tuple(name[-2:])
    if places[:1] == [True] and len(name) > 1:
        for noun in _SITE_NOUNS:
            yield (name[0], *noun.split())
            yield from ((*noun.split(), at, name[0]) for at in ("at", "in", "of"))


def _is_word(token: Tag, word: str) -> bool:
    return str(token.value) == word if len(word) == 1 and word.isalpha() else token.word == word.lower()


def _phrase(words: Lexicon, tokens: list[Tag], i: int, before: list[Tag]) -> tuple[int, Tag]:
    token = tokens[i]
    if token.type not in {"W", "P"} or token.word not in words.heads:
        return 1, token
    for size in range(min(words.longest, len(tokens) - i), 0, -1):
        part = tokens[i : i + size]
        hit = words.phrases.get(tuple(token.word for token in part))
        if hit is None or (hit[0] == "PLACE!" and not _is_a_name(tokens, i, size, before)):
            continue
        if size > 1 and _word_at(tokens, i + size) in _GOES_ON.get(part[-1].word, ()):
            continue
        if hit[0] == "GPU" and len(token.word) == 1 and not all(token.glued for token in part[1:]):
            continue
        if size > 1 and token.word == "the" and _goes_on(words, tokens, i + 1, size):
            part, hit = part[:1], words.phrases[("the",)]
        phrase, kind = " ".join(token.word for token in part), hit[0].rstrip("!")
        return len(part), Tag(kind, token.start, part[-1].end, phrase, hit[1], tuple(part), glued=token.glued)
    return 1, token


def _word_at(tokens: list[Tag], i: int) -> str:
    return tokens[i].word if i < len(tokens) else ""


def _is_a_name(tokens: list[Tag], i: int, size: int, before: list[Tag]) -> bool:
    """ "Reading" is a place where it is written like one, and not as a sentence's first word."""
    if not tokens[i].is_capital:
        return False
    opens = not before or before[-1].word in {".", "!", "?", "\n", ":"}
    after = tokens[i + size] if i + size < len(tokens) else None
    return not (opens and after and after.type == "W" and after.word not in JOINING | {"only", "is", "please"})


def _goes_on(words: Lexicon, tokens: list[Tag], i: int, size: int) -> bool:
    """ "The south" in "the south east" is no place of its own."""
    sizes = range(size, min(words.longest, len(tokens) - i) + 1)
    return any(tuple(token.word for token in tokens[i : i + n]) in words.phrases for n in sizes)


def _settle_word(words: Lexicon, tags: list[Tag], i: int, tag: Tag) -> None:
    """What only the neighbours tell: "sat" the verb, "SW" the postcode, "ten" the number."""
    if tag.type == "WEEKDAY" and tag.word in _SHORT_WEEKDAYS and not tag.parts[0].is_capital and not _is_day(tags, i):
        tag.type, tag.value = "W", tag.word
    if tag.type == "SITEWORD" and tag.word == "one" and _is_counted(tags, i + 1):
        tag.type, tag.value = "NUM", 1.0
    if tag.type != "W":
        return
    area = words.phrases.get((tag.word.upper(), "postcode")) if str(tag.value).isupper() else None
    if area and (any(x.word.startswith("postcode") for x in tags[max(0, i - 4) : i + 5]) or _is_number(tags, i + 1)):
        tag.type, tag.value = "PLACE", area[1]
    elif (number := (ONES | TENS).get(tag.word.removesuffix("ish"))) is not None:
        tag.type, tag.value = "NUM", float(number)


def _is_day(tags: list[Tag], i: int) -> bool:
    """Whether "sat" stands where a day would: after "on", in a list, before "only"."""
    before, after, then = (tag_at(tags, at) for at in (i - 1, i + 1, i + 2))
    listed = before.word in _LISTING or (after.word in _LISTING and then.type == "WEEKDAY")
    return before.type in _DAY_CONTEXT or listed or after.word == "only"


def _is_counted(tags: list[Tag], i: int) -> bool:
    """What stands beside "one" as a number: a unit, or what makes it an hour."""
    after, then, last = ([*tags[i : i + 3], *[Tag("", 0, 0)] * 3])[:3]
    if after.type in _COUNTED or after.word in _AFTER_ONE or (i > 1 and tags[i - 2].word == "past"):
        return True
    joint, number = tag_at(tags, i - 2), tag_at(tags, i - 3)
    if joint.word in {"at", "by", "until", "till", "before"} and after.type in {"P", ""}:
        return True
    if (
        number.type == "NUM"
        and joint.word in _BETWEEN_HOURS
        and (joint.word != "and" or tag_at(tags, i - 4).word == "between")
    ):
        return True
    if after.word in _BETWEEN_HOURS:
        is_hour = then.word in ONES or then.type == "NUM" or (after.word == "-" and then.type == "TUNIT")
        return is_hour or (then.word, last.word) == ("a", "half")
    return (after.type == "IN" and last.type == "PART") or (after.type == "THIS" and then.type == "PART")


def _is_number(tags: list[Tag], i: int) -> bool:
    return i < len(tags) and tags[i].type == "NUM" and tags[i].glued
