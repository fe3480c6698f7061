"""Which role each value of a labelled request has: what the network is taught."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.constraints import WEEKDAYS, Constraint
from agents.request.network import TELL, WHOLE, WISHES
from agents.request.reader import values_of
from agents.request.roles import NONE, OF, can_be, made
from agents.request.tokens import Tag, tokens
from tests.unit.agents.request.labels import SITES, Labelled, label, weekday_of

WISH_LABELS = {
    **{name: f"pref={name}" for name in WISHES},
    "cost_only": "costonly",
    "pausing": "pause=yes",
    "in_one_go": "pause=no",
}
_FACTS = {"ENERGY", "GPUS"}
"""Facts of the job, which many authors' labels do not name: the verb before decides."""


@dataclass(frozen=True)
class Gold:
    """A label without its strength."""

    key: str
    value: str
    required: bool
    wish: bool | None
    """None where either strength is right."""

    @property
    def named(self) -> frozenset[str]:
        return frozenset(self.value.split(","))

    def __str__(self) -> str:
        return f"{self.key}={self.value}" if self.value else self.key


@dataclass(frozen=True)
class Taught:
    tags: tuple[Tag, ...]
    roles: tuple[str | None, ...]
    """By tag; None where nothing is to be learnt."""
    wishes: tuple[bool | None, ...]
    whole: tuple[bool | None, ...]
    """By `WHOLE`."""
    unmatched: frozenset[str]
    """Required labels that no value can become."""


def taught(case: Labelled, *, names_facts: bool = False) -> Taught:
    """`names_facts`: its author's labels name the energy and the GPUs that the job needs."""
    tags = values_of(tokens(case.text), case.now, SITES)
    golds = list(_golds(case))
    matched: set[Gold] = set()
    roles: list[str | None] = []
    wishes: list[bool | None] = []
    for i, tag in enumerate(tags):
        role, gold = _role(tags, i, golds, matched, case.now)
        if tag.type in _FACTS and not names_facts:
            role, gold = ("takes" if role == "takes" or _is_fact(tags, i) else NONE), None
        roles.append(role if can_be(tag) else None)
        wishes.append(gold.wish if gold is not None and gold.required else None)
    wanted = {str(gold): gold for gold in golds}
    whole: list[bool | None] = []
    for name in WISHES:
        gold = wanted.get(WISH_LABELS[name])
        whole.append(False if gold is None else True if gold.required else None)
    if any(gold.key in {"pauses", "stretch"} for gold in golds):
        whole[WISHES.index("pausing")] = None
    unmatched = frozenset(
        str(it) for it in golds if it.required and it not in matched and str(it) not in WISH_LABELS.values()
    )
    whole.append(case.must_tell or bool(unmatched))
    assert (*WISHES, TELL) == WHOLE
    return Taught(tuple(tags), tuple(roles), tuple(wishes), tuple(whole), unmatched)


def _golds(case: Labelled) -> Iterator[Gold]:
    bare = {text.lstrip("~") for text in case.required | case.accepted}
    for text in sorted(bare):
        forms = {form for form in case.required | case.accepted if form.lstrip("~") == text}
        key, _, value = text.partition("=")
        wish = None if len(forms) > 1 else next(iter(forms)).startswith("~")
        yield Gold(key, value, bool(forms & case.required), wish)


def _role(
    tags: Sequence[Tag], i: int, golds: Sequence[Gold], matched: set[Gold], now: datetime
) -> tuple[str | None, Gold | None]:
    tag = tags[i]
    hits: list[tuple[str, Gold]] = []
    for role in can_be(tag):
        said = made(tag, role, now)
        hits += [(role, gold) for gold in golds if any(_fits(one, gold, now) for one in said)]
    parts = _parts_of_sets(tags, tag, golds) or _parts_of_instants(tags, tag, golds, now)
    hits += [(role, gold) for role, gold in parts if role in can_be(tag)]
    if not hits:
        return NONE, None
    role, gold = min(hits, key=lambda hit: (not hit[1].required, hit[1] in matched))
    matched.update(one for known, one in hits if known == role)
    return (role, gold) if gold.required else (None, None)


def _is_fact(tags: Sequence[Tag], i: int) -> bool:
    before = [tag for tag in tags[max(0, i - 4) : i] if tag.type != "GLUE"]
    return not before or any(
        tag.type in {"TAKES", "RUN", "P", "MUST"} or tag.word in {"on", "with", "for", "needs", "need", "uses", "of"}
        for tag in before[-2:]
    )


