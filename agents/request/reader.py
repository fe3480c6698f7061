"""Limits and wishes in an English request, read by rules: what bears a limit's marks and is not read is told.

tokens → tags of the lexicon → values → clauses → polarity → constraints. When unsure it does not guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

from agents.constraints import Constraint, Preference, Unsupported
from agents.request import discourse, times
from agents.request.allowances import lift_exclusions
from agents.request.appointments import settle_appointments
from agents.request.clause import read_clause
from agents.request.clauses import Clause, clauses
from agents.request.doubt import doubt
from agents.request.language import is_english
from agents.request.lexicon import tagged
from agents.request.merging import merged
from agents.request.scope import COMPARISONS, MAX_UNKNOWN_WORDS, Context, Found, Scope, opened
from agents.request.tokens import Tag, tokens
from agents.request.values import AMOUNT_TYPES, valued
from tools.slots import UK

_TRAILING = frozenset({"HEDGE", "GLUE", "P", "W", "CAN", "COND"})
_REMEMBERED = 256
"""Readings kept: several nodes of a run read the same request."""
LONGEST = 600
"""Tokens that are read; no person asks for so much, and it bounds the time that any text takes."""
NOT_REACHED = "The request is too long: nothing was read from “{}” on."
NOT_ENGLISH = "The request is not in English: it was not read."


@dataclass(frozen=True)
class Reading:
    """What a text says, and which parts of it bear a limit's marks and were not understood."""

    constraints: tuple[Constraint, ...]
    not_understood: tuple[str, ...] = ()
    is_english: bool = True
    found: tuple[Found, ...] = field(default=(), repr=False)
    """The constraints clause by clause, each with where its words stand."""
    scopes: tuple[Scope, ...] = field(default=(), repr=False)
    """The clauses, as read."""


def read(text: str, now: datetime, sites: Sequence[str] = ()) -> Reading:
    """Read a request.

    Args:
        now: the run's clock, aware; times in the text mean UK time as seen from then.
        sites: names of data centres that the text may name.
    """
    return _read(text, now.astimezone(UTC), tuple(sites))  # UK times of the hour that comes twice are equal


@lru_cache(maxsize=_REMEMBERED)
def _read(text: str, now: datetime, sites: Sequence[str]) -> Reading:
    now = now.astimezone(UK)
    split, rest = _bounded(tokens(text))
    split = discourse.marked(split)
    marks = [tag for tag in split if tag.type == "P" and tag.value]
    if not is_english(split):
        return Reading((), (NOT_ENGLISH,), is_english=False)
    tags = valued(tagged(split, sites), now.date())
    for tag in tags:
        if tag.type == "AHEAD":
            tag.type, tag.value = "INSTANT", times.Point(instant=now + tag.value)
    lift_exclusions(tags)
    scopes = _read_clauses(text, now, tags)
    for scope in scopes:
        if scope.found and not is_english(tokens(scope.whole)):
            doubt(scope)
    discourse.weigh(scopes, marks, text)
    found = [item for scope in scopes for item in scope.found]
    told = [part for scope in scopes for part in scope.told]
    told += [scope.whole for scope in scopes if _bounds_a_bare_number(scope)]
    told += [NOT_REACHED.format(text[rest.start :].split("\n")[0][:60])] if rest else []
    return Reading(tuple(merged(found, text)), tuple(dict.fromkeys(told)), found=tuple(found), scopes=tuple(scopes))


def _bounded(split: list[Tag]) -> tuple[list[Tag], Tag | None]:
    """The sentences that are read, and where what is not read begins."""
    if len(split) <= LONGEST:
        return split, None
    ends = (i for i in range(LONGEST, 0, -1) if split[i - 1].type == "P" and split[i - 1].word in ".!?;\n")
    end = next(ends, 0)
    return split[:end], split[end]


