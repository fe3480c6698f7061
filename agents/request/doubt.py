"""Doubt: whether every word of a clause is accounted for by what was read there. Where one is not, the clause is told.

The rules know phrases. What they do not know may turn a limit round, lift it, or be about something else. Function
words are few, so those that turn a sentence are data; of all other words the place in the clause decides: one that
governs a value is a doubt. What a text takes back, says in another's words, or says twice and differently is no demand.
"""

import unicodedata
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import cache
from itertools import combinations, pairwise, takewhile
from typing import Any

from agents import constraints as kinds
from agents.constraints import Constraint
from agents.request.clause import read_clause
from agents.request.lexicon import JOINING, entries
from agents.request.scope import Found, Scope
from agents.request.tokens import Tag, words
from agents.request.values import AMOUNT_TYPES, LIMITS
from tools.slots import UK

_LOOSE = frozenset({"W", "GLUE"})
_HEARD = _LOOSE | {"IN", "AT", "MUST", "CAN", "PAST", "THIS", "RUN"}
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
_AVOIDING = ("avoid", "skip", "exclu", "ban", "block", "omit", "shun")
_REFERRING = words("it that them this these those there")
_FOCUS = words("just only merely simply solely")
_OPENING, _CLOSING = "\"“«‘'", "\"”»’'"


@cache
def vocabulary() -> dict[str, frozenset[str]]:
    """The groups of `data/doubt.txt`."""
    return {group: frozenset(phrases) for group, phrases in entries("doubt.txt")}


def marked(tokens: list[Tag]) -> list[Tag]:
    """The tokens with each phrase that takes something back as one dash, whose value is the phrase's group."""
    found: list[Tag] = []
    i = 0
    while i < len(tokens):
        group, size = _retraction(tokens, i)
        if size:
            part = tokens[i : i + size]
            found.append(Tag("P", part[0].start, part[-1].end, "-", group))
        else:
            found.append(tokens[i])
        i += size or 1
    return found


def _retraction(tokens: Sequence[Tag], i: int) -> tuple[str, int]:
    opens = i == 0 or tokens[i - 1].type == "P"
    for size in range(min(5, len(tokens) - i), 0, -1):
        phrase = " ".join(token.word for token in tokens[i : i + size])
        if phrase in vocabulary()["RETRACTED"]:
            return "RETRACTED", size
        cut = i + size < len(tokens) and tokens[i + size].type == "P"
        if opens and (phrase in vocabulary()["PERHAPS"] or (cut and phrase in vocabulary()["PERHAPS_CUT"])):
            return "PERHAPS", size
    return "", 0


def weigh(scopes: Sequence[Scope], marks: Sequence[Tag], text: str) -> None:
    """Take out of the clauses what is in doubt, and tell it."""
    quotes = list(_quoted(text))
    reported, end = False, 0
    for scope in scopes:
        goes_on = scope.context.before is not None or ":" in text[end : scope.tags[0].start]
        reported, end = _reports(scope) or (reported and goes_on), scope.tags[-1].end
        if reported or is_doubtful(scope) or _is_quoted(scope, quotes):
            doubt(scope)
    for scope in scopes:
        near = (other.doubted for other in scopes if other.clause.sentence == scope.clause.sentence)
        if {_family(item) for item in scope.found} & set().union(*near):
            doubt(scope)
    waiting = {
        scope.clause.sentence
        for scope in scopes
        for item in scope.found
        if isinstance(item.constraint, kinds.Unsupported)
    }
    for scope in scopes:
        if scope.clause.sentence in waiting and "SPAN" in scope.types:
            doubt(scope)
    for before, scope in pairwise(scopes):
        if before.clause.sentence == scope.clause.sentence:
            _condition(before, scope)
            _condition(scope, before)
    for mark in marks:
        _take_back(scopes, mark)
    _drop_permissions(scopes)
    _drop_asides(scopes, text)
    _tell_contradictions(scopes)
    _tell_the_unread(scopes)


def doubt(scope: Scope) -> None:
    """Tell the clause instead of keeping what was read in it."""
    kept = [item for item in scope.found if isinstance(item.constraint, kinds.Unsupported)]
    if len(kept) < len(scope.found):
        scope.doubted |= {_family(item) for item in scope.found if item not in kept}
        scope.found = kept
        scope.tell()


