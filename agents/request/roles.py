"""What a value of a text can be: the constraints that it makes in each role."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import pairwise, takewhile
from typing import Any, TypeAlias

from agents.constraints import (
    WEEKDAYS,
    CarbonIntensity,
    CarbonTotal,
    Constraint,
    CostTotal,
    Finish,
    Hardware,
    Hours,
    JobFacts,
    Pausing,
    PricePerKwh,
    Region,
    RenewableShare,
    Said,
    Saving,
    Site,
    Start,
)
from agents.request import times
from agents.request.times import ClockRange, Point
from agents.request.tokens import Tag
from tools.slots import UK

Made: TypeAlias = tuple[type[Said], dict[str, object]]
"""A kind of constraint and its values."""
Maker: TypeAlias = Callable[[Tag, datetime], Sequence[Made]]

CONTRARIES: Mapping[str, tuple[str, ...]] = {
    "on": ("not_on",),
    "not_on": ("on",),
    "by": ("from", "after"),
    "before": ("from", "after"),
    "from": ("by", "before", "start_by"),
    "after": ("by", "before"),
    "start_by": ("from",),
    "share": ("rest",),
    "rest": ("share",),
}
"""Roles that would ask for the opposite."""
_MAKERS = frozenset({"nvidia", "amd"})
SIDES = {"LE": "<>", "GE": "><", "LESS": "<>", "MORE": "><"}
"""What a comparison bounds as it stands, and where it is denied."""
_NEAR = 4
"""Tags within which a comparison is an amount's."""
NONE = "none"
"""The value is no limit of this job."""
OF = "of"
"""The day is that of hours or a clock said elsewhere: "on Monday the line is down, so not from 8 to 11"."""


def can_be(tag: Tag) -> Mapping[str, Maker]:
    """The roles that a tag can have; empty for what is no value."""
    if tag.type == "UNCLEAR" and not isinstance(tag.value, frozenset):
        return {}
    if tag.type == "INSTANT":
        return _DAY if tag.value.is_whole_day else _CLOCK
    return _ROLES.get(tag.type, {})


def made(tag: Tag, role: str, now: datetime, quote: str = "-", strength: str = "must") -> list[Constraint]:
    """The constraints that a value makes in a role, seen from `now` (UK time); none where it makes no sense."""
    said = {"quote": quote, "strength": strength}
    try:
        found: list[Any] = [kind.model_validate({**said, **values}) for kind, values in can_be(tag)[role](tag, now)]
    except (OverflowError, ValueError):
        return []
    return found


def on_day(tag: Tag, day: Tag) -> Tag | None:
    """Hours or a clock on a day that was said apart; None where they have one, or make no sense together."""
    said = tag.value
    found: object = None
    if tag.type.startswith("RANGE"):
        if day.type == "DAYS":
            found = times.on_days(said, frozenset(day.value))
        elif not (said[0].instant or said[0].days):
            found = times.on_day(said, day.value)
    elif tag.type == "INSTANT" and day.type == "INSTANT" and said.clock and not (said.day or said.instant):
        found = times.joined(day.value, said)
    return None if found is None else replace(tag, value=found)


def is_contradicted(tags: Sequence[Tag], i: int, role: str) -> bool:
    """Whether a comparison before the amount bounds it from the other side: "at least £5" is no cap."""
    side = {"cap": ">", "cap_kwh": ">", "cap_mean": ">", "share": "<"}.get(role)
    if side is None:
        return False
    for at in range(i - 1, max(-1, i - _NEAR), -1):
        if tags[at].type in SIDES:
            before = reversed(tags[max(0, at - _NEAR) : at])
            clause = list(takewhile(lambda tag: tag.type != "P" and not can_be(tag), before))
            if any(tag.word in {"if", "unless", "should", "where", "when", "whenever"} for tag in clause):
                return False
            denied = any(tag.type in {"NEG", "NOR", "OUT"} for tag in clause)
            return tags[at].type in {"GE", "LE"} and SIDES[tags[at].type][denied] == side
        if can_be(tags[at]) or tags[at].type == "P":
            return False
    return False


def _finish(side: times.Side) -> Maker:
    return lambda tag, now: [(Finish, {"time": times.resolve(tag.value, now, side)})]


def _start(bound: str, side: times.Side) -> Maker:
    return lambda tag, now: [(Start, {"bound": bound, "time": times.resolve(tag.value, now, side)})]


