"""What a time, a range of hours, a day or a length of time means where it stands."""

from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any

from agents.constraints import WEEKDAYS, Finish, Hours, JobFacts, Pausing, Start
from agents.request import times
from agents.request.scope import Scope, follows
from agents.request.times import ClockRange, Point
from agents.request.tokens import Tag
from tools.slots import UK

_ONWARDS = frozenset({"onwards", "onward", "on", "or later"})
_PAST_IT = frozenset({"beyond", "past", "over", "go beyond", "goes beyond", "less"})
_BOUNDS = {
    "BEFORE": ("<", ">"), "BY": ("<", ""), "LATEST": ("<", "<"), "UNTIL": ("<", ">"), "AFTER": (">", "<"),
    "EARLIEST": (">", ">"),
}  # fmt: skip
"""On which side of a time each relation keeps the run, as it stands and where it is denied."""
_AT_MOST = frozenset({"LE", "LESS", "LATEST"})
_GOING_ON = ("run", "past", "go", "continue", "extend", "last", "drag", "spill", "stretch")
"""What words of running over have in them: they are of the end, whatever was said to start."""
_HAVING = frozenset({"you", "we", "i", "they", "is", "all", "got"})
_ENDS = frozenset({"START", "FINISH"})
_JOB = frozenset({"job", "run", "workload", "work", "training", "compute", "computing", "fine tuning", "retraining"})


def read_instant(scope: Scope, tag: Tag, i: int) -> None:
    """A time by its relation (by, before, until, after, at) and by what it is of (start, finish, run, wait)."""
    said: Point = tag.value
    following = follows(scope.tags, i)
    if scope.after == "ok" and scope.strong() is None and not scope.out:
        tag.used = True
        works = any(known.type == "POSTOK" for known in scope.tags[i:])
        if said.is_whole_day and works and not any(known.word == "any time" for known in scope.tags[:i]):
            _on_day(scope, tag, allowed=True, soft=True)
        return
    if _is_event(scope, i):
        tag.used = True
        return
    relation = scope.strong() or _implied(scope, tag, following)
    kind = relation.type if relation else "AT" if scope.relations else None
    ahead = scope.ahead(i, 2, _ENDS) if scope.anchor is None and relation is None else None
    if ahead is not None:  # "Tuesday 14:00 start"
        scope.anchor, kind = ahead.type, "AT"
        scope.end = max(scope.end, ahead.end)
    anchor = scope.anchor
    if scope.comparisons and scope.comparisons[-1].type == "GE" and kind == "UNTIL":
        anchor = "WAIT"
    if _is_allowance(scope, kind, anchor):
        tag.used = True
        return
    early, late = (times.resolve(said, scope.context.now, side) for side in ("early", "late"))
    if kind in _BOUNDS:
        _bound(scope, tag, kind, relation, anchor, early, late)
    else:
        _at(scope, tag, i, kind, early, late)


def _is_event(scope: Scope, i: int) -> bool:
    """ "Ready by 5:45, ops briefing at six": what a comma adds without a verb says why."""
    comma = next((at for at in range(i - 1, -1, -1) if scope.tags[at].word == ","), -1)
    earlier = any(known.type == "INSTANT" and known.used for known in scope.tags[: max(comma, 0)])
    types = {known.type for known in scope.tags[comma + 1 : i]}
    return earlier and bool(types & {"W", "OTHER"}) and types <= {"W", "OTHER", "GLUE", "AT"}


def _bound(
    scope: Scope, tag: Tag, kind: str, relation: Tag | None, anchor: str | None, early: datetime, late: datetime
) -> None:
    word, whole = relation.word if relation else "", tag.value.is_whole_day
    side = _BOUNDS[kind][scope.odd]
    if kind == "UNTIL" and anchor in {"WAIT", "AVAIL"}:
        side = "" if scope.odd and anchor == "WAIT" else ">"
    if side == "<":
        anchor = None if any(part in word.split() for part in _GOING_ON) else anchor
        _finish_or_start_by(scope, tag, anchor, early if kind == "BEFORE" and whole and not tag.value.part else late)
    elif side == ">" and (anchor != "FINISH" or word == "from" or kind == "UNTIL"):
        after = kind == "AFTER" and whole and word in {"after", "later than"}
        scope.add(Start, tag, bound="earliest", time=late if after else early)


