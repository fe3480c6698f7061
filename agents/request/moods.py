"""What a clause asks for without a value: pauses, what matters most, and what "there" and "then" refer to."""

from agents.constraints import Hours, Pausing, Preference, Region
from agents.request import times
from agents.request.scope import Scope
from agents.request.tokens import Tag

_MIND = ("mind", "matter", "bothered", "happy", "problem", "fussed")
_MINIMISED = ("as ", "to ", "right", "kept", "min", "red")
_RANKS = frozenset(
    {"better", "better than", "preferred", "over", "more than", "above", "beats", "trumps", "outranks", "outweighs"}
)
_RANKED = {"CHEAPEST": "COST", "GREENEST": "CARBON", "RENEW": "CARBON", "CARBON": "CARBON", "COST": "COST"}
_SPOKEN_OF = frozenset({"CARBON", "COST", "BEFORE", "VERSUS", "CHEAPEST", "GREENEST"})
_SIDES = {"green": "CARBON", "greener": "CARBON", "greener than": "CARBON", "cleaner than": "CARBON"}
_SIDES |= {"cheap": "COST", "cheaper": "COST", "cheaper than": "COST", "dearer": "COST"}
_SAME = {"CARBON": {"CARBON", "GREENEST"}, "COST": {"COST", "CHEAPEST"}}
_NEAR = 5
"""Tags within which two words belong together."""


def read_moods(scope: Scope) -> None:
    """Add what the clause's words ask for beside its values."""
    _pauses(scope)
    types = scope.types
    if "EARLIEST" in types and not scope.values and types & {"START", "RUN"} and not scope.negated:
        scope.keep(Preference, scope.first("EARLIEST"), first="soon")
    if "PAUSE" in types and not scope.found and not scope.free:
        scope.tell()
    is_choice = types & {"COST", "CARBON", "GREENEST", "CHEAPEST", "MINIMISE", "NOTCARE", "NOMATTER"}
    if scope.free and not is_choice:
        return
    if "RENEW" in types and types & {"ONLY", "MUST"} and not scope.found and "PCT" not in types:
        scope.tell()
    _there(scope)
    _then(scope)
    for first, kind in _preferences(scope):
        _prefer(scope, first, kind)


def _pauses(scope: Scope) -> None:
    types = scope.types
    if "ONEGO" in types:
        tag = scope.first("ONEGO")
        denied = "NEG" in types and scope.negated and tag.start > scope.first("NEG").start
        _allow_pauses(scope, tag, allowed=denied)
    elif "PAUSABLE" in types:
        _allow_pauses(scope, scope.first("PAUSABLE"), allowed=not scope.negated)
    elif "PAUSE" in types and not any(found.constraint.kind == "pausing" for found in scope.found):
        _pause(scope, scope.first("PAUSE"))


def _pause(scope: Scope, tag: Tag) -> None:
    earlier = [known for known in scope.tags if known.start < tag.start]
    scope.end = tag.end
    before = scope.context.before
    unminded = any(known.type == "FREE" and any(word in known.word for word in _MIND) for known in earlier)
    if unminded or (before is not None and before.free and scope.clause.joined_by == "if"):
        scope.add(Pausing, tag, allowed=True)
    elif scope.free and any(known.type == "FREE" for known in earlier):
        return
    elif any(known.type == "NEG" for known in earlier) != (scope.after == "out"):
        scope.add(Pausing, tag, allowed=False)
    elif scope.may or scope.after == "ok" or "CAN" in scope.types:
        scope.add(Pausing, tag, allowed=True)


def _allow_pauses(scope: Scope, tag: Tag, *, allowed: bool) -> None:
    scope.end = tag.end
    scope.add(Pausing, tag, allowed=allowed)


def _there(scope: Scope) -> None:
    """ "Don't run it there": the place named before."""
    regions = scope.context.regions
    if not (scope.negated and regions and not scope.values and "RUN" in scope.types):
        return
    if any(tag.word == "there" for tag in scope.tags):
        scope.end = scope.tags[-1].end
        scope.keep(Region, scope.tags[0], regions=tuple(regions), allowed=False)


