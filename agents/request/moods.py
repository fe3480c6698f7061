"""What a clause asks for without a value: pauses, what matters most, and what "there" and "then" refer to."""

from collections.abc import Sequence
from dataclasses import replace

from agents.constraints import Pausing, Preference
from agents.request.lexicon import group
from agents.request.meanings import read_value
from agents.request.scope import Scope
from agents.request.tokens import Tag

_MIND = ("mind", "matter", "bothered", "happy", "problem", "fussed")
_RANKS = group("RANKS")
_RANKED = {"CHEAPEST": "COST", "GREENEST": "CARBON", "RENEW": "CARBON", "CARBON": "CARBON", "COST": "COST"}
_SPOKEN_OF = frozenset({"CARBON", "COST", "BEFORE", "VERSUS", "CHEAPEST", "GREENEST"})
_SIDES = {"green": "CARBON", "greener": "CARBON", "greener than": "CARBON", "cleaner than": "CARBON"}
_SIDES |= {"cheap": "COST", "cheaper": "COST", "cheaper than": "COST", "dearer": "COST"}
_SAME = {"CARBON": {"CARBON", "GREENEST"}, "COST": {"COST", "CHEAPEST"}}
_MEASURES = frozenset({"CARBON", "INTENSITY", "COST", "RENEW"})
_WEIGHED = (
    "cost_only: NOTCARE CARBON", "cost_only: CARBON NOMATTER", "cost_only: CARBON FREE",
    "carbon: NOTCARE COST", "carbon: COST NOMATTER", "carbon: COST FREE",
    "cost: CARBON LESSMATTER", "carbon: COST LESSMATTER", "carbon: CARBON MATTER", "cost: COST MATTER",
    "renewables: RENEW MATTER",
)  # fmt: skip
_MINIMISED = (
    "carbon: MINIMISE CARBON", "carbon: CARBON MINIMISE", "carbon: MINIMISE INTENSITY", "carbon: INTENSITY MINIMISE",
    "cost: MINIMISE COST", "cost: COST MINIMISE",
)  # fmt: skip
_NEAR = 5
"""Tags within which two words belong together."""


def read_moods(scope: Scope) -> None:
    """Add what the clause's words ask for beside its values."""
    _pauses(scope)
    types = scope.types
    if "EARLIEST" in types and not scope.values:
        scope.keep(Preference, scope.first("EARLIEST"), first="soon")
    if "PAUSE" in types and not scope.found and not scope.free:
        scope.tell()
    is_choice = types & {"COST", "CARBON", "GREENEST", "CHEAPEST", "MINIMISE", "NOTCARE", "NOMATTER"}
    if scope.free and not is_choice:
        return
    if "RENEW" in types and types & {"ONLY", "MUST"} and not scope.found and "PCT" not in types:
        scope.tell()
    if "FOSSIL" in types and not scope.found and not scope.is_content:
        scope.tell()
    _then(scope)
    for first, kind in _preferences(scope):
        _prefer(scope, first, kind)


def _pauses(scope: Scope) -> None:
    types = scope.types
    if any(isinstance(found.constraint, Pausing) and found.constraint.min_run_minutes for found in scope.found):
        return
    if "ONEGO" in types:
        scope.add(Pausing, scope.first("ONEGO"), allowed=scope.negated)
    elif "PAUSABLE" in types and not any(tag.word == "broken" for tag in scope.tags):
        scope.add(Pausing, scope.first("PAUSABLE"), allowed=not scope.negated)
    elif "PAUSE" in types and not any(found.constraint.kind == "pausing" for found in scope.found):
        _pause(scope, scope.first("PAUSE"))


def _pause(scope: Scope, tag: Tag) -> None:
    earlier = [known for known in scope.tags if known.start < tag.start]
    before = scope.context.before
    unminded = any(known.type == "FREE" and any(word in known.word for word in _MIND) for known in earlier)
    if unminded or (before is not None and before.free and scope.clause.joined_by == "if"):
        scope.add(Pausing, tag, allowed=True)
    elif scope.free and any(known.type == "FREE" for known in earlier):
        return
    elif (sum(known.type == "NEG" for known in earlier) + (scope.after == "out")) % 2:
        scope.add(Pausing, tag, allowed=False)
    elif scope.may or scope.after == "ok" or "CAN" in scope.types:
        scope.add(Pausing, tag, allowed=True)


