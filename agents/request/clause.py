"""One clause, read from left to right: polarity as arithmetic, then each value by what is in force where it stands."""

from collections.abc import Callable
from typing import TypeAlias

from agents.constraints import Unsupported
from agents.request.allowances import permits
from agents.request.clauses import Clause
from agents.request.dependencies import dependency
from agents.request.lexicon import JOINING, group
from agents.request.meanings import read_value
from agents.request.moods import read_moods
from agents.request.scope import COMPARISONS, RELATIONS, STRONG, Context, Found, Scope, follows, opened
from agents.request.tokens import Tag, words
from agents.request.values import AMOUNT_TYPES, LIMITS
from agents.request.when import read_instant

Step: TypeAlias = Callable[[Scope, int, Tag], None]

_REASONS = frozenset({"because", "as", "since"})
_BOUNDING = frozenset({"BEFORE", "AFTER", "UNTIL"})
_SUBJECTS = frozenset({"you", "we", "i", "it", "this", "that", "they"})
_READY = group("READY")
_OUTPUTS = frozenset({"result", "results", "output", "report", "through", "back"})
_MOST = frozenset({"LE"})
_WORK = frozenset({"job", "workload", "work", "use", "window", "anything", "any time"})
_ADDING = words("and or from any anything anywhere with that has have of")
_LIKEWISE = frozenset({"too", "either", "also", "neither", "likewise", "as well"})
_TELLING = frozenset({"LESS", "MORE", "RENEW", "CHEAPEST", "SAVE"})


def read_clause(clause: Clause, context: Context, *, denied: bool = False) -> Scope:
    """The clause with its constraints `found`, and what was not understood `told`.

    `denied`: it is a condition that what follows forbids ("if it costs more than £5, don't run it").
    """
    work = _waits_for_work(clause, context)
    scope = opened(clause, context)
    scope.found += work
    scope.conditional = scope.conditional and not denied
    if scope.past or _is_aside(scope):
        return scope
    scope.negated = denied
    _inherit(scope)
    for i, tag in enumerate(scope.tags):
        _take(scope, i, tag)
    if clause.joined_by in _REASONS and not (
        scope.only or scope.negated or (scope.must and clause.joined_by != "as")
    ):  # "as the lab needs the nodes from Monday" asks for nothing
        scope.found = work
        return scope
    read_moods(scope)
    _tell_the_rest(scope)
    return scope


def _waits_for_work(clause: Clause, context: Context) -> list[Found]:
    """What it waits for, told; its words then bear on nothing else."""
    at = dependency(clause.tags)
    if at is None:
        return []
    waited = clause.tags[at[0] : at[1] + 1]
    start, end = waited[0].start, waited[-1].end
    quote = context.text[start:end]
    for tag in waited:
        tag.type, tag.word = "GLUE", "_"
    return [Found(Unsupported(quote=quote, what=quote), start, end)]


def _is_aside(scope: Scope) -> bool:
    """A "while …" or an "if …" sets no limit by itself; what bears one there is told."""
    before = scope.context.before
    if scope.clause.joined_by == "when" and before is not None and scope.tags[0].type == "WHEN":
        if scope.values:
            scope.tell()
        return True
    if not (scope.conditional or scope.unsupported):
        return False
    if scope.conditional and "PAUSE" not in scope.types and permits(scope):
        for tag in scope.values:
            tag.used = True
        return True
    if scope.conditional and "PAUSE" in scope.types and before is None and not scope.values:
        return True  # "if you have to split it up, …": what follows says how
    earlier = before is not None and (bool(before.values) or before.negated)
    if scope.unsupported:
        scope.end = scope.tags[-1].end
        scope.keep(Unsupported, scope.tags[0], what=scope.whole)
        return True
    if scope.values or earlier or scope.types & _TELLING:
        scope.tell()
        return True
    return False


def _inherit(scope: Scope) -> None:
    before, joined_by, first = scope.context.before, scope.clause.joined_by, scope.tags[0]
    last = scope.context.last
    is_fragment = not scope.types - {"P", "GLUE", "IN", "AT"} - LIMITS
    if last is not None and is_fragment and any(tag.word in _LIKEWISE for tag in scope.tags):
        scope.negated, scope.after, scope.hoped = last.negated, last.after, last.hoped
    if before is None:
        return
    if joined_by in {"or", "nor"} and first.type not in {"NEG", "MUST", "RUN", "START", "FINISH"}:
        scope.negated = before.negated
    if joined_by == "," and not before.values and first.type in _BOUNDING | {"BY"}:
        scope.negated = before.negated
    if scope.guarded or (joined_by == "while" and before.negated and not before.values):
        scope.negated = True
    if not before.past and joined_by not in {"so", *_REASONS} and (joined_by != "but" or before.anchor == "START"):
        scope.anchor = before.anchor
    scope.inherited = True
    if before.out and joined_by in {"and", "or"} and all(_adds(tag) for tag in scope.tags):
        scope.out = True  # "keep away from Slough and from anything with V100s"
    caps = joined_by in {"and", ","} and "LE" in before.types and not scope.types & (COMPARISONS | {"MUST", "NEG"})
    if caps and scope.types & {"COST", "CARBON"}:  # "cap the cost at £11 and the emissions at 1.5 kg"
        scope.comparisons = [before.first("LE")]


