"""Where a text names places in Great Britain, with the positions that `tools.regions.find_regions` does not give."""

import re
from collections.abc import Iterator
from functools import cache

from tools.regions import GROUPS, REGIONS

_NOT_A_PLACE = frozenset({"anywhere", "great britain"})
_NEEDS_CAPITAL = frozenset({"reading", "bath", "deal", "wells", "rugby", "newport", "preston", "highlands", "sandwich"})
"""English words too: meant as places only when written like names."""
_SCOTTISH = "north of the border"


def find_places(text: str) -> Iterator[tuple[re.Match[str], frozenset[int]]]:
    """Each place named in a text with its region ids, the longest name winning."""
    names = _names()
    for match in _pattern().finditer(text):
        word = " ".join(match[0].lower().split())
        if word not in _NEEDS_CAPITAL or match[0][0].isupper():
            yield match, names[word]


def regions_named(text: str) -> frozenset[int]:
    """Every region that a text names, directly or as part of a nation."""
    return frozenset().union(*(regions for _, regions in find_places(text)))


@cache
def _names() -> dict[str, frozenset[int]]:
    names = {name: frozenset(ids) for name, ids in GROUPS if name not in _NOT_A_PLACE}
    names[_SCOTTISH] = names["scotland"]
    for place in REGIONS:
        for name in (place.name.lower(), *place.aliases):
            names[name] = frozenset({place.region_id})
    return {name: ids for name, ids in names.items() if name}


@cache
def _pattern() -> re.Pattern[str]:
    names = sorted(_names(), key=lambda name: (-len(name), name))
    alternatives = "|".join(_spelling(name) for name in names)
    return re.compile(rf"(?<![\w-])(?:{alternatives})(?![\w-])", re.IGNORECASE)


def _spelling(name: str) -> str:
    """ "The east" is a place of its own only where no longer name goes on from it."""
    spelling = re.escape(name).replace(r"\ ", r"\s+")
    return rf"{spelling}(?!\s+(?:midlands|england|anglia|of|west|east)\b)" if name.startswith("the ") else spelling