def instant_in(text: str, now: datetime) -> datetime | None:
    """The instant that a text consists of ("tomorrow 9am", "in 6 hours"), the latest that it can mean; else None."""
    now = now.astimezone(UK)
    tags = [tag for tag in valued(tagged(tokens(text)), now.date()) if tag.type not in {"IN", "AT", "BY", "GLUE"}]
    if len(tags) == 2 and tags[0].word == "within":
        tags = tags[1:]
    if len(tags) != 1 or tags[0].type not in {"INSTANT", "SPAN", "NEXTSPAN"}:
        return None
    try:
        return times.resolve(tags[0].value, now, "late") if tags[0].type == "INSTANT" else now + tags[0].value
    except OverflowError:
        return None


def _read_clauses(text: str, now: datetime, tags: list[Tag]) -> list[Scope]:
    scopes: list[Scope] = []
    context = Context(text, now)
    parts = clauses(tags)
    settle_appointments(parts)
    for clause in parts:
        last = scopes[-1] if scopes else None
        before = last if last is not None and last.clause.sentence == clause.sentence else None
        context = replace(context, before=before, last=last)
        scope = _read_one(clause, context)
        if before is not None:
            _weigh_conditions(scope, before)
        if scope.only and not scope.values and len(scope.tags) < 4:
            _insist_on_last(scopes)
        if "FALLBACK" in scope.types:
            kinds = {item.constraint.kind for item in scope.found}
            for known in scopes:
                known.found = [_wish(item) if item.constraint.kind in kinds else item for item in known.found]
        scopes.append(scope)
        context = _remembered(context, scope)
    return scopes


def _read_one(clause: Clause, context: Context) -> Scope:
    try:
        scope = read_clause(clause, context)
    except OverflowError:
        scope = opened(clause, context)
        scope.tell()
    is_foreign = scope.unknown > MAX_UNKNOWN_WORDS
    if is_foreign and any(not isinstance(item.constraint, Preference | Unsupported) for item in scope.found):
        scope.found = []
        scope.tell()
    return scope


def _weigh_conditions(scope: Scope, before: Scope) -> None:
    """ "…, or 8pm if": neither is certain. "If it costs more than £5, don't run it": the condition is the limit."""
    if scope.types <= _TRAILING and "HEDGE" in scope.types and before.found:  # "…, if you can", "Not a must."
        before.found = [_wish(item) for item in before.found]
        scope.hoped = False
    denies = scope.negated and not scope.values and bool(scope.types & {"RUN", "START"})
    is_cap = bool(before.values) and all(tag.type in AMOUNT_TYPES for tag in before.values)
    if before.conditional and before.told and denies and is_cap:
        again = read_clause(before.clause, replace(before.context, before=None), denied=True)
        if again.found:
            before.found += again.found
            before.conditional = False
            before.told.clear()


def _insist_on_last(scopes: Sequence[Scope]) -> None:
    items = next((scope.found for scope in reversed(scopes) if scope.found), None)
    if items:
        items[-1] = replace(items[-1], constraint=items[-1].constraint.model_copy(update={"strength": "must"}))


def _wish(item: Found) -> Found:
    return replace(item, constraint=item.constraint.model_copy(update={"strength": "should"}))


def _remembered(context: Context, scope: Scope) -> Context:
    def last(kind: str) -> Any:  # noqa: ANN401  a tag's value
        return next((tag.value for tag in reversed(scope.values) if tag.type == kind), None)

    return replace(
        context,
        instant=scope.instant or context.instant,
        hours=last("RANGE") or context.hours,
        regions=last("PLACE") or context.regions,
    )


def _bounds_a_bare_number(scope: Scope) -> bool:
    """ "Under 5": five of what was not said."""
    pairs = pairwise([tag for tag in scope.tags if tag.type not in {"GLUE", "AT"} and tag.word != ":"])
    return not scope.found and any(one.type in COMPARISONS and other.type == "NUM" for one, other in pairs)
