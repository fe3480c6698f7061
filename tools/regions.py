"""The 14 regions of Great Britain that NESO forecasts, and how people call them.

Ids, names and distribution areas: NESO Carbon Intensity API (CC BY 4.0). Letters: Octopus Agile tariffs (GSP groups).
"""

import csv
import re
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """One NESO region. Ids 15-18 of the API are aggregates of these and never a place to run."""

    region_id: int
    name: str
    agile_letter: str
    dno: str
    """Distribution network operator, as NESO names it."""
    nation: str
    postcodes: tuple[str, ...]
    """Postcode areas that lie mostly in the region."""
    aliases: tuple[str, ...] = ()
    """Cities, counties and short names, lower case."""


def _load() -> tuple[Region, ...]:
    text = files("tools").joinpath("data/regions.csv").read_text(encoding="utf-8")
    return tuple(
        Region(
            region_id=int(row["region_id"]),
            name=row["name"],
            agile_letter=row["agile_letter"],
            dno=row["dno"],
            nation=row["nation"],
            postcodes=tuple(row["postcodes"].split()),
            aliases=tuple(row["aliases"].split("; ")),
        )
        for row in csv.DictReader(text.splitlines())
    )


REGIONS: tuple[Region, ...] = _load()

REGION_IDS: tuple[int, ...] = tuple(region.region_id for region in REGIONS)

GROUPS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("scotland", (1, 2)),
    ("wales", (6, 7)),
    ("midlands", (8, 9)),
    ("north of england", (3, 4, 5)),
    ("northern england", (3, 4, 5)),
    ("south of england", (11, 12, 13, 14)),
    ("england", (3, 4, 5, 8, 9, 10, 11, 12, 13, 14)),
    ("the north", (1, 2, 3, 4, 5)),
    ("the south", (11, 12, 13, 14)),
    ("the east", (9, 10)),
    ("the west", (6, 7, 8, 11)),
    ("great britain", REGION_IDS),
    ("anywhere", REGION_IDS),
)
"""Names of several regions. "The north" is meant as people in Britain say it of places: Scotland and the north of
England."""

_OUTWARD_CODE = re.compile(r"\b([A-Z]{1,2})[0-9][0-9A-Z]?(?:\s*[0-9][A-Z]{2})?\b")


def region(region_id: int) -> Region:
    """The region with this NESO id. `KeyError` for aggregates (15-18) and anything else."""
    if not 1 <= region_id <= len(REGIONS):
        raise KeyError(region_id)
    return REGIONS[region_id - 1]


def region_name(region_id: int) -> str:
    """Name for people; a number that is not a region is shown as such."""
    return REGIONS[region_id - 1].name if 1 <= region_id <= len(REGIONS) else f"region {region_id}"


def _names() -> list[tuple[str, tuple[int, ...]]]:
    names: dict[str, tuple[int, ...]] = dict(GROUPS)
    for place in REGIONS:
        for name in (place.name.lower(), *place.aliases):
            names[name] = (place.region_id,)
    return sorted(names.items(), key=lambda item: (-len(item[0]), item[0]))


def find_regions(text: str) -> tuple[int, ...]:
    """Region ids that a free text names: regions, nations, cities, postcodes, `the north`; ascending, maybe empty.

    The longest name wins, so that "South Wales" is not also "Wales". A bare id ("13", "region 13") counts when it is
    the whole text.
    """
    folded = " ".join(text.lower().split())
    bare = re.fullmatch(r"(?:region\s*)?#?(\d{1,2})", folded)
    if bare:
        return tuple(i for i in (int(bare.group(1)),) if i in REGION_IDS)
    found: set[int] = set()
    for name, ids in _names():
        pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        folded, count = pattern.subn("\x00", folded)
        if count:
            found.update(ids)
    for area in _OUTWARD_CODE.findall(text.upper()):
        found.update(place.region_id for place in REGIONS if area in place.postcodes)
    return tuple(sorted(found))
