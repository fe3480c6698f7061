"""Limits and wishes in an English request, read without a model: what bears a limit's marks and is not read is told.

tokens → tags of the lexicon → values, by rules → what each value is, by the network → constraints. When unsure it does
not guess.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from agents.constraints import WEEKDAYS, Constraint, Hours, Pausing, Preference
from agents.request import times
from agents.request.contradictions import contradictions
from agents.request.language import is_english
from agents.request.lexicon import tagged
from agents.request.merging import Found, merged
from agents.request.network import TELL, WISHES, Judgement, network
from agents.request.roles import CONTRARIES, NONE, OF, SIDES, can_be, is_contradicted, made, on_day
from agents.request.sentences import part, quotations, quote, sentence, sentences
from agents.request.tokens import Tag, tokens
from agents.request.values import LIMITS, valued
from tools.slots import UK

SURE = 0.8
"""Probability from which a role is taken."""
CONTRARY = 0.02
"""Probability of what is contrary to a role from which it is not taken."""
NO_LIMIT = 0.9
"""Probability of `NONE` from which a value is passed over in silence."""
ASKED = 0.5
"""Probability from which a wish without a value, or something that cannot be said, is taken to be asked."""
_REMEMBERED = 256
"""Readings kept: several nodes of a run read the same request."""
LONGEST = 600
"""Tokens that are read; no person asks for so much, and it bounds the time that any text takes."""
NOT_REACHED = "The request is too long: nothing was read from “{}” on."
NOT_ENGLISH = "The request is not in English: it was not read."
_A_NAME = 2
"""Tags of a name or value that is only put in quotation marks."""
_TOLD = LIMITS - {"COUNT"}


@dataclass(frozen=True)
class Reading:
    """What a text says, and which parts of it bear a limit's marks and were not understood."""

    constraints: tuple[Constraint, ...]
    not_understood: tuple[str, ...] = ()
    is_english: bool = True
    tags: tuple[Tag, ...] = field(default=(), repr=False)
    judgement: Judgement | None = field(default=None, repr=False)
    """What the network made of the tags."""


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
    if not is_english(split):
        return Reading((), (NOT_ENGLISH,), is_english=False)
    tags = values_of(split, now, sites)
    judgement = network().judge(tags)
    foreign = [*_foreign(text, tags), *_quoted(text, tags)]
    own = [not any(start <= tag.start < end for start, end in foreign) for tag in tags]
    roles = [_role(tags, i, likely) if own[i] else NONE for i, likely in enumerate(judgement.roles)]
    found = [*_limits(text, tags, judgement, roles, now), *_wishes(text, tags, judgement, own)]
    doubted = [item for pair in contradictions(found, text) for item in pair]
    found = [item for item in found if item not in doubted]
    told = [text[start:end].strip("\"'“”‘’«» ") for start, end in foreign if _bears_value(tags, start, end)]
    told += [text[item.start : item.end] for item in doubted]
    left = [
        i
        for i, (tag, role) in enumerate(zip(tags, roles, strict=True))
        if own[i] and not (_is_quoted_by(found, tag) and (role != NONE or not can_be(tag)))
    ]
    told += _untold(text, tags, judgement, left, told)
    told += [NOT_REACHED.format(text[rest.start :].split("\n")[0][:60])] if rest else []
    return Reading(tuple(merged(found, text)), tuple(dict.fromkeys(told)), tags=tuple(tags), judgement=judgement)


def values_of(split: list[Tag], now: datetime, sites: Sequence[str] = ()) -> list[Tag]:
    """The tags of a text's tokens, with its values; `now` in UK time."""
    tags = valued(tagged(split, sites), now.date())
    for tag in tags:
        if tag.type == "AHEAD":
            tag.type, tag.value = "INSTANT", times.Point(instant=now + tag.value)
    return tags


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


def _limits(
    text: str, tags: Sequence[Tag], judgement: Judgement, roles: Sequence[str], now: datetime
) -> Iterator[Found]:
    """What the values ask for."""
    for i, (tag, (start, end)) in _on_their_days(text, tags, roles).items():
        role = roles[i]
        types = {known.type for known in tags[slice(*sentence(tags, i))]}
        vague = role == "on" and _is_vague(tag) and not types & {"ONLY", "MUST"}
        strength = "should" if vague or judgement.wish[i] > ASKED else "must"
        for said in made(tag, role, now, text[start:end], strength):
            if isinstance(said, Hours) and said.allowed and "ONLY" in types:
                said = _recurring(said, tag)
            yield Found(said, start, end)