def _adds(tag: Tag) -> bool:
    """Whether it only names one more of what was said before."""
    return tag.type in LIMITS or tag.type in {"GLUE", "P", "IN", "AT"} or tag.word in _ADDING


def _take(scope: Scope, i: int, tag: Tag) -> None:
    kind = tag.type
    if kind not in LIMITS and kind not in {"GLUE", "P", "IN", "AT", "HEDGE", "SITEWORD"} and tag.word not in JOINING:
        scope.heads += 1
    if _is_of_the_bound(scope, tag):
        return
    if kind in LIMITS:
        _take_value(scope, i, tag)
    elif kind in RELATIONS:
        scope.relations.append(tag)
    elif kind in COMPARISONS:
        scope.comparisons.append(tag)
    elif kind in _STEPS:
        _STEPS[kind](scope, i, tag)
    else:
        _take_word(scope, i, tag)


def _take_word(scope: Scope, i: int, tag: Tag) -> None:
    said = scope.instant or scope.context.instant
    if said is not None and _is_then(scope, i, tag):
        read_instant(scope, Tag("INSTANT", tag.start, tag.end, "", said), i)
    elif tag.word == "," and tag.type in {"P", "W"}:
        following = next(
            (known for known in scope.tags[i + 1 :] if known.type != "GLUE" and known.word not in {"and", "or"}), None
        )
        last = scope.last_value
        if following is None or following.type not in (LIMITS if last is None else {last.type}):
            scope.out = False
    elif tag.type == "W":
        scope.words += tag.word not in {"and", "or"}


def _is_of_the_bound(scope: Scope, tag: Tag) -> bool:
    """ "Before the backup ends at 3": the event's verb, not the run's."""
    bounded = any(known.type in _BOUNDING for known in scope.relations)
    if tag.type in {"START", "FINISH", "AVAIL", "RUN", "WAIT"}:
        return bounded and bool(scope.anchor or scope.negated)
    return tag.type == "OUT" and bounded


def _is_then(scope: Scope, i: int, tag: Tag) -> bool:
    is_that = tag.word == "that" and i > 0 and scope.tags[i - 1].type in STRONG
    return bool(scope.relations) and (tag.type == "THEN" or is_that)


def _negate(scope: Scope, i: int, tag: Tag) -> None:
    before = scope.tags[i - 1] if i else None
    if before is None or before.type != "NEG" or before.word == tag.word == "not":
        scope.negated = not scope.negated
    scope.is_about_data = False


def _except(scope: Scope, i: int, tag: Tag) -> None:
    scope.out = not scope.out


def _hope(scope: Scope, i: int, tag: Tag) -> None:
    if " not" in tag.word and tag.word != "not a must":
        scope.negated = True
    else:
        _insist(scope, i, tag)


def _insist(scope: Scope, i: int, tag: Tag) -> None:
    scope.is_about_data, scope.asks = False, True


def _allow(scope: Scope, i: int, tag: Tag) -> None:
    following = follows(scope.tags, i)
    asked = _is_question(scope, i, following)
    scope.asks |= asked
    scope.may = not (asked or (following is not None and following.type == "NEG"))


def _is_question(scope: Scope, i: int, following: Tag | None) -> bool:
    """ "Can you …", "could we …" ask; "you can …" allows."""
    if following is None or following.word not in {"you", "we", "this", "it", "i"}:
        return False
    return not any(tag.type in {"W", "GLUE"} and tag.word in _SUBJECTS for tag in scope.tags[:i])


def _anchor(scope: Scope, i: int, tag: Tag) -> None:
    of_input = tag.type == "FINISH" and scope.is_input and not scope.must
    if of_input and tag.word not in _READY and not (scope.negated or scope.asks):
        scope.is_about_data = True
    elif not (tag.word in _OUTPUTS and (scope.is_about_data or scope.anchor == "START")):
        kind = "FINISH" if (tag.type, scope.anchor) == ("AVAIL", "FINISH") else tag.type
        scope.anchor = "AVAIL" if of_input and tag.word in _READY else kind
        scope.inherited, scope.is_about_data, scope.asks = False, False, True


