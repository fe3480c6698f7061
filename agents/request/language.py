"""Whether words are English: the rules read no other language, and say so."""

from collections.abc import Sequence
from functools import cache

from agents.request.lexicon import ONES, TENS, data, english, lexicon
from agents.request.tokens import Tag

_ENOUGH_WORDS = 3
_ENGLISH_SHARE = 0.4


def is_english(tokens: Sequence[Tag]) -> bool:
    """Few words are enough of neither; then it is for the rules to find nothing. Names of places count on no side."""
    letters = "".join(token.word for token in tokens if token.type == "W")
    if sum(not letter.isascii() for letter in letters) > len(letters) / 3:
        return False
    said = {
        token.word for token in tokens if token.type == "W" and len(token.word) > 1 and not str(token.value).isupper()
    } - _vocabulary("places")
    unknown = len(said - _vocabulary("words"))
    return unknown < _ENOUGH_WORDS or unknown <= (1 - _ENGLISH_SHARE) * len(said)


@cache
def _vocabulary(kind: str) -> frozenset[str]:
    """The words that the data files know, and the names of places that are none of them."""
    phrases = lexicon().phrases
    names = {phrase[0] for phrase, (tag, _) in phrases.items() if tag == "PLACE" and len(phrase) == 1}
    known = {word for phrase, (tag, _) in phrases.items() if not tag.startswith("PLACE") for word in phrase} - names
    known |= {
        *english(),
        *data("values.txt").replace("|", " ").replace("?", " ").split(),
        *ONES,
        *TENS,
    }
    if kind == "words":
        return frozenset(known)
    return frozenset(word for phrase, (tag, _) in phrases.items() if tag.startswith("PLACE") for word in phrase) - known
