"""Differences are told in the direction that they have, and of what differs, in ordinary English of many wordings."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.grounding.check import ungrounded
from agents.grounding.facts import Change, Facts
from tests.unit.conftest import NOW
from tools.placement import Asset, Option, Segment

LESS, MORE = -1, 1
WORDINGS: dict[tuple[str, int], list[str]] = {
    ("carbon", LESS): [
        "It emits {pct} less carbon than running now.",
        "Compared with running now it emits {pct} less.",
        "It saves {pct} of the carbon against running now.",
        "It cuts emissions by {pct} compared with running now.",
        "It reduces the carbon footprint of the run by {pct} relative to running now.",
        "Its emissions are {pct} lower than if run now.",
        "Carbon falls by {pct} against running now.",
        "Carbon is down {pct} on running now.",
        "Emissions are {pct} below running now.",
        "It is {pct} less carbon intensive than running now.",
        "It is {pct} cleaner than an immediate start.",
        "There is a {pct} carbon saving over running now.",
        "A reduction in carbon of {pct} versus running now.",
        "It avoids {g} of CO2 instead of running now.",
        "By waiting, {g} of carbon are saved compared with running now.",
        "It has {g} fewer emissions than running now.",
        "Carbon: -{pct} against running now.",
        "It saves (versus running now) {pct} of carbon.",
        "This saves, compared with running now, {pct} of carbon.",
        "It emits less carbon than running now.",
        "It lowers emissions compared with starting immediately.",
        "Unlike running now it is not dirty: it is cleaner than running now.",
        "Running now would emit {g} more.",
    ],
    ("carbon", MORE): [
        "It emits {pct} more carbon than running now.",
        "It increases emissions by {pct} compared with running now.",
        "Its carbon footprint is {pct} higher than if run now.",
        "Carbon rises by {pct} against running now.",
        "Emissions are {pct} above running now.",
        "It is {pct} more carbon intensive than running now.",
        "It is {pct} dirtier than an immediate start.",
        "It adds {g} of CO2 compared with running now.",
        "Carbon: +{pct} against running now.",
        "It emits more carbon than running now.",
        "It is less clean than running now.",
        "Running now would emit {g} less.",
    ],
    ("cost", LESS): [
        "It costs {pct} less than running now.",
        "It is {gbp} cheaper than running now.",
        "It saves {gbp} against running now.",
        "It saves you about {gbp} compared to running now.",
        "It trims the bill by {gbp} relative to running now.",
        "It is {pct} less expensive than running now.",
        "The price is {pct} lower than for a run now.",
        "Running now would cost {gbp} more.",
        "Running now is {gbp} dearer.",
        "An immediate start would be {gbp} more expensive.",
        "It comes with {gbp} of savings over running now.",
        "Savings: {pct} of the cost, against running now.",
        "It costs less than running now.",
        "It is cheaper than running now.",
        "It saves money compared with running now.",
        "Running now would cost more.",
    ],
    ("cost", MORE): [
        "It costs {pct} more than running now.",
        "It is {gbp} dearer than running now.",
        "It adds {gbp} to the bill compared with running now.",
        "It raises the cost by {pct} relative to running now.",
        "It is {pct} more expensive than running now.",
        "It comes at {pct} higher cost than running now.",
        "It costs {gbp} extra compared with running now.",
        "Running now would cost {gbp} less.",
        "Running now is {gbp} cheaper.",
        "Running now would save {gbp}.",
        "It costs more than running now.",
        "It is costlier than running now.",
        "It is less cost-effective than running now.",
        "Running now would be cheaper.",
    ],
    ("renewable", LESS): [
        "The renewable share is {points} lower than now.",
        "It has {points} less renewable energy than running now.",
        "It uses less renewable power than running now.",
    ],
    ("renewable", MORE): [
        "The renewable share is {points} higher than now.",
        "It has {points} more renewable energy than running now.",
        "It uses more renewable power than running now.",
    ],
    ("start", LESS): ["It starts {hours} earlier than running now.", "It starts sooner than running now."],
    ("start", MORE): ["It starts {hours} later than running now.", "It starts later than running now."],
}
LEVELS = {20, 50}
"""2 hours is also the run's length and 50 % its renewable share: "ends 2 hours later" tells no difference."""
OPPOSITES = [(measure, sign, text) for (measure, sign), texts in WORDINGS.items() for text in texts]