def is_doubtful(scope: Scope) -> bool:
    """Whether something in the clause was not counted with."""
    if not scope.found:
        return False
    tags = _bearing(scope)
    is_fact = all(isinstance(item.constraint, kinds.JobFacts) for item in scope.found)
    return (
        _has([tag for tag in scope.tags if tag.start < tags[-1].end], "TURNING")
        or _has(tags, "ELSEWHERE")
        or _is_of_another(tags)
        or not _is_licensed(scope, tags)
        or _is_lifted(tags)
        or any(_is_uncounted(tags, i, tag) or (not is_fact and _governs(tags, i, tag)) for i, tag in enumerate(tags))
        or _is_ambiguous(scope, tags)
        or scope.clause.joined_by == "which"
        or len({i for i, tag in enumerate(tags) if tag.type == "NEG" and tags[i - 1].type != "NEG"}) > 1
    )


def _is_name(tags: Sequence[Tag], i: int) -> bool:
    """ "IFRS 17", "ERA5"."""
    return i > 0 and tags[i - 1].type == "W" and (tags[i].glued or str(tags[i - 1].value)[1:].isupper())


def _bearing(scope: Scope) -> list[Tag]:
    """The part of the clause between signs in which the constraints stand: what comes after gives reasons."""
    end, tags = max(item.end for item in scope.found), scope.tags
    signs = [i for i, tag in enumerate(tags) if tag.type == "P" and tag.word in _SIGNS]
    last = next((i for i in signs if tags[i].start >= end), len(tags))
    first = next((i + 1 for i in signs if i < last and all(tag.type in _LOOSE for tag in tags[:i])), 0)
    return tags[first:last]


def _is_of_another(tags: Sequence[Tag]) -> bool:
    """ "Bob's sweep must …", "the Met Office's run is due …"."""
    subject = list(takewhile(lambda tag: tag.type in _LOOSE | {"OTHER"} or tag.word == ",", tags))
    owned = any(tag.word == "'s" for tag in subject[1:])
    return owned and not any(tag.word in {"our", "my"} for tag in subject)


def _is_licensed(scope: Scope, tags: Sequence[Tag]) -> bool:
    """Whether it demands or allows: what merely states something about a subject is no limit ("we go live at 6pm")."""
    if {_family(item) for item in scope.found} <= {"preference", "pausing", "job", "hardware", "unsupported"}:
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
    core = said[first.word in _DETERMINERS :]
    return not {tag.type for tag in core if tag.type != "W" or not _joins(tag)} - _FRAGMENT


def _joins(tag: Tag) -> bool:
    return tag.word in JOINING | {"or"} or not tag.word.isalpha()


def _has(tags: Sequence[Tag], group: str) -> bool:
    loose = " ".join(tag.word if tag.type in _HEARD and " " not in tag.word else "#" for tag in tags)
    return any(f" {phrase} " in f" {loose} " for phrase in vocabulary()[group])


def _reports(scope: Scope) -> bool:
    if not _has(scope.tags, "REPORTED"):
        return _has(scope.tags, "SUPPOSED")
    at = next(i for i in range(len(scope.tags)) if _has(scope.tags[: i + 1], "REPORTED"))
    return not _has(scope.tags[:at], "AUTHORITY") or _has(scope.tags, "SUPPOSED")


def _is_lifted(tags: Sequence[Tag]) -> bool:
    """ "Drop the 400 g cap", "not limited to £5", "not just London", "not them: London", "avoid it tomorrow"."""
    flip = ""
    for tag, after in pairwise([*tags, Tag("P", 0, 0)]):
        if flip and after.word == ":" and tag.type == "GLUE":
            return True
        if tag.type == "OUT" and tag.word.startswith(_AVOIDING) and after.word in _REFERRING:
            return True
        if flip and (tag.word in _FOCUS or (tag.word == "that" and after.type in _LOOSE | {"MUST", "CAN"})):
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
    families = {_family(item) for item in scope.found}
    if families <= {"pausing", "preference"}:
        return False
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
        governor = next((known for known in reversed(tags[:i]) if known.type != "GLUE"), None)
        if governor is not None and governor.type == "W" and governor.word in _ELSEWHERE:
            return True
        before = next((known.type for known in reversed(tags[:i]) if known.type in LIMITS | _COMPARED), "")
        return before in _COMPARED and (i < 2 or tags[i - 2].type not in {"PLACE", "SITE"})
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