def _then(scope: Scope) -> None:
    """ "Not during those hours", "don't run it there": the range or place named before."""
    context = scope.context
    if scope.values or scope.found or scope.strong() is not None or not (scope.negated or scope.out):
        return
    if "THEN" in scope.types and context.hours is not None:
        read_value(scope, replace(scope.first("THEN"), type="RANGE", value=context.hours), 0)
    there = next((tag for tag in scope.tags if tag.word == "there"), None)
    if there is not None and context.regions and "RUN" in scope.types:
        read_value(scope, replace(there, type="PLACE", value=context.regions), 0)


def _near(scope: Scope, one: str, other: str) -> bool:
    """One within a few tags before the other."""
    at = [i for i, tag in enumerate(scope.tags) if tag.type in _SAME.get(one, {one})]
    return any(
        tag.type in _SAME.get(other, {other}) and any(0 < j - i < _NEAR for i in at) for j, tag in enumerate(scope.tags)
    )


def _preferences(scope: Scope) -> list[tuple[str, str]]:
    """What comes first, and the tag that says so. What is ranked or weighed outright decides alone."""
    ranked = _ranking(scope) or next(iter(_said(scope, _WEIGHED)), None)
    if ranked:
        return [ranked]
    wishes = _said(scope, _MINIMISED)
    wishes += [(first, kind) for kind, first in (("GREENEST", "carbon"), ("CHEAPEST", "cost")) if kind in scope.types]
    plain = scope.hoped or scope.types <= {"RENEW", "GLUE", "P", "W", "RUN"}
    if "RENEW" in scope.types and plain and not scope.is_about_data and not wishes and not scope.values:
        wishes.append(("renewables", "RENEW"))
    wishes += [("cost", "COST") for i, tag in enumerate(scope.tags) if tag.word == "cheap" and _stands_alone(scope, i)]
    if not scope.values:
        now = scope.types & {"RUN", "MUST", "START"} and not scope.is_about_data
        wishes += [("soon", kind) for kind in ("SOON", "NOWT") if kind in scope.types and (kind == "SOON" or now)]
    return wishes


def _stands_alone(scope: Scope, i: int) -> bool:
    """ "Weekend, Scotland, cheap." """
    around = (*scope.tags[max(0, i - 1) : i], *scope.tags[i + 1 : i + 2])
    return all(tag.type in {"P", "GLUE"} for tag in around)


def _said(scope: Scope, rows: Sequence[str]) -> list[tuple[str, str]]:
    """Of rows "first: one other" those whose words stand near each other, with the tag that names the measure."""
    parts = [row.replace(":", "").split() for row in rows]
    return [
        (first, next(kind for kind in (one, other) if kind in _MEASURES))
        for first, one, other in parts
        if _near(scope, one, other)
    ]


def _ranking(scope: Scope) -> tuple[str, str] | None:
    """ "Carbon over cost"."""
    order = [
        _SIDES.get(tag.word) or _RANKED.get(tag.type, "MORE")
        for tag in scope.tags
        if tag.type in _SPOKEN_OF or tag.word in _RANKS or tag.word in _SIDES
    ]
    if scope.negated or order[1:2] != ["MORE"] or set(order[:3]) != {"CARBON", "MORE", "COST"}:
        return None
    first = order[0]
    kind = next(tag.type for tag in scope.tags if first in (_SIDES.get(tag.word), _RANKED.get(tag.type)))
    return first.lower(), kind


def _prefer(scope: Scope, first: str, kind: str) -> None:
    tag = next(known for known in scope.tags if known.type in _SAME.get(kind, {kind}))
    at = next(i for i, known in enumerate(scope.tags) if known is tag)
    scope.end = max(scope.end, tag.end)
    if not any(known.type in {"NEG", "FREE"} for known in scope.tags[max(0, at - 3) : at]):
        scope.keep(Preference, tag, first=first)