def _recurring(said: Hours, tag: Tag) -> Hours:
    """ "Only between 2 and 4" is every day, "Sunday only" every Sunday."""
    if not (said.dates or said.weekdays):
        return said.model_copy(update={"recurs": True})
    if said.start is None and len(said.dates) == 1 and [part.type for part in tag.parts] == ["WEEKDAY"]:
        return said.model_copy(update={"weekdays": (WEEKDAYS[said.dates[0].weekday()],), "dates": ()})
    return said


def _role(tags: Sequence[Tag], i: int, likely: Mapping[str, float]) -> str:
    role = max(likely, key=likely.__getitem__, default=NONE)
    contrary = sum(likely.get(other, 0.0) for other in CONTRARIES.get(role, ()))
    unsure = role == NONE or likely[role] < SURE or contrary >= CONTRARY
    return NONE if unsure or is_contradicted(tags, i, role) else role


def _on_their_days(text: str, tags: Sequence[Tag], roles: Sequence[str]) -> dict[int, tuple[Tag, tuple[int, int]]]:
    """By position the tags that have a role, and their quotes; hours with the day that was said apart from them."""
    found = {i: (tags[i], quote(text, tags, part(tags, i))) for i, role in enumerate(roles) if role != NONE}
    for at in (i for i in found if roles[i] == OF):
        day, its = found[at]
        first, last = sentence(tags, at)
        hours = [i for i in found if on_day(tags[i], day)]
        near = [i for i in hours if first <= i < last] or sorted(hours, key=lambda i: abs(i - at))[:1]
        for i in near:
            tag, quoted = found[i]
            found[i] = (on_day(tag, day) or tag, (min(quoted[0], its[0]), max(quoted[1], its[1])))
    return found


def _is_vague(tag: Tag) -> bool:
    """A bare time word, such as "tonight" or "overnight"."""
    said = tag.value[0] if tag.type.startswith("RANGE") else tag.value
    return isinstance(said, times.Point) and said.vague


def _wishes(text: str, tags: Sequence[Tag], judgement: Judgement, own: Sequence[bool]) -> Iterator[Found]:
    """What is asked for without a value, in the writer's own words."""
    for name in WISHES:
        likely, at = judgement.whole[name]
        if likely < ASKED or not own[at]:
            continue
        start, end = quote(text, tags, part(tags, at))
        words: Any = {"quote": text[start:end]}
        if name in {"pausing", "in_one_go"}:
            hedged = any(tag.type == "HEDGE" for tag in tags[slice(*sentence(tags, at))])
            words["strength"] = "should" if hedged else "must"
            said: Constraint = Pausing(allowed=name == "pausing", **words)
        else:
            said = Preference(first=name, **words)
        yield Found(said, start, end)


def _foreign(text: str, tags: Sequence[Tag]) -> Iterator[tuple[int, int]]:
    """Where the sentences stand that are not English."""
    for span in sentences(tags):
        start, end = quote(text, tags, span)
        if not is_english(tokens(text[start:end])):
            yield start, end


def _quoted(text: str, tags: Sequence[Tag]) -> Iterator[tuple[int, int]]:
    """Where more than a name or a value is in quotation marks: somebody's words."""
    for start, end in quotations(text):
        if sum(start <= tag.start < end for tag in tags) > _A_NAME:
            yield start, end


def _bears_value(tags: Sequence[Tag], start: int, end: int) -> bool:
    return any(tag.type in _TOLD for tag in tags if start <= tag.start < end)


def _is_quoted_by(found: Sequence[Found], tag: Tag) -> bool:
    return any(item.start <= tag.start < item.end for item in found)


def _untold(
    text: str, tags: Sequence[Tag], judgement: Judgement, left: Sequence[int], told: Sequence[str]
) -> Iterator[str]:
    """The sentences with a value that may be a limit and was left, or with something that cannot be said."""
    for i in left:
        likely = judgement.roles[i]
        unread = (bool(likely) or tags[i].type in _TOLD) and likely.get(NONE, 0.0) < NO_LIMIT
        unread |= tags[i].type == "NUM" and i > 0 and tags[i - 1].type in SIDES  # "under 5": five of what was not said
        said = _sentence(text, tags, i) if unread else ""
        if unread and not any(known in said for known in told):
            yield said
    asked, at = judgement.whole[TELL]
    if tags and asked >= ASKED:
        yield _sentence(text, tags, at)


def _sentence(text: str, tags: Sequence[Tag], i: int) -> str:
    start, end = quote(text, tags, sentence(tags, i))
    return text[start:end].strip()