def _then(scope: Scope) -> None:
    """ "Not during those hours": the range named before."""
    hours = scope.context.hours
    if not (scope.negated or scope.out) or "THEN" not in scope.types or hours is None:
        return
    if scope.values or scope.found or scope.strong() is not None:
        return
    window = times.window(hours, scope.context.now)
    if window is not None:
        tag = scope.first("THEN")
        scope.end = tag.end
        start, end = window[0].time().replace(fold=0), window[1].time().replace(fold=0)
        scope.add(Hours, tag, firm=True, allowed=False, start=start, end=end)


def _near(scope: Scope, one: str, other: str) -> bool:
    """One within a few tags before the other."""
    at = [i for i, tag in enumerate(scope.tags) if tag.type in _SAME.get(one, {one})]
    return any(
        tag.type in _SAME.get(other, {other}) and any(0 < j - i < _NEAR for i in at) for j, tag in enumerate(scope.tags)
    )


def _preferences(scope: Scope) -> list[tuple[str, str]]:
    """What comes first, and the tag that says so. What is ranked outright decides alone."""
    ranked = _ranking(scope) or _weighed(scope)
    if ranked:
        return [ranked]
    wishes = []
    low = any(tag.type == "MINIMISE" and tag.word.startswith(_MINIMISED) for tag in scope.tags)
    for kind, first in (("CARBON", "carbon"), ("INTENSITY", "carbon"), ("COST", "cost")):
        if _near(scope, "MINIMISE", kind) or (low and _near(scope, kind, "MINIMISE")):
            wishes.append((first, kind))
    wishes += [(first, kind) for kind, first in (("GREENEST", "carbon"), ("CHEAPEST", "cost")) if kind in scope.types]
    if "RENEW" in scope.types and scope.hoped and not wishes and not scope.values:
        wishes.append(("renewables", "RENEW"))
    if not scope.values:
        now = scope.types & {"RUN", "MUST", "START"} and not scope.is_about_data
        wishes += [("soon", kind) for kind in ("SOON", "NOWT") if kind in scope.types and (kind == "SOON" or now)]
    return wishes


def _ranking(scope: Scope) -> tuple[str, str] | None:
    """ "Carbon over cost"."""
    order = [
        _SIDES.get(tag.word) or _RANKED.get(tag.type, "MORE")
        for tag in scope.tags
        if tag.type in _SPOKEN_OF or tag.word in _RANKS or tag.word in _SIDES
    ]
    if scope.negated or len(order) != 3 or order[1] != "MORE" or set(order) != {"CARBON", "MORE", "COST"}:
        return None
    first = order[0]
    kind = next(tag.type for tag in scope.tags if first in (_SIDES.get(tag.word), _RANKED.get(tag.type)))
    return first.lower(), kind


def _weighed(scope: Scope) -> tuple[str, str] | None:
    """ "Never mind the price", "carbon matters more"."""
    matters = any("matter" in tag.word for tag in scope.tags)
    for kind, other in (("CARBON", "cost"), ("COST", "carbon")):
        ignored = _near(scope, "NOTCARE", kind) or _near(scope, kind, "NOMATTER")
        if ignored or (matters and _near(scope, kind, "FREE")):
            return ("cost_only" if kind == "CARBON" else other), kind
    for kind, other in (("CARBON", "cost"), ("COST", "carbon")):
        if _near(scope, kind, "LESSMATTER"):
            return other, kind
    for kind, first in (("CARBON", "carbon"), ("COST", "cost")):
        if _near(scope, kind, "MATTER"):
            return first, kind
    return None


def _prefer(scope: Scope, first: str, kind: str) -> None:
    tag = next(known for known in scope.tags if known.type in _SAME.get(kind, {kind}))
    at = next(i for i, known in enumerate(scope.tags) if known is tag)
    scope.end = max(scope.end, tag.end)
    if not any(known.type in {"NEG", "FREE"} for known in scope.tags[max(0, at - 3) : at]):
        scope.keep(Preference, tag, first=first)