def _on_day(*, allowed: bool) -> Maker:
    """ "Not on Thursday" is every Thursday; "not tomorrow" is one day."""

    def make(tag: Tag, now: datetime) -> Sequence[Made]:
        said: Point = tag.value
        if said.part:
            return hours(times.part_range(said), now, allowed=allowed)
        if said.day is None:
            return []
        every = not allowed and [part.type for part in tag.parts] == ["WEEKDAY"]
        on = {"weekdays": (WEEKDAYS[said.day.weekday()],)} if every else {"dates": (said.day,)}
        return [(Hours, {"allowed": allowed, **on})]

    return make


def hours(said: ClockRange, now: datetime, *, allowed: bool) -> list[Made]:
    """A range of a day by its clock; a longer one as a start and a finish, or as the days that it takes."""
    window = times.window(said, now)
    if window is None:
        return []
    start, end = window
    edges = [start, end]
    days: list[dict[str, object]] = [{"dates": (start.date(),)}]
    if not (said[0].day or said[0].instant):
        days = [{"weekdays": tuple(day for day in WEEKDAYS if day in said[0].days)}]
    elif end - start > timedelta(hours=25) and allowed:
        return [(Start, {"bound": "earliest", "time": start}), (Finish, {"time": end})]
    elif end - start > timedelta(hours=25):
        nights = [datetime.combine(start.date() + timedelta(days=ahead), time(), UK) for ahead in range(1, 32)]
        edges = [start, *(night for night in nights if night < end), end]
        days = [{"dates": (edge.date(),)} for edge in edges[:-1]]
    clocks = [edge.time().replace(fold=0) for edge in edges]
    found: list[Made] = []
    for on, (first, last) in zip(days, pairwise(clocks), strict=True):
        between = {} if first == last == time() else {"start": first, "end": last}
        found.append((Hours, {"allowed": allowed, **between, **on}))
    return found


def _within(*, allowed: bool) -> Maker:
    return lambda tag, now: hours(tag.value, now, allowed=allowed)


def _edge(kind: type[Said], edge: int, **values: object) -> Maker:
    def make(tag: Tag, now: datetime) -> Sequence[Made]:
        window = times.window(tag.value, now)
        return [] if window is None else [(kind, {"time": window[edge], **values})]

    return make


def _begins_within(tag: Tag, now: datetime) -> Sequence[Made]:
    return [*_edge(Start, 0, bound="earliest")(tag, now), *_edge(Start, 1, bound="latest")(tag, now)]


def _weekdays(*, allowed: bool) -> Maker:
    return lambda tag, _: [(Hours, {"allowed": allowed, "weekdays": tuple(d for d in WEEKDAYS if d in tag.value)})]


def _named(kind: type[Said], field: str, value: Callable[[Tag], object], *, allowed: bool) -> Maker:
    return lambda tag, _: [(kind, {field: value(tag), "allowed": allowed})]


def _either(kind: type[Said], field: str, value: Callable[[Tag], object]) -> dict[str, Maker]:
    return {
        "on": _named(kind, field, value, allowed=True),
        "not_on": _named(kind, field, value, allowed=False),
    }


def _amount(kind: type[Said], field: str, **values: object) -> Maker:
    return lambda tag, _: [(kind, {field: tag.value, **values})]


def _nothing(_tag: Tag, _now: datetime) -> Sequence[Made]:
    return []


def _rest(tag: Tag, _: datetime) -> Sequence[Made]:
    """ "At most 30 % fossil": the rest is renewable."""
    return [(RenewableShare, {"min_pct": 100 - tag.value})]


def _after(kind: type[Said], **values: object) -> Maker:
    return lambda tag, now: [(kind, {"time": now + tag.value, **values})]


def _minutes(kind: type[Said], field: str, **values: object) -> Maker:
    return lambda tag, _: [(kind, {field: max(1, round(tag.value.total_seconds() / 60)), **values})]


def _pauses(fewer: int) -> Maker:
    def make(tag: Tag, _: datetime) -> Sequence[Made]:
        most = int(tag.value) - fewer
        return [(Pausing, {"allowed": True, "max_pauses": most} if most else {"allowed": False})]

    return make