def _is_measured(ahead: Sequence[Tag]) -> bool:
    """ "5 hours of submission", "45 minutes of uninterrupted running"."""
    known = next((tag for tag in ahead if tag.type != "GLUE"), None)
    return known is None or known.type in {"RUN", "ONEGO", "CARBON", "GPU", "GPUS"} or known.word in _SUBMITTED


def _governs(tags: Sequence[Tag], i: int, tag: Tag) -> bool:
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


def _quoted(text: str) -> Iterator[tuple[int, int]]:
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


def _is_quoted(scope: Scope, quotes: Sequence[tuple[int, int]]) -> bool:
    """Whether more than a name or a value is in quotation marks."""
    inside = [tag for tag in scope.tags if (at := bisect(quotes, (tag.start,))) and tag.end <= quotes[at - 1][1]]
    telling = [tag for tag in inside if tag.type not in _LOOSE and tag.type != "P"]
    return len(telling) > 1 or any(tag.type not in LIMITS for tag in telling)


def _condition(scope: Scope, other: Scope) -> None:
    """What holds only if something else does that was not read."""
    depends = any(isinstance(item.constraint, kinds.Unsupported) for item in other.found)
    hangs = depends and other.clause.joined_by == "if"
    if (
        not (hangs or (other.conditional and not other.found))
        or other.types & {"HEDGE", "PAUSE"}
        or scope.clause.joined_by == "but"
    ):
        return
    if any(item.constraint.kind != "pausing" and item.constraint.strength == "must" for item in scope.found):
        doubt(scope)
        doubt(other)


def _tell_the_unread(scopes: Sequence[Scope]) -> None:
    """No value is dropped in silence: it is read, told, or in a clause that is known to set no limit."""
    spans = sorted((item.start, item.end) for scope in scopes for item in scope.found)
    for scope in scopes:
        asked = scope.tags[0].word == "?" or scope.clause.joined_by == "which"
        neutral = (
            scope.past
            or scope.free
            or scope.conditional
            or scope.is_about_data
            or scope.compares
            or scope.after == "ok"
        )
        if scope.told or scope.doubted or (neutral and not asked):
            continue
        unread = (tag for tag in scope.values if not any(start <= tag.start < end for start, end in spans))
        if next(unread, None) is not None:
            scope.tell()


def _family(item: Found) -> str:
    kind = item.constraint.kind
    return {"site": "region", "finish": "start", "hours": "start", "price_per_kwh": "cost_total"}.get(kind, kind)


def _take_back(scopes: Sequence[Scope], mark: Tag) -> None:
    """What stands before the mark gives way to what is said after it about the same thing."""
    earlier = [scope for scope in scopes if scope.tags[0].start < mark.start and scope.found]
    earlier = [scope for scope in earlier if scope.clause.sentence == earlier[-1].clause.sentence]
    later = [scope for scope in scopes if scope.tags[0].start >= mark.start]
    reach = later[0].clause.sentence + (mark.value == "RETRACTED") if later else 0
    later = [scope for scope in later if scope.clause.sentence <= reach]
    types = {tag.type for scope in later for tag in scope.values}
    for scope in earlier:
        _put_in_its_place(scope, later)
        said = {_family(item) for other in later for item in other.found}
        if said & {_family(item) for item in scope.found}:
            scope.doubted |= said
            scope.found = [item for item in scope.found if _family(item) not in said]
        elif mark.value == "RETRACTED" or types & {tag.type for tag in scope.values}:
            for known in (scope, *later):
                doubt(known)


def _put_in_its_place(scope: Scope, later: Sequence[Scope]) -> None:
    """ "Finish by 8pm - no, 9pm": the clause before, read again with the new value."""
    bare = [it for it in later if it.values and not it.types - _LOOSE - LIMITS - {"P", "HEDGE"}]
    if len(bare) != 1 or len(bare[0].values) != 1 or any(_governs(bare[0].tags, *at) for at in enumerate(bare[0].tags)):
        return
    value, old = bare[0].values[0], [tag for tag in scope.values if tag.used]
    if len(old) != 1 or old[0].type != value.type:
        return
    tags = [replace(value, used=False) if tag is old[0] else tag for tag in scope.tags]
    again = read_clause(replace(scope.clause, tags=tags), scope.context)
    bare[0].found, bare[0].told = again.found, again.told