def option(option_id: str, name: str, region: int, start: datetime, **figures: float) -> Option:
    return Option(
        option_id=option_id,
        source="energy",
        asset=Asset(asset_id=None, name=name, region=region, pue=1.2),
        segments=(Segment(start=start, end=start + timedelta(hours=2)),),
        **{"energy_kwh": 24.0, "objective_gbp": 6.0, **figures},
    )


RUN_NOW = option(
    "now", "Sample DC Cardiff", 7, NOW + timedelta(days=1),
    carbon_g=4000.0, intensity_g_per_kwh=166.7, renewable_pct=50.0, cost_gbp=4.0,
)  # fmt: skip


def reasoning_facts(chosen: Option, *others: Option) -> tuple[Facts, Facts]:
    """What the reasoning of an option may say, and what it may say where it compares."""
    own = Facts(now=NOW, about=frozenset({chosen.option_id}))
    own.add_option(chosen)
    own.add_comparisons([chosen, RUN_NOW])
    known = Facts(now=NOW)
    for other in (*others, RUN_NOW):
        known.add_option(other)
    known.add_comparisons([chosen, *others, RUN_NOW])
    return own, known


def differing(measure: str, sign: int, pct: int) -> tuple[Option, Mapping[str, str]]:
    """An option that differs from running now by that much in one thing, with the figures as a text writes them."""
    figures = {"carbon_g": 4000.0, "intensity_g_per_kwh": 166.7, "renewable_pct": 50.0, "cost_gbp": 4.0}
    for key in {"carbon": ("carbon_g", "intensity_g_per_kwh"), "cost": ("cost_gbp",)}.get(measure, ()):
        figures[key] *= 1 + sign * pct / 100
    if measure == "renewable":
        figures["renewable_pct"] += sign * pct / 2
    start = RUN_NOW.start + timedelta(hours=sign * pct / 10 if measure == "start" else 0)
    told = {
        "pct": f"{pct} %",
        "g": f"{40 * pct} g",
        "gbp": f"£{0.04 * pct:.2f}",
        "points": f"{pct / 2:g} percentage points",
        "hours": f"{pct / 10:g} hours",
    }
    return option("e1", "Sample DC Edinburgh", 2, start, **figures), told


@given(
    st.sampled_from(OPPOSITES),
    st.integers(min_value=6, max_value=80).filter(lambda pct: pct not in LEVELS),
)
def test_a_difference_is_told_in_its_direction_only(case: tuple[str, int, str], pct: int) -> None:
    measure, sign, wording = case
    chosen, told = differing(measure, sign, pct)
    assert ungrounded(wording.format(**told), *reasoning_facts(chosen)) == ()
    chosen, told = differing(measure, -sign, pct)
    assert ungrounded(wording.format(**told), *reasoning_facts(chosen)) != ()


@given(st.sampled_from(OPPOSITES), st.integers(min_value=6, max_value=80).filter(lambda pct: pct not in LEVELS))
def test_a_share_of_one_thing_is_not_told_of_another(case: tuple[str, int, str], pct: int) -> None:
    measure, sign, wording = case
    another = "cost" if measure == "carbon" else "carbon"
    if "{" in wording and measure in {"carbon", "cost"} and not wording.startswith("Compared"):
        chosen, _ = differing(another, sign, pct)
        _, told = differing(measure, sign, pct)
        assert ungrounded(wording.format(**told), *reasoning_facts(chosen)) != ()


CHOSEN = option(
    "e1", "Sample DC Edinburgh", 2, datetime(2026, 11, 25, 1, 30, tzinfo=UTC),
    carbon_g=1000.0, intensity_g_per_kwh=41.7, renewable_pct=81.3, cost_gbp=4.2,
)  # fmt: skip
SECOND = option(
    "e2", "Sample DC London Docklands", 13, datetime(2026, 11, 25, 5, 30, tzinfo=UTC),
    carbon_g=2400.0, intensity_g_per_kwh=100.0, renewable_pct=60.0, cost_gbp=4.5,
)  # fmt: skip


def summary_faults(text: str) -> tuple[object, ...]:
    base = Facts(now=NOW)
    first, known = reasoning_facts(CHOSEN, SECOND)
    second, _ = reasoning_facts(SECOND)
    return ungrounded(text, base, base.merged(first).merged(known), by_region={2: first, 13: second})


