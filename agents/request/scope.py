"""What is in force within a clause: negation, bounds, what starts or ends; and the constraints found there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.constraints import Constraint, Said
from agents.request.allowances import is_lifted
from agents.request.clauses import Clause
from agents.request.lexicon import JOINING, group
from agents.request.times import ClockRange, Point
from agents.request.tokens import Tag, words
from agents.request.values import LIMITS

STRONG = ("EARLIEST", "LATEST", "BEFORE", "AFTER", "UNTIL", "BY")
"""Relations that bound a time, the first of them decides; AT and IN only place it."""
RELATIONS = frozenset({*STRONG, "AT", "IN"})
SIDES = {"LE": "<<", "GE": ">>", "LESS": "<>", "MORE": "><"}
"""What a comparison bounds as it stands, and negated: "no more than" is at most."""
COMPARISONS = frozenset(SIDES)
_KEEPING = words("keep kept keeps stay stays take hold")
MAX_UNKNOWN_WORDS = 4
"""More unknown words in a clause, and what was read there is told as not understood instead of kept."""
_FUNCTION_WORDS = group("FUNCTION_WORDS") | JOINING


@dataclass(frozen=True)
class Found:
    """A constraint and where its words stand."""

    constraint: Constraint
    start: int
    end: int


@dataclass(frozen=True)
class Context:
    """What a clause inherits from the text before it."""

    text: str
    now: datetime
    """UK time."""
    before: "Scope | None" = None
    """The clause before it in the same sentence."""
    last: "Scope | None" = None
    """The clause before it in the text."""
    instant: Point | None = None
    """The last ones named: "then", "there", "those hours" mean them."""
    hours: ClockRange | None = None
    regions: frozenset[int] | None = None


@dataclass
class Scope:
    """A clause being read. Written by `clause.read_clause` as it walks; read by what gives each value its meaning."""

    clause: Clause
    context: Context
    types: frozenset[str]
    values: tuple[Tag, ...]
    found: list[Found] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    doubted: set[str] = field(default_factory=set)
    """What was read about and is in doubt."""
    disowned: bool = False
    """Somebody else's words or limits, or taken back: no demand of this request, whoever reads it."""

    negated: bool = False
    out: bool = False
    """ "except", "avoid": holds for the next value or list of values."""
    may: bool = False
    free: bool = False
    """ "need not", "can wait": an allowance, no demand."""
    hoped: bool = False
    must: bool = False
    only: bool = False
    asks: bool = False
    """Something is asked for here: a verb of running, a modal."""
    is_about_data: bool = False
    """A time or place of the job's content, not of its run."""
    is_input: bool = False
    """The subject is the data that the job waits for."""
    compares: bool = False
    """ "rather than in London"."""
    takes: bool = False
    past: bool = False
    conditional: bool = False
    unsupported: bool = False
    guarded: bool = False
    """ "not if …": the condition is what is forbidden."""
    anchor: str | None = None
    """What the times are of: START, FINISH, RUN, WAIT, AVAIL."""
    inherited: bool = False
    after: str = ""
    """ "out" or "ok": judged after it was named ("London is off limits")."""
    relations: list[Tag] = field(default_factory=list)
    comparisons: list[Tag] = field(default_factory=list)
    last_relations: list[Tag] = field(default_factory=list)
    last_comparisons: list[Tag] = field(default_factory=list)
    last_value: Tag | None = None
    words: int = 0
    heads: int = 0
    end: int = 0
    """How far what has been read reaches; quotes end there."""
    instant: Point | None = None

    @property
    def tags(self) -> list[Tag]:
        return self.clause.tags

    @property
    def whole(self) -> str:
        return self.context.text[self.tags[0].start : self.tags[-1].end].strip()

    @property
    def odd(self) -> bool:
        """Whether an odd number of negations bears on the next value."""
        return (self.negated != self.out) != (self.after == "out")

    @property
    def demands(self) -> bool:
        return self.must or self.only or self.negated

    @property
    def is_content(self) -> bool:
        """What stands here is of the job's data, and nothing insists on it."""
        return self.is_about_data and not self.demands

    @property
    def unknown(self) -> int:
        """Words that are in no phrase of the lexicon."""
        return sum(tag.type == "W" and tag.word.isalpha() and tag.word not in _FUNCTION_WORDS for tag in self.tags)

    def strong(self) -> Tag | None:
        return next((tag for kind in STRONG for tag in self.relations if tag.type == kind), None)

    def first(self, kind: str) -> Tag:
        return next(tag for tag in self.tags if tag.type == kind)

    def ahead(self, i: int, reach: int, types: frozenset[str]) -> Tag | None:
        """The nearest tag of these types after position `i`, with no other value between."""
        for tag in self.tags[i + 1 : i + 1 + reach]:
            if tag.type in types:
                return tag
            if tag.type in LIMITS:
                return None
        return None

    def tell(self) -> None:
        self.told.append(self.whole)

    def add(self, kind: type[Said], tag: Tag, *, soft: bool = False, firm: bool = False, **value: Any) -> None:  # noqa: ANN401  fields of `kind`
        """A constraint out of a value; `soft`: a wish unless the clause insists, `firm`: it does."""
        insists = self.must and any(known.type == "MUST" and known.word != "should" for known in self.tags)
        wish = self.hoped or (soft and not (self.only or firm or insists))
        self.keep(kind, tag, strength="should" if wish else "must", **value)
        tag.used = True

    def keep(self, kind: type[Said], tag: Tag, **value: Any) -> None:  # noqa: ANN401  fields of `kind`
        start, end = self.quoted(tag)
        quote = self.context.text[start:end].strip()
        constraint: Any = kind.model_validate({"quote": quote, **value})
        self.found.append(Found(constraint, start, end))

    def quoted(self, tag: Tag) -> tuple[int, int]:
        """From the clause's first telling word to the value, or to what bounds it after that."""
        first = next((known for known in self.tags if known.type not in {"GLUE", "W", "P"}), tag)
        return min(first.start, tag.start), max(tag.end, self.end)