def _gpus(tag: Tag, _: datetime) -> Sequence[Made]:
    """ "8 H100s" names the model too."""
    if tag.value < 1:
        return []
    model = next((part for part in tag.parts if part.type == "GPU"), None)
    named: list[Made] = [] if model is None else [(Hardware, {"gpu_model": gpu_model(model), "allowed": True})]
    return [(JobFacts, {"gpus": int(tag.value)}), *named]


def gpu_model(tag: Tag) -> str:
    """As written, without the maker's name and the plural of "H100s"."""
    parts = [part for part in tag.parts if part.word not in _MAKERS]
    words = (f"{'' if part.glued else ' '}{part.value if part.type == 'W' else part.word}" for part in parts)
    text = "".join(words).strip()
    text = text.removesuffix("s") if tag.word != "l 40 s" and len(tag.parts) > 1 else text
    text = f"RTX {text}" if text.isdigit() else text
    return text.upper() if any(letter.isdigit() for letter in text) else text


_BOUNDS: dict[str, Maker] = {
    "by": _finish("late"),
    "from": _start("earliest", "early"),
    "start_by": _start("latest", "late"),
}
_CLOCK = _BOUNDS | {"at": _start("exact", "early")}
_DAY = _BOUNDS | {
    "before": _finish("early"),
    "after": _start("earliest", "late"),
    "start_before": _start("latest", "early"),
    "on": _on_day(allowed=True),
    "not_on": _on_day(allowed=False),
    OF: _nothing,
}
_LENGTH: dict[str, Maker] = {
    "by": _after(Finish),
    "from": _after(Start, bound="earliest"),
    "start_by": _after(Start, bound="latest"),
    "takes": _minutes(JobFacts, "duration_minutes"),
    "stretch": _minutes(Pausing, "min_run_minutes", allowed=True),
}
_MONEY: dict[str, Maker] = {
    "cap": _amount(CostTotal, "max_gbp"),
    "cap_kwh": _amount(PricePerKwh, "max_gbp_per_kwh"),
    "cap_mean": _amount(PricePerKwh, "max_gbp_per_kwh", basis="mean"),
    "saving": _amount(Saving, "amount", unit="gbp"),
}
_ROLES: dict[str, dict[str, Maker]] = {
    "RANGE": {
        "on": _within(allowed=True),
        "not_on": _within(allowed=False),
        "start_in": _begins_within,
        "from": _edge(Start, 0, bound="earliest"),
        "by": _edge(Finish, 1),
    },
    "RANGEBARE": {"on": _within(allowed=True), "not_on": _within(allowed=False)},
    "DAYS": {"on": _weekdays(allowed=True), "not_on": _weekdays(allowed=False), OF: _nothing},
    "PLACE": _either(Region, "regions", lambda tag: tuple(tag.value)),
    "UNCLEAR": _either(Region, "regions", lambda tag: tuple(tag.value)),
    "SITE": _either(Site, "sites", lambda tag: (tag.value,)),
    "GPU": _either(Hardware, "gpu_model", gpu_model),
    "MONEY": _MONEY,
    "RATE": {name: _MONEY[name] for name in ("cap_kwh", "cap_mean")},
    "MASS": {
        "cap": _amount(CarbonTotal, "max_g"),
        "cap_kwh": _amount(CarbonIntensity, "max_g_per_kwh"),
        "saving": _amount(Saving, "amount", unit="g"),
    },
    "GKWH": {"cap_kwh": _amount(CarbonIntensity, "max_g_per_kwh")},
    "PCT": {
        "share": _amount(RenewableShare, "min_pct"),
        "rest": _rest,
        "saving": _amount(Saving, "amount", unit="pct"),
    },
    "SPAN": _LENGTH,
    "NEXTSPAN": _LENGTH,
    "COUNT": {"most": _pauses(0), "fewer": _pauses(1)},
    "NUM": {
        "cap": _amount(CostTotal, "max_gbp"),
        "cap_kwh": _amount(CarbonIntensity, "max_g_per_kwh"),
        "share": _amount(RenewableShare, "min_pct"),
        "most": _pauses(0),
    },
    "ENERGY": {"takes": _amount(JobFacts, "energy_kwh")},
    "GPUS": {"takes": _gpus},
}
ROLES: tuple[str, ...] = (NONE, *sorted({*_DAY, *_CLOCK}.union(*_ROLES.values())))