@pytest.mark.parametrize(
    "text",
    [
        "It saves 75 % of the carbon and costs 5 % more than running now.",
        "Compared with running now, it cuts carbon by 75 % at 5 % higher cost.",
        "It is £0.20 dearer than running now, but 75 % cleaner.",
        "A carbon saving of 75 % against running now, for an extra £0.20.",
        "Running now is £0.20 cheaper, but emits four times the carbon.",
        "It emits a quarter of the carbon of running now.",
        "It is four times as clean as running now.",
        "Three quarters less carbon than running now.",
        "Carbon is cut by three quarters, and the renewable share is 31.3 points higher than now.",
        "Running in South Scotland instead of now cuts emissions by 75 % and raises cost by 5 %.",
        "South Scotland is £0.30 cheaper than London, which emits 1.4 kg more.",
        "London would cost £0.30 more and emit 140 % more carbon than South Scotland.",
        "London would be the alternative; it is £0.30 dearer.",
        "Compared with London, it is £0.30 cheaper.",
        "While London emits 40 % less than running now, it costs 12.5 % more.",
        "It costs £4.20 against £4.00 for running now, £0.20 more.",
        "It costs less than £4.50 in London, and emits less than 2.4 kg.",
        "The run starts at 01:30 and ends 2 hours later.",
        "With a lower carbon intensity of 41.7 g/kWh and at a reduced cost of £4.20 compared with London.",
        "41.7 g/kWh is lower than 166.7 g/kWh now.",
        "It does not save money: it costs 5 % more than running now.",
        "It is no cheaper than running now.",
        "It uses 81.3 % renewable power, more than the 60 % of London.",
        "Up to 75 % less carbon than running now, over 2 hours.",
        "The bill goes up by £0.20, while the footprint shrinks by three quarters.",
        "The footprint contracts by three quarters against running now.",
        "Even London would save 40 % of the carbon against running now.",
        "Against running now, South Scotland saves 75 % of the carbon.",
        "Running now would cost £0.20 less; waiting is 75 % cleaner than running now.",
    ],
)
def test_what_is_true_may_be_said_in_many_ways(text: str) -> None:
    assert summary_faults(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "It saves 75 % of the carbon and 5 % of the cost.",
        "It saves 75 % of the carbon and costs 5 % less than running now.",
        "It saves 5 % of the cost.",
        "It saves £4.20.",
        "It avoids 81.3 % of the carbon.",
        "It emits four times the carbon of running now.",
        "It is 4 times as polluting as running now.",
        "Three quarters more carbon than running now.",
        "South Scotland is £0.30 dearer than London.",
        "London would cost £0.30 less than South Scotland.",
        "Compared with London, it is £0.30 dearer.",
        "London emits 40 % more than running now.",
        "London saves 75 % of the carbon against running now.",
        "South Scotland is dearer than London.",
        "London is cleaner than South Scotland.",
        "Running now is dirtier and dearer.",
        "The footprint grows by three quarters against running now.",
    ],
)
def test_what_is_false_may_not(text: str) -> None:
    assert summary_faults(text) != ()


def test_where_running_now_is_recommended_a_text_is_about_it() -> None:
    own, known = reasoning_facts(RUN_NOW.model_copy(update={"option_id": "c1"}), SECOND)
    own.about |= {"now"}
    assert ungrounded("Running now is £0.50 cheaper than London.", own, known) == ()
    assert ungrounded("It is £0.50 cheaper than waiting until 05:30 in London.", own, known) == ()
    assert ungrounded("Running now is £0.50 dearer than London.", own, known) != ()


def test_a_threshold_is_no_saving_of_one_thing() -> None:
    own, known = reasoning_facts(CHOSEN)
    own.changes.add(Change("objective", "pct", -7.0, None, None))
    assert ungrounded("A shift must save at least 7 %.", own, known) == ()
    assert ungrounded("It saves 7 % of the carbon.", own, known) != ()


@pytest.mark.parametrize(
    "text",
    [
        "The second option is £0.30 cheaper.",
        "Running elsewhere would be £0.30 cheaper than that.",
        "It is not £0.20 dearer than running now.",
        "Seventy-five percent more carbon is emitted.",
    ],
)
def test_what_the_check_cannot_see(text: str) -> None:
    """False, and accepted: an option that no name tells, a negation, a number in words. docs/agents.md says so."""
    assert summary_faults(text) == ()