def opened(clause: Clause, context: Context) -> Scope:
    """A clause with what its tags tell before it is walked through."""
    tags, before = clause.tags, context.before
    for tag in tags:
        if tag.type == "HALF_OF" and any(known.type == "RENEW" for known in tags):
            tag.type = "PCT"
    for i, tag in enumerate(tags):
        if tag.word == "off" and any(known.word in _KEEPING for known in tags[max(0, i - 3) : i]):
            tag.type = "OUT"
    for tag in tags:
        if tag.type == "NUM" and _is_intensity(tags, tag.value):
            tag.type = "GKWH"
    types = frozenset(tag.type for tag in tags)
    values = tuple(tag for tag in tags if tag.type in LIMITS)
    scope = Scope(clause, context, types, values, end=tags[0].start)
    scope.free = is_lifted(tags)
    scope.must, scope.only = "MUST" in types, "ONLY" in types
    scope.hoped = _is_hoped(scope, before)
    scope.past = ("PAST" in types or any(tag.word == "ran" for tag in tags)) and not types & {"MUST", "HEDGE"}
    scope.unsupported = "AFTERJOB" in types or ("PERIOD" in types and bool(types & {"MONEY", "MASS", "COST"}))
    scope.after = _judged_after(scope)
    guard = before is not None and clause.joined_by == "if" and tags[0].word in {"if", "when"} and not before.values
    guards = guard and before is not None and "WAIT" not in before.types and (before.negated or before.only)
    scope.guarded = guards and before is not None and before.negated
    wanted = before is None or before.only or before.must or bool(before.types & {"SHIFT", "NEG"})
    scope.conditional = "COND" in types and not guards and not ("SAVE" in types and wanted)
    return scope


def _is_intensity(tags: Sequence[Tag], value: float) -> bool:
    """ "Intensity below 150": the grid's figure is in g/kWh."""
    types = {tag.type for tag in tags}
    return (
        "INTENSITY" in types
        and bool(types & COMPARISONS)
        and 10 <= value <= 1000
        and not types & {"GKWH", "MASS", "PCT"}
    )


def _is_hoped(scope: Scope, before: Scope | None) -> bool:
    if "HEDGE" in scope.types and "SAVE" not in scope.types:
        return True
    if before is None or not before.hoped:
        return False
    joined_by = scope.clause.joined_by
    if joined_by == "," and not before.values:
        return before.types <= {"HEDGE", "GLUE", "W", "CAN", "RUN", "P", "COND"}
    return joined_by in {"or", "and"} and not scope.types & {"MUST", "NEG"}


def _judged_after(scope: Scope) -> str:
    tags = scope.tags
    if (
        any(tag.word == "keep" for tag in tags)
        and any(tag.word in {"free", "clear"} for tag in tags[-3:])
        and scope.values
    ):
        return "out"
    telling = [tag for tag in tags if tag.type not in {"P", "GLUE"}]
    if telling and telling[-1].type == "NEG":
        after_value = bool(scope.values) and scope.values[0].start < telling[-1].start
        if after_value or (len(telling) == 2 and telling[0].type == "PAUSE"):
            telling[-1].type = "GLUE"
            return "out"
    at = next((i for i, tag in enumerate(tags) if tag.type == "POSTOUT"), 0)
    if at and scope.types & {"OUT", "NEG"} and tags[at - 1].word in {"it", "they", "that"}:
        return ""  # "keep away from Cardiff, it is full": the reason
    if "POSTOUT" in scope.types and scope.first("POSTOUT").word.startswith("out of") and "OUT" in scope.types:
        return ""  # "leave Kent out of it" says it once
    return "out" if "POSTOUT" in scope.types else "ok" if "POSTOK" in scope.types else ""


def follows(tags: Sequence[Tag], i: int) -> Tag | None:
    return tags[i + 1] if i + 1 < len(tags) else None