def _implied(scope: Scope, tag: Tag, following: Tag | None) -> Tag | None:
    """ "6pm onwards", "not beyond 6pm", "up to 6pm", "6pm is the deadline"."""
    if following is not None and following.word in _ONWARDS:
        return Tag("AFTER", tag.start, tag.end)
    said = scope.comparisons[-1] if scope.comparisons else None
    i = scope.tags.index(tag) if tag in scope.tags else 0
    if said is not None and said.word in _PAST_IT and any(known is said for known in scope.tags[max(0, i - 3) : i]):
        return Tag("AFTER", tag.start, tag.end)
    if said is not None and said.type == "GE":
        return Tag("EARLIEST", tag.start, tag.end)
    bound = said or scope.ahead(i, 4, frozenset({"LE", "FINISH"}))
    if bound is None or not (bound.type == "LE" or "deadline" in bound.word or "cut" in bound.word):
        return None
    scope.end = max(scope.end, bound.end)
    return Tag("LATEST", tag.start, tag.end)


def _is_allowance(scope: Scope, kind: str | None, anchor: str | None) -> bool:
    """ "It can finish on Friday" demands nothing; "it can start after 6" does."""
    bounds = kind in {"AFTER", "EARLIEST", "LATEST"} or (kind == "UNTIL" and anchor == "RUN")
    return scope.may and not scope.only and not scope.odd and not bounds


def _finish_or_start_by(scope: Scope, tag: Tag, anchor: str | None, bound: datetime) -> None:
    if anchor == "START":
        scope.add(Start, tag, bound="latest", time=bound)
    else:
        scope.add(Finish, tag, time=bound)


def _at(scope: Scope, tag: Tag, i: int, kind: str | None, early: datetime, late: datetime) -> None:
    said, anchor = tag.value, scope.anchor
    whole = said.is_whole_day
    needs = any(known.type == "MUST" and known.word in {"need", "needs"} for known in scope.tags[:i])
    is_due = anchor == "FINISH" and (kind or scope.words < 4) and not (scope.inherited and scope.words)
    if scope.odd:
        if whole:
            _on_day(scope, tag, allowed=False)
        elif anchor in {"RUN", None}:
            scope.add(Finish, tag, time=late)
    elif (anchor is None and ((kind and not whole and needs) or (scope.heads == 0 and _closes(tag)))) or is_due:
        scope.add(Finish, tag, time=late)
    elif anchor in {"AVAIL", "WAIT"}:
        scope.add(Start, tag, bound="earliest", time=early)
    elif whole and anchor == "START":
        scope.add(Start, tag, soft=True, bound="earliest", time=early)
    elif whole and (anchor == "RUN" or scope.words == 0):
        _on_day(scope, tag, allowed=True, soft=said.vague or not kind)
    elif anchor in {"START", "RUN"} and not whole:
        scope.add(Start, tag, bound="exact", time=early)
    elif scope.words > 2 and not scope.asks:
        tag.used = True


def _closes(tag: Tag) -> bool:
    """ "EOD Friday", "close of business"."""
    return tag.type in {"EOD", "COB"} or any(map(_closes, tag.parts))


def _on_day(scope: Scope, tag: Tag, *, allowed: bool, soft: bool = False) -> None:
    """ "Not on Thursday" is every Thursday; "not tomorrow" is one day."""
    said: Point = tag.value
    if said.part:
        _add_hours(scope, tag, times.part_range(said), allowed=allowed, soft=soft)
    elif said.day:
        every = not allowed and [part.type for part in tag.parts] == ["WEEKDAY"]
        days: Any = {"weekdays": (WEEKDAYS[said.day.weekday()],)} if every else {"dates": (said.day,)}
        scope.add(Hours, tag, soft=soft, firm=not allowed, allowed=allowed, **days)


def read_range(scope: Scope, tag: Tag, i: int) -> None:
    hours: ClockRange = tag.value
    window = times.window(hours, scope.context.now)
    if window is None:
        return
    if scope.odd:
        _add_hours(scope, tag, hours, allowed=False)
    elif scope.anchor == "START":
        scope.add(Start, tag, bound="earliest", time=window[0])
        scope.add(Start, tag, bound="latest", time=window[1])
    elif scope.anchor == "FINISH" and not scope.inherited and not any(known.word == "done" for known in scope.tags[:i]):
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
    edges = [start, end]
    days: list[Any] = [{"dates": (start.date(),)}]
    if not (hours[0].day or hours[0].instant):
        days = [{"recurs": allowed and scope.only, "weekdays": _ordered(hours[0].days)}]
    elif end - start > timedelta(hours=25) and allowed:
        scope.add(Start, tag, soft=soft, bound="earliest", time=start)
        scope.add(Finish, tag, soft=soft, time=end)
        return
    elif end - start > timedelta(hours=25):
        nights = [datetime.combine(start.date() + timedelta(days=ahead), time(), UK) for ahead in range(1, 32)]
        edges = [start, *(night for night in nights if night < end), end]
        days = [{"dates": (edge.date(),)} for edge in edges[:-1]]
    for on, (first, last) in zip(days, pairwise(edge.time().replace(fold=0) for edge in edges), strict=True):
        clocks = {} if first == last == time() else {"start": first, "end": last}
        scope.add(Hours, tag, soft=soft, firm=not allowed, allowed=allowed, **clocks, **on)