def _run(scope: Scope, i: int, tag: Tag) -> None:
    following = follows(scope.tags, i)
    if tag.word == "be running" and following is not None and following.type == "BY":
        _anchor(scope, i, Tag("START", tag.start, tag.end, tag.word))
        return
    if scope.anchor in {None, "RUN"} or (scope.inherited and tag.word not in _WORK):
        scope.anchor, scope.inherited = "RUN", False
    scope.is_about_data, scope.asks = False, True


def _provide(scope: Scope, i: int, tag: Tag) -> None:
    scope.asks = scope.must = True
    scope.free = scope.may = False


def _set(**states: bool) -> Step:
    def step(scope: Scope, i: int, tag: Tag) -> None:
        for name, state in states.items():
            setattr(scope, name, state)

    return step


def _other(scope: Scope, i: int, tag: Tag) -> None:
    """What the job is about; "about 3 hours" is an amount."""
    following = follows(scope.tags, i)
    if following is not None and following.word == "," and all(known.type in {"W", "GLUE"} for known in scope.tags[:i]):
        return  # "Hi team, …"
    relation = scope.strong()
    is_event = scope.anchor and relation is not None and relation.word in {"before", "by", "after", "until"}
    is_amount = tag.word == "about" and following is not None and following.type in LIMITS - {"PLACE"} | {"FACT"}
    scope.is_about_data |= not (is_event or is_amount)


_STEPS: dict[str, Step] = {
    "NEG": _negate,
    "NOR": _set(negated=True),
    "OUT": _except,
    **dict.fromkeys(("FREE", "NOTCARE"), _set(free=True)),
    "CAN": _allow,
    **dict.fromkeys(("START", "FINISH", "WAIT", "AVAIL"), _anchor),
    **dict.fromkeys(("RUN", "SHIFT"), _run),
    **dict.fromkeys(("MUST", "ONLY", "ASK"), _insist),
    "HEDGE": _hope,
    "INPUT": _set(is_input=True),
    "PROVISO": _provide,
    "OTHER": _other,
    "TAKES": _set(takes=True),
    "VERSUS": _set(compares=True),
}


def _take_value(scope: Scope, i: int, tag: Tag) -> None:
    tags = scope.tags
    last = scope.last_value
    if last is not None and (last.type == tag.type or {last.type, tag.type} <= AMOUNT_TYPES):
        # the next of a list: "before 9 or after 17"
        scope.relations = scope.relations + scope.last_relations
        scope.comparisons = scope.comparisons + scope.last_comparisons
    bound = scope.ahead(i, 3, frozenset({"LATEST", "EARLIEST"})) if tag.type == "INSTANT" else None
    if bound is not None:
        scope.relations.append(bound)
        scope.end = max(scope.end, bound.end)
    scope.end = max(scope.end, tag.end)
    waits = tag.type in {"SPAN", "INSTANT"} and (bound or scope.ahead(i, 3, _MOST) or scope.comparisons)
    content = scope.is_content and not (scope.out and tag.type in {"PLACE", "SITE"})
    free = scope.free and not scope.only and not waits
    if content or free or scope.compares or _is_less_preferred(scope, i, tag):
        tag.used = True
    else:
        read_value(scope, tag, i)
    if tag.type == "INSTANT":
        scope.instant = tag.value
    scope.last_relations, scope.last_comparisons = scope.relations, scope.comparisons
    scope.relations, scope.comparisons, scope.last_value = [], [], tag
    following = follows(tags, i)
    if following is not None and following.word not in JOINING and following.type not in {"NOR", "P"}:
        scope.out = False


def _is_less_preferred(scope: Scope, i: int, tag: Tag) -> bool:
    """ "Wales over London"."""
    last, before = scope.last_value, scope.tags[i - 1]
    is_more = before.type == "MORE" and before.word in {"over", "above"}
    return is_more and last is not None and last.type == tag.type and tag.type not in AMOUNT_TYPES | {"SPAN", "PCT"}


def _tell_the_rest(scope: Scope) -> None:
    unread = any(not tag.used for tag in scope.values)
    demands = bool(scope.types & {"MUST", "ONLY"}) and bool(scope.types & {"RUN", "START", "FINISH", "PAUSE"})
    vague = demands and not scope.found and not scope.values and not scope.free and scope.words > 1
    if unread or vague:
        scope.tell()