def _drop_asides(scopes: Sequence[Scope], text: str) -> None:
    """ "By noon tomorrow (that's the 26th)": what stands in brackets explains, and is no second limit.

    "Nights (23:00-05:00)" says it exactly: the aside counts, and the word before it does not.
    """
    outside: dict[str, tuple[Scope, Found]] = {}
    for scope in scopes:
        for item in tuple(scope.found):
            if text.count("(", 0, item.end) == text.count(")", 0, item.end):
                outside[_family(item)] = scope, item
            elif _family(item) in outside:
                owner, known = outside[_family(item)]
                if getattr(known.constraint, "allowed", 0) != getattr(item.constraint, "allowed", 0):
                    continue  # "in Scotland (but not in Glasgow)"
                exact = isinstance(known.constraint, kinds.Hours) and isinstance(item.constraint, kinds.Hours)
                gone, other = (known, owner) if exact else (item, scope)
                other.found = [one for one in other.found if one is not gone]


def _drop_permissions(scopes: Sequence[Scope]) -> None:
    """ "Not on Tuesday. Monday's fine.": what is fine beside what is not is no wish."""
    for scope in scopes:
        others = [other for other in scopes if other is not scope and other.after != "ok"]
        said = {_family(item) for other in others for item in other.found}.union(*(it.doubted for it in others))
        if scope.after == "ok" and not scope.must:
            scope.found = [item for item in scope.found if _family(item) not in said]


def _tell_contradictions(scopes: Sequence[Scope]) -> None:
    """Two demands that differ about the same thing: nobody knows which of them holds."""
    items = [(scope, item.constraint) for scope in scopes for item in scope.found]
    firm = [(scope, it) for scope, it in items if it.strength == "must" or isinstance(it, kinds.Preference)]
    for (scope, one), (other, two) in combinations(firm[:_MOST], 2):
        apart = scope.clause.sentence != other.clause.sentence and bool(scope.heads or other.heads)
        if _contradict(one, two, apart=apart):
            doubt(scope)
            doubt(other)


_MOST = 40
"""Constraints that are held against each other; it bounds the time that any text takes."""


def _contradict(one: Any, two: Any, *, apart: bool) -> bool:  # noqa: ANN401  constraints
    match one, two:
        case kinds.Start(), kinds.Finish():
            return bool(one.time >= two.time)
        case kinds.Start(), kinds.Start():
            return bool(one.bound == two.bound and one.time != two.time)
        case kinds.Finish(), kinds.Finish():
            return bool(one.time != two.time) and (apart or not _ends_the_day_of(one.time, two.time))
        case kinds.Region(), kinds.Region():
            mine, other = frozenset(one.regions), frozenset(two.regions)
            if one.allowed and two.allowed:
                return apart and not mine & other
            return bool(one.allowed != two.allowed) and mine == other
        case (kinds.Site(), kinds.Site()) | (kinds.Pausing(), kinds.Pausing()) | (kinds.Hours(), kinds.Hours()):
            return bool(one.allowed != two.allowed) and _value(one) == _value(two)
        case kinds.Preference(), kinds.Preference():
            return {one.first, two.first} == {"carbon", "cost"}
        case kinds.JobFacts(), kinds.JobFacts():
            return len({one.duration_minutes, two.duration_minutes} - {None}) > 1
    return isinstance(one, kinds.Cap) and type(one) is type(two) and one.amount != two.amount


def _value(constraint: Constraint) -> dict[str, object]:
    return constraint.model_dump(exclude={"quote", "allowed", "strength", "recurs"})


def _ends_the_day_of(one: datetime, two: datetime) -> bool:
    """ "On Thursday, in time for the 4pm handover"."""
    first, last = sorted((one.astimezone(UK), two.astimezone(UK)))
    return last.time() == time() and last - first < timedelta(days=1)
