"""Where a clause waits for other work: understood, and nothing that a placement can keep."""

from collections.abc import Sequence

from agents.request.lexicon import group
from agents.request.tokens import Tag, words
from agents.request.values import LIMITS

_WORK = group("OTHER_WORK")
_OWN = words("the this my our it a")
_ENDED = words("succeed succeeds succeeded exits passes passed clears cleared stops")
_WAITS = frozenset({"AFTER", "UNTIL", "WHEN", "COND"})
_TELLING = words("tell ping email notify let text message")
_SINCE = frozenset({"as soon as", "depends", "dependent", "depend"})
_NO_WAITS = frozenset({"from", "since", "longer than", "depending", "unless"})
_REACH = 10


def dependency(tags: Sequence[Tag]) -> tuple[int, int] | None:
    """The positions from the waiting word to the end of what is waited for; None where there is none."""
    if any(tag.word in _TELLING for tag in tags[:3]):
        return None
    for i, tag in enumerate(tags):
        if any(known.type in {"NEG", "FREE"} for known in tags[:i]):
            return None
        waits = tag.type in _WAITS or _says_once(tag) or tag.word in _SINCE
        if tag.type == "WAIT" and i + 1 < len(tags):
            waits = tags[i + 1].word in {"for", "on"}
        if not waits or tag.word in _NO_WAITS:
            continue
        end = _waited_for(tags, i + 1, ends=tag.type in {"WHEN", "COND"})
        if end is not None:
            return i, end
    return None


def _says_once(tag: Tag) -> bool:
    return tag.type == "COUNT" and tag.parts[0].word == "once" and len(tag.parts) == 1


def _waited_for(tags: Sequence[Tag], begin: int, *, ends: bool) -> int | None:
    """ "The nightly export has finished", "the upload job"; `ends`: only with its verb."""
    work = verb = None
    named = False
    for j, tag in enumerate(tags[begin : begin + _REACH], begin):
        if tag.type in LIMITS or tag.word == ",":
            break
        if work is not None and (tag.type == "FINISH" or tag.word in _ENDED):
            verb = j
            break
        before = tags[j - 1].word if j else ""
        if tag.word in _WORK and not (tag.type == "RUN" and before in _OWN):
            work, named = j, True
        elif tag.type == "W" and tag.word.isalpha() and work is None and tag.word not in {"to", "that"}:
            work = j
        elif tag.type in {"NEG", "START", "CARBON", "COST", "INTENSITY", "RENEW", "GREENEST", "CHEAPEST"}:
            break
    end = verb if verb is not None else work if named and not ends else None
    if end is None:
        return None
    following = tags[end + 1 : end + 4]
    is_timed = any(tag.type in {"INSTANT", "RANGE", "SPAN"} for tag in following) and not any(
        tag.type in {"RUN", "START", "BY", "BEFORE"} or tag.word == "," for tag in following
    )
    return None if is_timed else end
