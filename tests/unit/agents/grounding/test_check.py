"""What a stored sentence may say, and what it may not."""

from datetime import UTC, datetime

import pytest

from agents.grounding.check import ungrounded
from agents.grounding.facts import Facts
from tests.unit.conftest import NOW
from tools.placement import Asset, Option, Segment


def option(name: str, region: int, hour: int, **figures: float) -> Option:
    start = datetime(2026, 11, 25, hour, 30, tzinfo=UTC)
    end = start.replace(hour=hour + 2)
    defaults = {
        "energy_kwh": 24.0,
        "carbon_g": 1_152.0,
        "intensity_g_per_kwh": 48.0,
        "renewable_pct": 81.26,
        "cost_gbp": 3.4567,
        "objective_gbp": 4.6,
    }
    return Option(
        option_id=f"e{region}",
        source="energy",
        asset=Asset(asset_id=None, name=name, region=region, pue=1.2),
        segments=(Segment(start=start, end=end),),
        **{**defaults, **figures},
    )


# Their ids are e2 and e13.
ONE = option("Sample DC Edinburgh", 2, 1)
OTHER = option(
    "Sample DC London Docklands",
    13,
    5,
    carbon_g=3_456.0,
    intensity_g_per_kwh=144.0,
    renewable_pct=40.0,
    cost_gbp=6.9134,
)


@pytest.fixture
def facts() -> Facts:
    known = Facts(now=NOW)
    known.add_option(ONE)
    known.add_comparisons([ONE, OTHER])
    return known


@pytest.mark.parametrize(
    "text",
    [
        "Runs in South Scotland at 48 g/kWh.",
        "Runs in Scotland at 48.0 gCO2/kWh, 81.3 % renewable.",
        "About 81 percent of the power is renewable, roughly 50 g/kWh.",
        "It costs £3.46, about £3.50.",
        "It costs 346 pence.",
        "It emits 1.15 kg of CO2, that is 1,152 g.",
        "The run takes 2 hours, or 120 minutes, and uses 24 kWh.",
        "It starts on Wed 25 Nov at 01:30 and ends at 03:30 UK time.",
        "It starts on 25 November 2026 at 1:30 am.",
        "It starts tomorrow at 01:30 UTC.",
        "From 2026-11-25T01:30Z to 03:30.",
        "Wednesday 01:30-03:30 is best.",
        "That is a third of the carbon, and half the cost.",
        "It is three times as clean: 66.7 % less carbon and 50 % less cost.",
        "Compared with running now it is twice as cheap.",
        "Two hours at Sample DC Edinburgh in South Scotland.",
        "This is the first of 3 options.",
        "Option e2 is the cleanest that NESO and Octopus figures show for Great Britain.",
        "Carbon stays low because wind and hydro are strong.",
        "",
    ],
)
def test_what_the_options_show_may_be_said(text: str, facts: Facts) -> None:
    assert ungrounded(text, facts) == ()


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("It runs at 47 g/kWh.", "47 g/kWh"),
        ("It runs at 48 kg/kWh.", "48 kg"),
        ("It is 91 % renewable.", "91 %"),
        ("It costs £3.40.", "£3.40"),
        ("It costs £34.57.", "£34.57"),
        ("It costs 3.46 pence.", "3.46 pence"),
        ("It emits 1.15 g.", "1.15 g"),
        ("It emits 1152 kg.", "1152 kg"),
        ("About 60 % is renewable.", "60 %"),
        ("It takes 3 hours.", "3 hours"),
        ("It takes seven hours.", "seven hours"),
        ("It starts at 02:30.", "02:30"),
        ("It starts on 26 November.", "26 November"),
        ("It starts on Thursday at 01:30.", "Thursday at 01:30"),
        ("It starts at 01:30 BST.", "01:30 BST"),
        ("It starts today.", "today"),
        ("It starts at 2am.", "2am"),
        ("It runs in Wales.", "Wales"),
        ("It runs in the West Midlands.", "West Midlands"),
        ("Manchester is close by.", "Manchester"),
        ("It could run in Norway.", "Norway"),
        ("Ireland is cleaner.", "Ireland"),
        ("It runs at Atlas Two.", "Atlas"),
        ("It is five times as clean: 5x better.", "5x"),
        ("It is 10 times as clean.", "10 times"),
        ("Its carbon is a quarter of that.", "a quarter"),
        ("This saves 42 % of the cost.", "42 %"),
        ("Option e7 is better.", "e7"),
        ("See https://example.org.", "https://"),
        ("<b>Bold</b> claim.", "<"),
        ("Asset 0123abcd-0123-0123-0123-0123456789ab.", "0123abcd-0123-"),
        ("Between 20 and 30 g/kWh.", "20"),
    ],
)
def test_what_nothing_shows_may_not(text: str, span: str, facts: Facts) -> None:
    assert span in [found.span for found in ungrounded(text, facts)]


def test_another_options_figures_only_in_a_sentence_that_compares(facts: Facts) -> None:
    others = Facts(now=NOW)
    others.add_option(OTHER)
    assert ungrounded("It runs at 144 g/kWh.", facts, others) != ()
    assert ungrounded("It runs at 48 g/kWh, while London has 144 g/kWh.", facts, others) == ()


def test_figures_belong_to_the_region_beside_them() -> None:
    here, there = Facts(now=NOW), Facts(now=NOW)
    here.add_option(ONE)
    there.add_option(OTHER)
    by_region = {2: here, 13: there}
    nothing = Facts(now=NOW)
    assert ungrounded("It runs at 48 g/kWh.", nothing, by_region=by_region) == ()
    assert ungrounded("London has 144 g/kWh.", nothing, by_region=by_region) == ()
    assert ungrounded("It runs at 144 g/kWh.", nothing, by_region=by_region) != ()
    assert ungrounded("London has 48 g/kWh.", nothing, by_region=by_region) != ()


def test_a_repeated_instruction_is_refused(facts: Facts) -> None:
    prompt = "Rank three of them, the best first, by cost plus priced carbon."
    assert ungrounded("My orders: rank three of them, the best first, by cost.", facts, instructions=prompt) != ()
    assert ungrounded("Rank by cost plus carbon.", facts, instructions=prompt) == ()


def test_a_text_without_end_is_refused(facts: Facts) -> None:
    assert ungrounded("green " * 400, facts) != ()


def test_summer_times_are_uk_times_unless_labelled() -> None:
    summer = Facts(now=datetime(2026, 7, 1, 9, tzinfo=UTC))
    summer.instants.add(datetime(2026, 7, 1, 17, tzinfo=UTC))
    assert ungrounded("It ends at 18:00.", summer) == ()
    assert ungrounded("It ends at 17:00 UTC.", summer) == ()
    assert ungrounded("It ends at 17:00.", summer) != ()
    assert ungrounded("It ends at 18:00 UTC.", summer) != ()


def test_tool_results_tell_their_units_by_their_keys() -> None:
    known = Facts(now=NOW)
    known.add_json(
        {
            "regions": {
                "London": {"intensity_g_per_kwh": {"mean": 131.2, "lowest": {"at": "2026-11-25T03:00Z", "value": 88}}}
            },
            "saved": {"cost_pct": -12.5},
            "confidence": 0.87,
        }
    )
    assert ungrounded("London averages 131.2 g/kWh, 88 g/kWh at 03:00; 12.5 % dearer, 87 % sure.", known) == ()
    assert ungrounded("London averages 131.2 kg.", known) != ()