def _fits(said: Constraint, gold: Gold, now: datetime) -> bool:
    """Whether it is what the label says, or a part of it."""
    for text in label(said, now).lstrip("~").split("; "):
        key, _, value = text.partition("=")
        if key == gold.key and _FITTING.get(key.removeprefix("not"), str.__eq__)(value, gold.value):
            return True
    return False


def _is_part(value: str, wanted: str) -> bool:
    return set(value.split(",")) <= set(wanted.split(","))


def _is_within(value: str, wanted: str) -> bool:
    """A window's day may stand elsewhere than its clock."""
    (clock, _, on), (hours, _, day) = value.partition("@"), wanted.partition("@")
    return clock == hours or (clock == "00:00-00:00" and bool(day) and day in {on, weekday_of(on)})


def _is_model(value: str, wanted: str) -> bool:
    return value.lower().replace(" ", "") == wanted.lower().replace(" ", "")


_BOUNDS = {"fb": "by", "nb": "from", "sb": "start_by", "at": "at"}
_FITTING = {
    **dict.fromkeys(("allow", "excl", "site", "days"), _is_part),
    "win": _is_within,
    "gpu": _is_model,
}


def _parts_of_sets(tags: Sequence[Tag], tag: Tag, golds: Sequence[Gold]) -> list[tuple[str, Gold]]:
    """A day of a label's set of days or hours; "England" of "in England but not in London"."""
    hits: list[tuple[str, Gold]] = []
    days = _days_of(tag)
    for gold in golds:
        role = "not_on" if gold.key.startswith("not") else "on"
        if gold.key == "notwin" and not gold.value.startswith("00:00-00:00"):
            role = OF
        if days and gold.key in {"days", "notdays"} and days <= gold.named:
            hits.append((role, gold))
        on = gold.value.partition("@")[2]
        if days and gold.key in {"win", "notwin"} and on and (days == set(on.split(",")) or days == {weekday_of(on)}):
            hits.append((role, gold))
    return hits + (_parts_of_regions(tags, tag, golds) if tag.type in {"PLACE", "UNCLEAR"} else [])


def _parts_of_instants(tags: Sequence[Tag], tag: Tag, golds: Sequence[Gold], now: datetime) -> list[tuple[str, Gold]]:
    """The clock and the day of an instant, said apart."""
    hits: list[tuple[str, Gold]] = []
    instants = [known for known in tags if known.type == "INSTANT"]
    days = {str(known.value.day) for known in instants if known.value.is_whole_day and known is not tag}
    clocks = {clock for known in instants if known is not tag for clock in _clocks(known, now)}
    for gold in golds:
        day, _, clock = gold.value.partition("T")
        if tag.type != "INSTANT" or gold.key not in _BOUNDS:
            continue
        if clock in _clocks(tag, now) and day in days:
            hits.append((_BOUNDS[gold.key], gold))
        elif tag.value.is_whole_day and str(tag.value.day) == day and clock in clocks:
            hits.append((OF, gold))
    return hits


def _clocks(tag: Tag, now: datetime) -> set[str]:
    """Of an instant without a day."""
    if not tag.value.clock or tag.value.day or tag.value.instant:
        return set()
    return {label(said, now)[-5:] for said in made(tag, "by", now)}


def _days_of(tag: Tag) -> frozenset[str]:
    if tag.type == "DAYS":
        return frozenset(tag.value)
    if tag.type.startswith("RANGE"):
        return tag.value[0].days
    is_day = tag.type == "INSTANT" and tag.value.is_whole_day and tag.value.day
    return frozenset({WEEKDAYS[tag.value.day.weekday()]}) if is_day else frozenset()


def _parts_of_regions(tags: Sequence[Tag], tag: Tag, golds: Sequence[Gold]) -> list[tuple[str, Gold]]:
    if not isinstance(tag.value, frozenset):
        return []
    mine = frozenset(tag.value)
    others = [frozenset(known.value) for known in tags if known.type == "PLACE" and known is not tag]
    hits: list[tuple[str, Gold]] = []
    for gold in golds:
        if gold.key not in {"allow", "excl"}:
            continue
        same, opposite = ("on", "not_on") if gold.key == "allow" else ("not_on", "on")
        regions = frozenset(map(int, gold.named))
        if regions < mine and (gold.key == "allow" or any(mine - regions == other for other in others)):
            hits.append((same, gold))
        elif not mine & regions and any(other >= regions | mine for other in others):
            hits.append((opposite, gold))
    return hits
