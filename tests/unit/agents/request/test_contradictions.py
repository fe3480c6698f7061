"""Demands that cannot all be meant."""

from datetime import timedelta
from typing import Any

import pytest

from agents.constraints import Constraint, CostTotal, Finish, Pausing, Preference, Region, Start
from agents.request.contradictions import contradictions
from agents.request.merging import Found
from tests.unit.agents.request.labels import NOW

LATER = NOW + timedelta(days=1, hours=3)
SAID: dict[str, Any] = {"quote": "-"}


@pytest.mark.parametrize(
    ("one", "two", "contradict"),
    [
        (CostTotal(max_gbp=5, **SAID), CostTotal(max_gbp=8, **SAID), True),
        (CostTotal(max_gbp=5, **SAID), CostTotal(max_gbp=8, strength="should", **SAID), False),
        (Start(bound="earliest", time=LATER, **SAID), Finish(time=NOW, **SAID), True),
        (Finish(time=LATER, **SAID), Start(bound="earliest", time=NOW, **SAID), False),
        (Region(regions=(1, 2), allowed=True, **SAID), Region(regions=(1, 2), allowed=False, **SAID), True),
        (Region(regions=(1, 2), allowed=True, **SAID), Region(regions=(13,), allowed=False, **SAID), False),
        (Pausing(allowed=True, **SAID), Pausing(allowed=False, **SAID), True),
        (Preference(first="carbon", **SAID), Preference(first="cost", **SAID), True),
        (Preference(first="carbon", **SAID), Preference(first="soon", **SAID), False),
    ],
)
def test_pairs(one: Constraint, two: Constraint, contradict: bool) -> None:
    found = [Found(one, 0, 1), Found(two, 2, 3)]
    assert bool(list(contradictions(found, "-. -"))) == contradict


def test_two_places_of_one_sentence_are_alternatives() -> None:
    wales, scotland = (Region(regions=regions, allowed=True, **SAID) for regions in ((6, 7), (1, 2)))
    assert not list(contradictions([Found(wales, 0, 1), Found(scotland, 4, 5)], "W or S"))
    assert list(contradictions([Found(wales, 0, 1), Found(scotland, 4, 5)], "W. W. S"))
