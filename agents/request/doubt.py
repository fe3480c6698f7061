"""Doubt: whether every word of a clause is accounted for by what was read there. Where one is not, the clause is told.

The rules know phrases. What they do not know may turn a limit round, lift it, or be about something else. Function
words are few, so those that turn a sentence are data; of all other words the place in the clause decides: one that
governs a value is a doubt. `discourse.py` weighs what clauses say of each other.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import pairwise, takewhile

from agents import constraints as kinds
from agents.request.lexicon import JOINING, entries
from agents.request.scope import Found, Scope
from agents.request.tokens import Tag, words
from agents.request.values import AMOUNT_TYPES, LIMITS

LOOSE = frozenset({"W", "GLUE"})
_HEARD = LOOSE | {"IN", "AT", "MUST", "CAN", "PAST", "THIS", "RUN"}
_VERBAL = frozenset({"CAN", "MUST", "NEG", "FREE", "HEDGE"})
_SUBJECTS = words("i we you he she they it who")
_AUXILIARIES = words("be is are was were been being will would do does did to not get gets let go goes")
_PASSED_OVER = words("please just also kindly so then really still ever very all quite pretty -")
_NO_ADVERBS = words("reply apply supply rely comply imply fly family")
_DETERMINERS = words("the a an this that these those my our your its it them me us any all some to")
_OBJECTS = frozenset({"IN", "AT", "BY", "BEFORE", "AFTER", "UNTIL", "LE", "LESS", "MORE", "GE", "P"}) | LIMITS
_UNITED = frozenset({"PCT", "COUNT", "SPAN"})
_SINGLE = LIMITS - {"INSTANT", "RANGE", "DAYS"}
_NO_MORE = words("NEG NOR OUT FREE WAIT SHIFT COND TAKES VERSUS WH PAST")
"""What nothing counts with where it stands after the last value."""
_NEVER_FINISHED = frozenset({"region", "hardware", "cost_total", "carbon_total"})
_OFFSETS = AMOUNT_TYPES | {"SPAN", "ENERGY"}
_SUBMITTED = words("submission submitting receipt sending now this running runtime processing work")
_COMPARED = frozenset({"LESS", "MORE", "GE"})
_SIGNS = frozenset({",", ":", "-", "(", ";"})
_ELSEWHERE = words("with like about via towards toward beyond against through")
_SUBJECT_TYPES = words("W OTHER INPUT PLACE ELEC WH PART")
_LICENCES = words(
    "MUST CAN NEG NOR HEDGE ONLY POSTOUT POSTOK OUT LE GE PROVISO ASK FREE LATEST EARLIEST COND AVAIL TAKES"
)
_FRAGMENT = LIMITS | {
    "GLUE",
    "P",
    "IN",
    "AT",
    "SITEWORD",
    "ELEC",
    "LESS",
    "MORE",
    "VERSUS",
    "INTENSITY",
    "COST",
    "CARBON",
}
"""Tags of a phrase without a verb."""
_COPULAS = words("is are was were")
_PERFECT = words("has have had")
_EVENTS = words("RUN START FINISH PAUSE")
_AVOIDING = ("avoid", "skip", "exclu", "ban", "block", "omit", "shun")
_REFERRING = words("it that them this these those there")
_FOCUS = words("just only merely simply solely")


@cache
def vocabulary() -> dict[str, frozenset[str]]:
    """The groups of `data/doubt.txt`."""
    return {group: frozenset(phrases) for group, phrases in entries("doubt.txt")}


def doubt(scope: Scope) -> None:
    """Tell the clause instead of keeping what was read in it."""
    kept = [item for item in scope.found if isinstance(item.constraint, kinds.Unsupported)]
    if len(kept) < len(scope.found):
        scope.doubted |= {family(item) for item in scope.found if item not in kept}
        scope.found = kept
        scope.tell()


def family(item: Found) -> str:
    kind = item.constraint.kind
    return {"site": "region", "finish": "start", "hours": "start", "price_per_kwh": "cost_total"}.get(kind, kind)


def is_doubtful(scope: Scope) -> bool:
    """Whether something in the clause was not counted with."""
    if not scope.found:
        return False
    tags = _bearing(scope)
    is_fact = all(isinstance(item.constraint, kinds.JobFacts) for item in scope.found)
    return (
        _has([tag for tag in scope.tags if tag.start < tags[-1].end], "TURNING")
        or _has(tags, "ELSEWHERE")
        or is_of_another(tags)
        or not _is_licensed(scope, tags)
        or _is_told_of(tags)
        or _is_explained(scope, tags)
        or _is_lifted(tags)
        or any(_is_uncounted(tags, i, tag) or (not is_fact and governs(tags, i, tag)) for i, tag in enumerate(tags))
        or _is_ambiguous(scope, tags)
        or _depend(scope)
        or scope.clause.joined_by == "which"
        or len({i for i, tag in enumerate(tags) if tag.type == "NEG" and tags[i - 1].type != "NEG"}) > 1
    )


def _depend(scope: Scope) -> bool:
    """ "Don't use London on weekdays": neither is forbidden by itself."""
    denied = [item for item in scope.found if getattr(item.constraint, "allowed", True) is False]
    if not {"hours"} < {item.constraint.kind for item in denied} <= {"hours", "region", "site"}:
        return False
    first, last = min(item.end for item in denied), max(item.end for item in denied)
    return not any(
        tag.word in {",", "and", "or"} or tag.type == "NOR" for tag in scope.tags if first <= tag.start < last
    )


def _is_name(tags: Sequence[Tag], i: int) -> bool:
    """ "IFRS 17", "ERA5"."""
    return i > 0 and tags[i - 1].type == "W" and (tags[i].glued or str(tags[i - 1].value)[1:].isupper())


def _bearing(scope: Scope) -> list[Tag]:
    """The part of the clause between signs in which the constraints stand: what comes after gives reasons."""
    end, tags = max(item.end for item in scope.found), scope.tags
    signs = [i for i, tag in enumerate(tags) if tag.type == "P" and tag.word in _SIGNS]
    last = next((i for i in signs if tags[i].start >= end), len(tags))
    first = next((i + 1 for i in signs if i < last and all(tag.type in LOOSE for tag in tags[:i])), 0)
    return tags[first:last]


def is_of_another(tags: Sequence[Tag]) -> bool:
    """ "Bob's sweep must …", "the Met Office's run is due …"."""
    subject = list(takewhile(lambda tag: tag.type in LOOSE | {"OTHER"} or tag.word == ",", tags))
    owned = any(tag.word == "'s" for tag in subject[1:])
    return owned and not any(tag.word in {"our", "my"} for tag in subject)


def _is_told_of(tags: Sequence[Tag]) -> bool:
    """ "None of our jobs has ever run in Cornwall", "reading the input takes 20 minutes"."""
    types = [tag.type for tag in tags]
    for i, tag in enumerate(tags):
        if tag.word in _PERFECT and not {"MUST", "HEDGE", "CAN"}.intersection(types[:i]):
            after = next((known for known in tags[i + 1 :] if known.type != "NEG" and not _is_passed_over(known)), tag)
            if after.type in _EVENTS:
                return True
    return {"INPUT", "TAKES"} <= set(types)


def _is_explained(scope: Scope, tags: Sequence[Tag]) -> bool:
    """ "At most 200 g, per kWh that is": what follows the part that was read says what it is of."""
    rest = [tag for tag in scope.tags if tag.start >= tags[-1].end]
    return bool(AMOUNT_TYPES & scope.types) and any(tag.word == "per" for tag in rest)


def _is_licensed(scope: Scope, tags: Sequence[Tag]) -> bool:
    """Whether it demands or allows: what merely states something about a subject is no limit ("we go live at 6pm")."""
    if {family(item) for item in scope.found} <= {"preference", "pausing", "job", "hardware", "unsupported"}:
        return True
    said = [tag for tag in tags if not _is_passed_over(tag)]
    first = said[0]
    states = first.type in _SUBJECT_TYPES or first.word in _SUBJECTS | _DETERMINERS or first.word.endswith("ing")
    if not states or (first.type == "W" and first.word in vocabulary()["PLAIN"]):
        return True
    if {tag.type for tag in said} & _LICENCES or any(tag.word in vocabulary()["LICENCE"] for tag in tags):
        return True
    if any(tag.type == "INPUT" for tag in said[:2]) and all(item.constraint.kind == "start" for item in scope.found):
        return True  # the data that it waits for
    if scope.after or any(tag.word in _COPULAS for tag in said):
        return bool(scope.after)
    core = said[first.word in _DETERMINERS :]
    return not {tag.type for tag in core if tag.type != "W" or not _joins(tag)} - _FRAGMENT


def _joins(tag: Tag) -> bool:
    return tag.word in JOINING | {"or"} or not tag.word.isalpha()


def _has(tags: Sequence[Tag], group: str) -> bool:
    loose = " ".join(tag.word if tag.type in _HEARD and " " not in tag.word else "#" for tag in tags)
    return any(f" {phrase} " in f" {loose} " for phrase in vocabulary()[group])


def reports(scope: Scope) -> bool:
    if not _has(scope.tags, "REPORTED"):
        return _has(scope.tags, "SUPPOSED")
    at = next(i for i in range(len(scope.tags)) if _has(scope.tags[: i + 1], "REPORTED"))
    return not _has(scope.tags[:at], "AUTHORITY") or _has(scope.tags, "SUPPOSED")


def _is_lifted(tags: Sequence[Tag]) -> bool:
    """ "Drop the 400 g cap", "not limited to £5", "not just London", "not them: London", "avoid it tomorrow"."""
    flip = ""
    for tag, after in pairwise([*tags, Tag("P", 0, 0)]):
        if flip and after.word == ":" and tag.type in {"GLUE", "FINISH"}:
            return True
        if tag.type == "OUT" and tag.word.startswith(_AVOIDING) and after.word in _REFERRING:
            return True
        if flip and (tag.word in _FOCUS or (tag.word == "that" and after.type in LOOSE | {"MUST", "CAN"})):
            return True
        if tag.type in {"OUT", "NEG", "NOR"}:
            flip = tag.type
        elif (tag.type in {"LE", "GE"} and flip) or (tag.type in AMOUNT_TYPES and flip == "OUT"):
            return True
        elif tag.type != "GLUE":
            flip = ""
    return False


def _is_ambiguous(scope: Scope, tags: Sequence[Tag]) -> bool:
    """ "Between 10 and 4 is when it must not run", "on days other than Saturday not before 9"."""
    types = [tag.type for tag in tags]
    if "OUT" in types and len({"DAYS", "RANGE", "INSTANT"}.intersection(types[types.index("OUT") :])) > 1:
        return True
    families = {family(item) for item in scope.found}
    if families <= {"pausing", "preference"}:
        return False
    if families == {"start"} and "SAVE" in types:
        return True
    if "SPAN" in types and any(
        one.type in {"AFTER", "BEFORE"} and other.word == "that" for one, other in pairwise(tags)
    ):
        return True
    last = max((i for i, kind in enumerate(types) if kind in LIMITS), default=len(types))
    if not _NO_MORE.isdisjoint(types[last:]) or (families & _NEVER_FINISHED and "FINISH" in types[last:]):
        return True
    return any(tag.type == "FREE" and "wait" not in tag.word for tag in tags)


def _is_uncounted(tags: Sequence[Tag], i: int, tag: Tag) -> bool:
    """A number that became no value, "from £5 to £8", "an hour after 9pm", "over my dead body in London"."""
    after = tags[i + 1] if i + 1 < len(tags) else None
    if tag.type in {"NUM", "ORD", "DEC"} and not tag.used:
        return not _is_name(tags, i)
    if tag.type == "P":
        return unicodedata.category(tag.word[0]) == "So"
    if tag.type in {"PLACE", "SITE"}:
        return _is_misplaced(tags, i, tag)
    if tag.type in _SINGLE and not tag.used and any(other.type == tag.type and other.used for other in tags):
        return True
    if tag.type == "COUNT" and after is not None and after.type in {"SPAN", "TUNIT"}:
        return True
    if tag.type not in _OFFSETS or after is None:
        return False
    from_now = i + 2 < len(tags) and tags[i + 2].type == "NOWT"
    if after.type in {"BEFORE", "AFTER"}:
        return not (i + 2 < len(tags) and tags[i + 2].type == "START")
    if after.word == "of":
        return not (from_now or _is_measured(tags[i + 2 :]))
    return after.word in {"less than", "more than"} and not from_now


def _is_misplaced(tags: Sequence[Tag], i: int, place: Tag) -> bool:
    """A place that is part of a name, or that no preposition of place governs."""
    after = tags[i + 1] if i + 1 < len(tags) else None
    if after is not None and (after.type == place.type or (_is_unknown(after) and after.is_capital)):
        return True  # "Chester Manchester", "London Smith"
    governor = next((known for known in reversed(tags[:i]) if known.type != "GLUE"), None)
    if governor is not None and governor.type == "W" and governor.word in _ELSEWHERE:
        return True
    before = next((known.type for known in reversed(tags[:i]) if known.type in LIMITS | _COMPARED), "")
    return before in _COMPARED and (i < 2 or tags[i - 2].type not in {"PLACE", "SITE"})


def _is_measured(ahead: Sequence[Tag]) -> bool:
    """ "5 hours of submission", "45 minutes of uninterrupted running"."""
    known = next((tag for tag in ahead if tag.type != "GLUE"), None)
    return known is None or known.type in {"RUN", "ONEGO", "CARBON", "GPU", "GPUS"} or known.word in _SUBMITTED


def governs(tags: Sequence[Tag], i: int, tag: Tag) -> bool:
    """Whether it is a word that nobody knows in the place of a verb or a unit, or before a value."""
    if not _is_unknown(tag):
        return False
    before = next((known for known in reversed(tags[:i]) if not _is_passed_over(known)), None)
    after = tags[i + 1] if i + 1 < len(tags) else None
    if before is None:
        return after is not None and after.word != ":" and (after.type in _OBJECTS or after.word in _DETERMINERS)
    is_verb = before.word in _SUBJECTS | _AUXILIARIES or (before.type in _VERBAL and before.word != "no")
    return is_verb or before.type in _UNITED or (after is not None and after.type in LIMITS - {"RANGE"})


def _is_unknown(tag: Tag) -> bool:
    is_word = tag.type == "W" and tag.word.isalpha()
    return is_word and tag.word not in vocabulary()["PLAIN"] and not _is_passed_over(tag)


def _is_passed_over(tag: Tag) -> bool:
    is_adverb = tag.type == "W" and tag.word.endswith("ly") and tag.word not in _NO_ADVERBS
    return is_adverb or tag.word in _PASSED_OVER
