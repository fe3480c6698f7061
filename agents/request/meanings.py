"""What a value means where it stands: relation, what it is of, and polarity give the constraint."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from agents.constraints import (
    WEEKDAYS,
    CarbonIntensity,
    CarbonTotal,
    CostTotal,
    Finish,
    Hardware,
    Hours,
    JobFacts,
    Pausing,
    PricePerKwh,
    Region,
    RenewableShare,
    Saving,
    Site,
    Start,
)
from agents.request import times
from agents.request.lexicon import JOINING
from agents.request.scope import COMPARISONS, Scope, follows
from agents.request.times import ClockRange, Point
from agents.request.tokens import Tag

Meaning: TypeAlias = Callable[[Scope, Tag, int], None]

_ONWARDS = frozenset({"onwards", "onward", "on", "or later"})
_PAST_IT = frozenset({"beyond", "past", "over", "go beyond", "goes beyond", "less", "within"})
_OVERRUN = frozenset({"run over", "go past", "run past", "overrun", "later", "run beyond"})
_BUDGETS = frozenset({"budget", "allowance", "price", "prices", "cost", "costs", "bill"})
_AFTER_A_PLACE = JOINING | {"or", "only", "'s", "then", "if", "to", "at", "for", "when", "as"}
_DAY = timedelta(days=1)


def read_value(scope: Scope, tag: Tag, i: int) -> None:
    """Read a value into a constraint, mark it as used without one, or leave it to be told."""
    _MEANINGS[tag.type](scope, tag, i)


def _is_content(scope: Scope) -> bool:
    return scope.is_about_data and not scope.demands


def read_instant(scope: Scope, tag: Tag, i: int) -> None:
    """A time by its relation (by, before, until, after, at) and by what it is of (start, finish, run, wait)."""
    said: Point = tag.value
    following = follows(scope.tags, i)
    if (following is not None and following.word == "'s") or any(known.word == "between" for known in scope.tags[:i]):
        return
    if scope.after == "ok" and scope.strong() is None and not scope.out:
        tag.used = True
        return
    relation = scope.strong() or _implied(scope, tag, following)
    kind = relation.type if relation else "AT" if scope.relations else None
    anchor = scope.anchor
    if scope.comparisons and scope.comparisons[-1].type == "GE" and kind == "UNTIL":
        anchor = "WAIT"
    if _is_content(scope) or _is_allowance(scope, kind, anchor):
        tag.used = True
        return
    early, late = (times.resolve(said, scope.context.now, side) for side in ("early", "late"))
    _bound(scope, tag, i, (kind, relation, anchor), early, late)


def _bound(
    scope: Scope, tag: Tag, i: int, how: tuple[str | None, Tag | None, str | None], early: datetime, late: datetime
) -> None:
    kind, relation, anchor = how
    match kind:
        case "BEFORE":
            _before(scope, tag, anchor, early, late)
        case "BY" | "LATEST":
            _by(scope, tag, kind, anchor, early, late)
        case "UNTIL":
            _until(scope, tag, anchor, early, late)
        case "AFTER":
            _after(scope, tag, anchor, relation, early, late)
        case "EARLIEST":
            if anchor != "FINISH":
                scope.add(Start, tag, bound="earliest", time=early)
        case _:
            _at(scope, tag, i, kind, early, late)


def _before(scope: Scope, tag: Tag, anchor: str | None, early: datetime, late: datetime) -> None:
    whole_day = tag.value.is_whole_day and not tag.value.part
    if not scope.odd:
        _finish_or_start_by(scope, tag, anchor, early if whole_day else late)
    elif anchor != "FINISH":
        scope.add(Start, tag, bound="earliest", time=early)


def _implied(scope: Scope, tag: Tag, following: Tag | None) -> Tag | None:
    """ "6pm onwards", "not beyond 6pm", "within"."""
    if following is not None and following.word in _ONWARDS:
        return Tag("AFTER", tag.start, tag.end)
    if scope.comparisons and scope.comparisons[-1].word in _PAST_IT:
        return Tag("BY" if scope.comparisons[-1].word == "within" else "AFTER", tag.start, tag.end)
    return None


def _is_allowance(scope: Scope, kind: str | None, anchor: str | None) -> bool:
    """ "It can finish on Friday" demands nothing; "it can start after 6" does."""
    bounds = kind in {"AFTER", "EARLIEST"} or (kind == "UNTIL" and anchor == "RUN")
    return scope.may and not scope.only and not scope.odd and not bounds


def _finish_or_start_by(scope: Scope, tag: Tag, anchor: str | None, bound: datetime) -> None:
    if anchor == "START":
        scope.add(Start, tag, bound="latest", time=bound)
    else:
        scope.add(Finish, tag, time=bound)


def _by(scope: Scope, tag: Tag, kind: str, anchor: str | None, early: datetime, late: datetime) -> None:
    if scope.odd and kind == "BY":
        return
    if anchor == "AVAIL" and scope.is_input:
        scope.add(Start, tag, bound="earliest", time=early)
    else:
        _finish_or_start_by(scope, tag, anchor, late)


def _until(scope: Scope, tag: Tag, anchor: str | None, early: datetime, late: datetime) -> None:
    if not (scope.odd or anchor in {"WAIT", "AVAIL"}):
        scope.add(Finish, tag, time=late)
    elif not (scope.odd and anchor == "WAIT"):
        scope.add(Start, tag, bound="earliest", time=early)


def _after(scope: Scope, tag: Tag, anchor: str | None, relation: Tag | None, early: datetime, late: datetime) -> None:
    word = relation.word if relation else ""
    if scope.odd:
        _finish_or_start_by(scope, tag, anchor, late)
    elif anchor != "FINISH" or word == "from":
        whole = tag.value.is_whole_day and word in {"after", "later than"}
        scope.add(Start, tag, bound="earliest", time=late if whole else early)


def _at(scope: Scope, tag: Tag, i: int, kind: str | None, early: datetime, late: datetime) -> None:
    said, anchor = tag.value, scope.anchor
    whole = said.is_whole_day
    needs = any(known.type == "MUST" and known.word in {"need", "needs"} for known in scope.tags[:i])
    if scope.odd:
        if whole:
            _forbid_day(scope, tag, said)
        elif anchor in {"RUN", None}:
            scope.add(Finish, tag, time=late)
    elif (anchor is None and kind and not whole and needs) or (anchor == "FINISH" and (kind or scope.words < 4)):
        scope.add(Finish, tag, time=late)
    elif anchor in {"AVAIL", "WAIT"}:
        scope.add(Start, tag, bound="earliest", time=early)
    elif whole and anchor == "START":
        scope.add(Start, tag, soft=True, bound="earliest", time=early)
    elif whole and (anchor == "RUN" or scope.words == 0):
        _on_day(scope, tag, said, soft=said.vague or not kind)
    elif anchor in {"START", "RUN"} and not whole:
        scope.add(Start, tag, bound="exact", time=early)
    elif scope.words > 2 and not scope.asks:
        tag.used = True


def _forbid_day(scope: Scope, tag: Tag, said: Point) -> None:
    """ "Not on Thursday" is every Thursday; "not tomorrow" is one day."""
    if said.part:
        _add_hours(scope, tag, times.part_range(said), allowed=False)
    elif said.day and [part.type for part in tag.parts] == ["WEEKDAY"]:
        scope.add(Hours, tag, firm=True, allowed=False, weekdays=(WEEKDAYS[said.day.weekday()],))
    elif said.day:
        scope.add(Hours, tag, firm=True, allowed=False, dates=(said.day,))


def _on_day(scope: Scope, tag: Tag, said: Point, *, soft: bool) -> None:
    if said.part:
        _add_hours(scope, tag, times.part_range(said), allowed=True, soft=soft)
    elif said.day:
        scope.add(Hours, tag, soft=soft, allowed=True, dates=(said.day,))


def _range(scope: Scope, tag: Tag, i: int) -> None:
    hours: ClockRange = tag.value
    if _is_content(scope):
        tag.used = True
        return
    window = times.window(hours, scope.context.now)
    if window is None:
        return
    if scope.odd:
        _add_hours(scope, tag, hours, allowed=False)
    elif scope.anchor == "START":
        scope.add(Start, tag, bound="earliest", time=window[0])
        scope.add(Start, tag, bound="latest", time=window[1])
    elif scope.anchor == "FINISH" and not any(known.word == "done" for known in scope.tags[:i]):
        scope.add(Finish, tag, time=window[1])
    elif _is_asked(scope, i):
        _add_hours(scope, tag, hours, allowed=True, soft=hours[0].vague or scope.may)


def _is_asked(scope: Scope, i: int) -> bool:
    if scope.unknown == 0 or scope.asks or scope.only or scope.must:
        return True
    return scope.unknown == 1 and any(tag.word == "it" for tag in scope.tags[:i])


def _add_hours(scope: Scope, tag: Tag, hours: ClockRange, *, allowed: bool, soft: bool = False) -> None:
    """A range of a day by its clock; a longer one as a start and a finish, or as the days that it takes."""
    window = times.window(hours, scope.context.now)
    if window is None:
        return
    start, end = window
    dated = bool(hours[0].day or hours[0].instant)
    if not dated:
        recurs = allowed and scope.only
        _add(scope, tag, soft, allowed=allowed, start=start.time(), end=end.time(), recurs=recurs)
    elif end - start <= _DAY + timedelta(hours=1):
        dates = (start.date(),)
        _add(scope, tag, soft, allowed=allowed, start=start.time(), end=end.time(), dates=dates)
    elif allowed:
        scope.add(Start, tag, soft=soft, bound="earliest", time=start)
        scope.add(Finish, tag, soft=soft, time=end)
    else:
        for day, first, last in _days(start, end):
            _add(scope, tag, soft, allowed=False, start=first, end=last, dates=(day,))


def _add(scope: Scope, tag: Tag, soft: bool, *, allowed: bool, start: time, end: time, **days: object) -> None:
    clocks = {} if start == end == time() else {"start": start.replace(fold=0), "end": end.replace(fold=0)}
    scope.add(Hours, tag, soft=soft, firm=not allowed, allowed=allowed, **clocks, **days)


def _days(start: datetime, end: datetime) -> list[tuple[date, time, time]]:
    count = (end.date() - start.date()).days + 1
    days = [start.date() + timedelta(days=ahead) for ahead in range(min(count, 32))]
    pieces = [
        (day, start.time() if day == start.date() else time(), end.time() if day == end.date() else time())
        for day in days
    ]
    return [piece for piece in pieces if not (piece[0] == end.date() and end.time() == time())]


def _weekdays(scope: Scope, tag: Tag, i: int) -> None:
    if _is_content(scope):
        tag.used = True
        return
    relation = scope.strong()
    if relation is not None:
        if tag.value == {"sat", "sun"} and relation.type in {"BEFORE", "BY", "UNTIL", "AFTER"}:
            _weekend_as_time(scope, tag, i, is_over=relation.type == "AFTER")
    elif scope.odd:
        scope.add(Hours, tag, firm=True, allowed=False, weekdays=_ordered(tag))
    elif scope.asks or scope.words == 0:
        scope.add(Hours, tag, soft=scope.may, allowed=True, weekdays=_ordered(tag))


def _ordered(tag: Tag) -> tuple[str, ...]:
    return tuple(day for day in WEEKDAYS if day in tag.value)


def _weekend_as_time(scope: Scope, tag: Tag, i: int, *, is_over: bool) -> None:
    today = scope.context.now.date()
    saturday = today + timedelta(days=(5 - today.weekday()) % 7)
    point = Point(clock=(0, 0), half="24", day=saturday + timedelta(days=2 * is_over))
    read_instant(scope, Tag("INSTANT", tag.start, tag.end, "", point), i)
    tag.used = bool(scope.found)


def _place(scope: Scope, tag: Tag, i: int) -> None:
    before = next((known for known in reversed(scope.tags[:i]) if known.type != "GLUE"), None)
    if scope.strong() is not None and not scope.odd:
        return  # "before the ship leaves Dover": an event, of which nobody knows the time
    names = _names_something(scope, i)
    if names or _is_origin(scope, before) or (_is_content(scope) and not scope.out):
        tag.used = True
        if names and not (scope.must or scope.only or scope.negated or scope.asks):
            scope.is_about_data = True
        return
    _located(scope, tag, i, before)


def _located(scope: Scope, tag: Tag, i: int, before: Tag | None) -> None:
    approved = scope.after == "ok" and not scope.out and any(known.type == "POSTOK" for known in scope.tags[i:])
    if approved or (scope.may and not scope.only and not scope.out and not scope.odd):
        _add_place(scope, tag, allowed=True, soft=True)
    elif scope.odd:
        _add_place(scope, tag, allowed=False)
    elif _is_of_a_noun(scope, before):
        tag.used = True
    elif scope.asks or scope.only or scope.out or scope.must or scope.heads == 0:
        _add_place(scope, tag, allowed=True)


def _add_place(scope: Scope, tag: Tag, *, allowed: bool, soft: bool = False) -> None:
    if tag.type == "SITE":
        scope.add(Site, tag, soft=soft, firm=not allowed, sites=(tag.value,), allowed=allowed)
    else:
        scope.add(Region, tag, soft=soft, firm=not allowed, regions=tuple(tag.value), allowed=allowed)


def _names_something(scope: Scope, i: int) -> bool:
    """ "The Wales office", "London's traffic"."""
    following = follows(scope.tags, i)
    if following is None:
        return False
    if following.word == "'s":
        owned = scope.tags[i + 2] if i + 2 < len(scope.tags) else None
        return not (owned is not None and owned.type == "SITEWORD")
    is_noun = following.type in {"W", "OTHER", "FINISH"} or following.word in _BUDGETS
    if not is_noun or following.word in _AFTER_A_PLACE or (following.type == "FINISH" and scope.relations):
        return False
    inside = any(known.type == "IN" for known in scope.relations) and following.type == "W"
    excluded = any(known.type in {"NEG", "OUT"} for known in scope.tags[max(0, i - 2) : i])
    return not excluded and not (inside and (scope.only or scope.must))


def _is_origin(scope: Scope, before: Tag | None) -> bool:
    return before is not None and before.word == "from" and not scope.odd


def _is_of_a_noun(scope: Scope, before: Tag | None) -> bool:
    """ "A model of house sales in Wales": the noun before "in" has the place, where nothing is asked for."""
    if before is None or before.type != "IN" or scope.asks or scope.must or scope.only:
        return False
    at = next(j for j, known in enumerate(scope.tags) if known is before)
    behind = next((known for known in reversed(scope.tags[:at]) if known.type != "GLUE"), None)
    return behind is not None and behind.type in {"W", "FACT", "GPUS", "ENERGY"}


def _hardware(scope: Scope, tag: Tag, i: int) -> None:
    if scope.odd:
        scope.add(Hardware, tag, firm=True, gpu_model=_model(tag), allowed=False)
    elif scope.may and not scope.only:
        tag.used = True
    elif scope.asks or scope.only or scope.must or scope.heads == 0 or scope.relations:
        scope.add(Hardware, tag, gpu_model=_model(tag), allowed=True)


def _model(tag: Tag) -> str:
    """As written, without the plural of "H100s"."""
    words = [str(part.value or part.word) if part.type == "W" else part.word for part in tag.parts]
    plural = len(words) > 1 and words[-1] == "s"
    text = "".join(
        word if part.glued or not j else f" {word}"
        for j, (part, word) in enumerate(zip(tag.parts, words, strict=True))
        if not (plural and j == len(words) - 1)
    )
    return text.upper() if any(letter.isdigit() for letter in text) else text


def _count(scope: Scope, tag: Tag, i: int) -> None:
    before = scope.context.before
    pauses = "PAUSE" in scope.types or any(part.type == "PAUSE" for part in tag.parts)
    pauses = pauses or (before is not None and "PAUSE" in before.types)
    denied = scope.negated and tag.parts[0].word != "once"
    if pauses and (scope.comparisons or denied or scope.only):
        scope.add(Pausing, tag, allowed=True, max_pauses=int(tag.value))
    else:
        tag.used = True


def _vague(scope: Scope, tag: Tag, i: int) -> None:
    """Told where it bounds something, since nobody can say which hours it means."""
    bounds = scope.relations or scope.odd or scope.must or scope.only
    if scope.is_about_data or not bounds or (scope.may and not scope.odd):
        tag.used = True


def _next_span(scope: Scope, tag: Tag, i: int) -> None:
    until = scope.context.now + tag.value
    if scope.is_about_data and not scope.must:
        tag.used = True
    elif scope.odd:
        scope.add(Start, tag, bound="earliest", time=until)
    else:
        _finish_or_start_by(scope, tag, scope.anchor, until)


def _span(scope: Scope, tag: Tag, i: int) -> None:
    anchor, relation = scope.anchor, scope.strong()
    until = scope.context.now + tag.value
    at_most = any(known.type in {"LE", "LESS"} for known in scope.comparisons)
    within = any(known.word == "within" for known in scope.comparisons)
    if scope.is_about_data and not scope.must:
        tag.used = True
    elif "STRETCH" in scope.types and not at_most:
        scope.add(Pausing, tag, allowed=True, min_run_minutes=max(1, round(tag.value.total_seconds() / 60)))
    elif scope.takes or (
        anchor == "RUN" and not scope.odd and any(r.word in {"for", "about"} for r in scope.relations)
    ):
        scope.add(JobFacts, tag, duration_minutes=max(1, round(tag.value.total_seconds() / 60)))
    elif anchor == "WAIT":
        scope.add(Start, tag, bound="latest" if at_most and not scope.negated else "earliest", time=until)
    elif at_most or within or (scope.negated and scope.comparisons and scope.comparisons[-1].type == "MORE"):
        _finish_or_start_by(scope, tag, anchor, until)
    elif scope.relations and scope.relations[-1].type == "IN":
        if anchor == "FINISH":
            scope.add(Finish, tag, time=until)
        else:
            scope.add(Start, tag, bound="earliest", time=until)
    elif relation is not None and relation.type == "AFTER":
        scope.add(Start, tag, bound="earliest", time=until)
    elif not scope.must:
        tag.used = True


def _amount(scope: Scope, tag: Tag, i: int) -> None:
    side = _side(scope, tag, i)
    if _is_content(scope):
        tag.used = True
        return
    about = scope.types & {"COST", "CARBON", "INTENSITY", "RENEW", "LE"}
    if scope.words > 2 and not (scope.asks or scope.negated or "SAVE" in scope.types or about):
        return
    is_saving = tag.type == "PCT" or (side in {">", None} and tag.type in {"MONEY", "MASS"})
    if "SAVE" in scope.types and is_saving:
        unit = {"MONEY": "gbp", "MASS": "g", "PCT": "pct"}[tag.type]
        scope.add(Saving, tag, amount=tag.value, unit=unit)
    elif tag.type == "PCT":
        _share(scope, tag, side)
    elif side == "<":
        _cap(scope, tag)


def _side(scope: Scope, tag: Tag, i: int) -> str | None:
    """ "<" for at most, ">" for at least: comparison and polarity; "no more than" is at most."""
    comparison = scope.comparisons[-1] if scope.comparisons else None
    if comparison is None and any(known.word in _OVERRUN for known in scope.relations):
        comparison = Tag("MORE", tag.start, tag.end)
    if comparison is None and (comparison := scope.ahead(i, 3, COMPARISONS)) is not None:
        scope.end = max(scope.end, comparison.end)
    odd = scope.negated != (scope.after == "out")
    sides = {"LE": "<", "GE": ">", "LESS": ">" if odd else "<", "MORE": "<" if odd else ">"}
    return sides[comparison.type] if comparison is not None else None


def _share(scope: Scope, tag: Tag, side: str | None) -> None:
    demanded = scope.must or scope.only or scope.asks or tag.value == 100
    if "RENEW" in scope.types and tag.value <= 100 and (side == ">" or (side is None and demanded)):
        scope.add(RenewableShare, tag, min_pct=tag.value)


def _cap(scope: Scope, tag: Tag) -> None:
    if tag.type == "RATE":
        basis = "mean" if "MEAN" in scope.types else "each"
        scope.add(PricePerKwh, tag, max_gbp_per_kwh=tag.value, basis=basis)
    elif tag.type == "MONEY":
        scope.add(CostTotal, tag, max_gbp=tag.value)
    elif tag.type == "MASS":
        scope.add(CarbonTotal, tag, max_g=tag.value)
    else:
        scope.add(CarbonIntensity, tag, max_g_per_kwh=tag.value)


def _energy(scope: Scope, tag: Tag, i: int) -> None:
    if scope.is_about_data or scope.comparisons:
        tag.used = not scope.comparisons
    else:
        scope.add(JobFacts, tag, energy_kwh=tag.value)


def _gpus(scope: Scope, tag: Tag, i: int) -> None:
    model = next((part for part in tag.parts if part.type == "GPU"), None)
    if scope.is_about_data or scope.comparisons or scope.odd or tag.value < 1:
        tag.used = scope.is_about_data
        return
    scope.add(JobFacts, tag, gpus=int(tag.value))
    if model is not None:
        scope.add(Hardware, tag, gpu_model=_model(model), allowed=True)


_MEANINGS: dict[str, Meaning] = {
    "INSTANT": read_instant,
    "RANGE": _range,
    "DAYS": _weekdays,
    "PLACE": _place,
    "SITE": _place,
    "GPU": _hardware,
    "SPAN": _span,
    "NEXTSPAN": _next_span,
    "VAGUE": _vague,
    "COUNT": _count,
    "ENERGY": _energy,
    "GPUS": _gpus,
    **dict.fromkeys(("MONEY", "RATE", "MASS", "GKWH", "PCT"), _amount),
}
