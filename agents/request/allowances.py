"""What is said and restricts nothing: an exclusion that is itself denied, and what is said to be fine."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agents.request.tokens import Tag, words

if TYPE_CHECKING:
    from agents.request.scope import Scope

LIFTED = "lifted"
_EXCLUDING = ("avoid", "exclu", "skip", "barring", "ban", "block", "rul", "omit", "shun", "leave out", "leaving out")
_JUDGED = words("forbidden prohibited banned excluded avoided")
_FINE = words("fine ok okay alright acceptable")
_BOUNDS = frozenset({"BY", "BEFORE", "LE", "LESS", "ONLY", "LATEST", "GE", "EARLIEST"})


def lift_exclusions(tags: Sequence[Tag]) -> None:
    """ "Don't exclude Wales", "no need to avoid …", "London isn't off limits": nothing is asked for."""
    for i, tag in enumerate(tags):
        if tag.type not in {"NEG", "FREE"}:
            continue
        ahead = next((known for known in tags[i + 1 : i + 6] if known.type != "GLUE"), None)
        if ahead is None:
            continue
        is_judged = tag.type == "NEG" and (ahead.type == "POSTOUT" or ahead.word in _JUDGED)
        if is_judged or (ahead.type == "OUT" and _excludes(ahead)):
            tag.type, tag.value, ahead.type = "FREE", LIFTED, "GLUE"


def _excludes(tag: Tag) -> bool:
    return tag.word.startswith(_EXCLUDING) or "away from" in tag.word or "clear of" in tag.word


def is_lifted(tags: Sequence[Tag]) -> bool:
    return any(tag.type == "FREE" and tag.value == LIFTED for tag in tags)


def permits(scope: "Scope") -> bool:
    """Whether it is the "if …" of "it's fine if …" and bounds nothing; "fine if it's under £5" may be a limit."""
    before = scope.context.before
    if before is None or scope.clause.joined_by != "if" or before.values or before.types & {"NEG", "ONLY", "MUST"}:
        return False
    is_fine = before.free or any(tag.word in _FINE or tag.type == "POSTOK" for tag in before.tags)
    return is_fine and (bool(scope.types & {"NEG"}) or not scope.types & _BOUNDS)
