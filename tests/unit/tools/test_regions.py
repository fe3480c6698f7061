"""Regions found in what people write."""

import pytest

from tools.regions import REGION_IDS, find_regions, region, region_name


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Scotland", (1, 2)),
        ("somewhere in the north please", (1, 2, 3, 4, 5)),
        ("London", (13,)),
        ("NOT London", (13,)),
        ("South Wales", (7,)),
        ("wales", (6, 7)),
        ("north wales & merseyside", (6,)),
        ("North West England or Yorkshire", (3, 5)),
        ("south england", (12,)),
        ("England", (3, 4, 5, 8, 9, 10, 11, 12, 13, 14)),
        ("edinburgh-based", ()),
        ("Edinburgh, then Leeds", (2, 5)),
        ("EH1 1AA", (2,)),
        ("data centre in SW1A 2AA", (13,)),
        ("13", (13,)),
        ("region 4", (4,)),
        ("15", ()),
        ("anywhere", REGION_IDS),
        ("Paris", ()),
        ("", ()),
    ],
)
def test_names_cities_postcodes_and_numbers(text, ids):
    assert find_regions(text) == ids


def test_ids_letters_and_names_are_one_to_one():
    assert tuple(range(1, 15)) == REGION_IDS
    assert "".join(region(i).agile_letter for i in REGION_IDS) == "PNGFMDKEBALHCJ"
    assert region_name(1) == "North Scotland"
    assert region_name(15) == "region 15"


def test_aggregates_are_no_regions():
    with pytest.raises(KeyError):
        region(15)
