"""Which words of a sentence belong to one of its values: what is quoted for it, and what is told of it."""

from collections.abc import Iterator, Sequence

from agents.request.lexicon import JOINING, group
from agents.request.tokens import Tag
from agents.request.values import LIMITS

_ENDS = frozenset(".!?;\n•")
_CUTS = frozenset({",", ":", "(", ")", "-"})
_ABBREVIATED = group("ABBREVIATED")
_OPENING, _CLOSING = "\"“«‘'", "\"”»’'"
_BARE = frozenset({"GLUE", "W", "P", "IN", "AT"})
_PRECISE = LIMITS - {"COUNT"}


def sentence(tags: Sequence[Tag], i: int) -> tuple[int, int]:
    """The first tag of the sentence that tag `i` stands in, and the one after its last."""
    first = next((at + 1 for at in range(i - 1, -1, -1) if _ends(tags, at)), 0)
    last = next((at for at in range(i, len(tags)) if _ends(tags, at)), len(tags))
    return min(first, i), max(last, i + 1)


def sentences(tags: Sequence[Tag]) -> Iterator[tuple[int, int]]:
    """Each as in `sentence`, in order."""
    first = 0
    for at in range(len(tags) + 1):
        if at == len(tags) or _ends(tags, at):
            if at > first:
                yield first, at
            first = at + 1


def part(tags: Sequence[Tag], i: int) -> tuple[int, int]:
    """As `sentence`, of the part of it that speaks of tag `i`: from the value before it to itself.

    Where nothing telling stands before it, to the next value: "London is off limits".
    """
    first, last = sentence(tags, i)
    cuts = [at for at in range(first, last) if _cuts(tags[at])]
    begin, end = _around(cuts, i, first, last)
    while begin > first and not _holds_value(tags, *(before := _around(cuts, begin - 1, first, last))):
        begin = before[0]
    telling = any(tag.type not in _BARE | LIMITS for tag in tags[begin : i + 1])
    while not telling and end < last and not _holds_value(tags, *(after := _around(cuts, end, first, last))):
        end = after[1]
    return begin, end


def _around(cuts: Sequence[int], i: int, first: int, last: int) -> tuple[int, int]:
    """From cut to cut; a cut belongs to what follows it."""
    return max((at for at in cuts if at <= i), default=first), min((at for at in cuts if at > i), default=last)


def _holds_value(tags: Sequence[Tag], first: int, last: int) -> bool:
    return any(tag.type in _PRECISE for tag in tags[first:last])


def quote(text: str, tags: Sequence[Tag], span: tuple[int, int]) -> tuple[int, int]:
    """Where the tags stand in the text, without the signs and joining words at their edges."""
    inside = list(tags[slice(*span)])
    while len(inside) > 1 and _is_edge(inside[0]):
        inside.pop(0)
    while len(inside) > 1 and inside[-1].type == "P" and inside[-1].word != ")":
        inside.pop()
    return inside[0].start, inside[-1].end


def quotations(text: str) -> Iterator[tuple[int, int]]:
    """Where quotation marks open and close; one that is never closed reaches to the end."""
    begun, closing = -1, ""
    for i, letter in enumerate(text):
        if begun >= 0:
            if letter == closing and not text[i + 1 : i + 2].isalnum():
                yield begun, i
                begun = -1
        elif letter in _OPENING and not text[max(0, i - 1) : i].isalnum() and text[i + 1 : i + 2].strip():
            begun, closing = i, _CLOSING[_OPENING.index(letter)]
    if begun >= 0 and closing not in "'’":
        yield begun, len(text)


def _is_edge(tag: Tag) -> bool:
    return (tag.type in {"P", "BULLET"} and tag.word != "(") or tag.word in JOINING


def _cuts(tag: Tag) -> bool:
    return (tag.type in {"P", "W", "GLUE"} and tag.word in _CUTS | JOINING) or tag.type in {"COND", "PROVISO", "NOR"}


def _ends(tags: Sequence[Tag], i: int) -> bool:
    """The dot of "max. £5" ends nothing."""
    tag = tags[i]
    if tag.type == "BULLET":
        return True
    if tag.type != "P" or tag.word not in _ENDS:
        return False
    inside = i + 1 < len(tags) and tags[i + 1].glued and tags[i + 1].type == "W"
    return tag.word != "." or not (inside or (i > 0 and tags[i - 1].word in _ABBREVIATED))