def read_weekdays(scope: Scope, tag: Tag, i: int) -> None:
    if scope.strong() is None and (scope.odd or scope.asks or scope.words == 0):
        scope.add(
            Hours,
            tag,
            soft=scope.may or scope.after == "ok",
            firm=scope.odd,
            allowed=not scope.odd,
            weekdays=_ordered(tag.value),
        )


def _ordered(days: frozenset[str]) -> tuple[str, ...]:
    return tuple(day for day in WEEKDAYS if day in days)


def read_next_span(scope: Scope, tag: Tag, i: int) -> None:
    until = scope.context.now + tag.value
    if scope.odd:
        scope.add(Start, tag, bound="earliest", time=until)
    else:
        _finish_or_start_by(scope, tag, scope.anchor, until)


def _is_needed(scope: Scope, tag: Tag, i: int) -> bool:
    """ "4 GPUs for six hours", "a 5 hour job", "6 GPUs. 9 hours.": a length that bounds nothing is the job's."""
    if scope.odd or scope.anchor in {"WAIT", "FINISH", "START"} or scope.strong() is not None:
        return False
    if any(known.type == "IN" for known in scope.relations):
        return False
    facts = scope.types & {"GPUS", "ENERGY", "GPU", "FACT"}
    if not all(known.word == "over" and "ENERGY" in scope.types for known in scope.comparisons):
        return False
    following = follows(scope.tags, i)
    before = scope.tags[i - 1].word if i else ""
    is_a_job = following is not None and (following.word in _JOB or (following.word == "of" and not facts))
    last = scope.context.last
    waits = last is not None and (last.free or last.anchor == "WAIT")
    waits = waits or any(known.word in _HAVING for known in scope.tags)
    is_listed = not waits and len(scope.values) == 1 and scope.types <= {"SPAN", "GLUE", "P", "AT"}
    around = (*scope.tags[max(0, i - 1) : i], *scope.tags[i + 1 : i + 2])
    is_apart = bool(scope.words) and i > 0 and all(known.word in {",", "-", "(", ")"} for known in around)
    return bool(facts) or is_a_job or before in {"of", "need", "needs"} or is_listed or is_apart


def read_span(scope: Scope, tag: Tag, i: int) -> None:
    anchor, relation = scope.anchor, scope.strong()
    until = scope.context.now + tag.value
    bound = scope.comparisons[-1] if scope.comparisons else scope.ahead(i, 4, _AT_MOST | {"GE"})
    at_most = bound is not None and bound.type in ({"GE", "MORE"} if scope.odd else _AT_MOST)
    within = any(known.word in {"within", "inside"} for known in (*scope.comparisons, *scope.relations))
    ahead = scope.ahead(i, 2, _ENDS)
    within |= ahead is not None and ahead.word == "turnaround"
    is_least = bound is not None and bound.type == ("LESS" if scope.odd else "GE")
    before = scope.context.before
    pauses = bool((scope.types | (before.types if before else frozenset())) & {"PAUSE", "ONEGO", "PAUSABLE"})
    if ("STRETCH" in scope.types and not at_most) or (is_least and pauses):
        scope.add(Pausing, tag, allowed=True, min_run_minutes=max(1, round(tag.value.total_seconds() / 60)))
    elif (
        scope.takes
        or (anchor == "RUN" and not scope.odd and any(r.word in {"for", "about"} for r in scope.relations))
        or _is_needed(scope, tag, i)
    ):
        scope.add(JobFacts, tag, duration_minutes=max(1, round(tag.value.total_seconds() / 60)))
    elif anchor == "WAIT":
        scope.add(Start, tag, bound="latest" if at_most else "earliest", time=until)
    elif at_most or within:
        _finish_or_start_by(scope, tag, anchor, until)
    elif scope.relations and scope.relations[-1].type == "IN":
        if anchor == "FINISH":
            scope.add(Finish, tag, time=until)
        else:
            scope.add(Start, tag, bound="earliest", time=until)
    elif relation is not None and relation.type == "AFTER" and scope.odd:
        return  # "not longer than 10 hours": of what, nobody said
    elif relation is not None and relation.type == "AFTER":
        scope.add(Start, tag, bound="earliest", time=until)
    elif not scope.must:
        tag.used = True
