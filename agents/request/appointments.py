"""A clock time and a day that stand apart in one clause are one instant: "the 9 o'clock stand-up on Thursday"."""

from agents.request import times
from agents.request.clauses import Clause
from agents.request.times import Point
from agents.request.tokens import Tag


def settle_appointments(parts: list[Clause]) -> None:
    """Join what belongs together, in place."""
    for before, clause in zip([None, *parts], parts, strict=False):
        _join(clause)
        if before is not None and before.sentence == clause.sentence:
            _take_day(before, clause)


def _timed(tags: list[Tag]) -> list[Tag]:
    return [tag for tag in tags if tag.type == "INSTANT" and _is_clock(tag.value)]


def _dated(tags: list[Tag]) -> list[Tag]:
    return [tag for tag in tags if tag.type == "INSTANT" and tag.value.day and tag.value.is_whole_day]


def _is_clock(said: Point) -> bool:
    return bool(said.clock) and said.day is None and said.instant is None


def _join(clause: Clause) -> None:
    tags = clause.tags
    timed, dated = _timed(tags), _dated(tags)
    if len(timed) != 1 or len(dated) != 1 or any(tag.type in {"RANGE", "DAYS"} for tag in tags):
        return
    first, last = sorted(next(i for i, tag in enumerate(tags) if tag is one) for one in (timed[0], dated[0]))
    between = tags[first + 1 : last]
    if any(tag.type in {"NEG", "NOR", "OUT", "UNTIL", "AFTER"} or tag.word in {"or", "and", "but"} for tag in between):
        return
    if (joined := times.joined(dated[0].value, timed[0].value)) is None:
        return
    if dated[0].start < timed[0].start and not any(tag.type in {"BY", "BEFORE"} or tag.word == "'s" for tag in between):
        dated[0].value, timed[0].type = joined, "GLUE"
        return
    timed[0].value, dated[0].type = joined, "GLUE"
    timed[0].parts = (*timed[0].parts, dated[0])


def _take_day(before: Clause, clause: Clause) -> None:
    """ "On Thursday, in time for the 4pm handover"."""
    dated, timed = _dated(before.tags), _timed(clause.tags)
    if clause.joined_by != "," or len(dated) != 1 or len(timed) != 1 or clause.tags[0].type not in {"BEFORE", "BY"}:
        return
    timed[0].value = times.joined(dated[0].value, timed[0].value) or timed[0].value
