"""The tools as the agents' loop calls them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.tools.instances import asset_of
from tools.placement import Job, Limits, Problem
from tools.regions import REGION_IDS
from tools.sources.recorded import RecordedSource
from tools.toolkit import tools

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 24, 10, 13, tzinfo=UTC)
TOOLS = list(tools.TOOLS.values())


def problem(**limits) -> Problem:
    return Problem(
        now=NOW,
        job=Job(energy_kwh=10, duration_minutes=120, power_kw=5, assumptions=("assumed",)),
        limits=Limits(**({"earliest_start": NOW, "latest_finish": NOW + timedelta(hours=20)} | limits)),
        assets=tuple(asset_of(region, name=f"dc{region}", gpu_count=region) for region in REGION_IDS),
        preferred_asset="dc13",
        carbon_price_gbp_per_tonne=300.0,
    )


async def call(name, args, limits=None):
    given = tools.Given(problem(**(limits or {})), await RecordedSource().market(NOW))
    message = tools.call_tool({"name": name, "args": args, "id": "1"}, given, list(tools.TOOLS))
    assert (message.name, message.tool_call_id) == (name, "1")
    return message.content


async def told(name, args, limits=None):
    return json.loads(await call(name, args, limits))


async def test_no_tool_shows_the_state_to_the_model():
    for tool in TOOLS:
        assert "known" not in tool.tool_call_schema.model_json_schema()["properties"]
        assert len(tool.description) > 60


async def test_assets_are_listed_with_the_id_of_their_soonest_placement():
    answer = await told("find_assets", {"regions": "Scotland", "min_gpus": 2})
    assert [(a["asset"], a["option"]["id"]) for a in answer["assets"]] == [("dc2", "c2")]
    assert answer["matching"] == 1


async def test_windows_are_filtered_and_ordered_but_never_renamed():
    every = {o["id"]: o for o in (await told("find_windows", {"limit": 60}))["options"]}
    clean = (await told("find_windows", {"order_by": "cleanest", "regions": "London or Wales", "limit": 60}))["options"]
    assert clean == sorted(clean, key=lambda o: o["carbon_g"])
    assert {o["region"] for o in clean} == {"London", "North Wales & Merseyside", "South Wales"}
    assert all(every[o["id"]] == o for o in clean)
    soon = await told("find_windows", {"finish_by": "2026-11-24T13:00:00", "limit": 60})
    assert soon["options"]
    assert all(o["end"] <= "2026-11-24T13:00Z" for o in soon["options"])


async def test_series_do_not_grow_with_the_horizon():
    short = await call("carbon_intensity", {"regions": "London"}, {"latest_finish": NOW + timedelta(hours=6)})
    long = await call("carbon_intensity", {"regions": "London"}, {"latest_finish": NOW + timedelta(hours=47)})
    assert abs(len(long) - len(short)) < 40
    prices = await told("electricity_prices", {"regions": "London"})
    assert len(prices["regions"]["London"]["price_gbp_per_kwh"]["means"]) == 4


async def test_options_are_compared_with_running_now():
    answer = await told("compare_options", {"option_ids": ["e1", "c13", "now"]})
    assert answer["running_now"]["asset"] == "dc13"
    first, preferred, now = answer["options"]
    assert first["worth_shifting"]
    assert first["on_pareto_front"]
    assert 0.5 < first["confidence"] <= 1
    assert preferred["saved"]["carbon_g"] == now["saved"]["carbon_g"] == 0


async def test_energy_without_arguments_is_what_the_placement_uses():
    assert (await told("estimate_energy", {}))["assumptions"] == ["assumed"]
    assert (await told("estimate_energy", {"duration_hours": 2, "cpu_cores": 16}))["duration_minutes"] == 120


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("find_windows", {"regions": "Paris"}, "no region of Great Britain"),
        ("compare_options", {"option_ids": ["e1", "e999"]}, "no option 'e999'"),
        ("estimate_energy", {"duration_hours": 1e9}, "duration_hours"),
        ("find_windows", {"order_by": "luckiest"}, "order_by"),
        ("find_windows", {"limit": -3}, "limit"),
        ("find_windows", {"finish_by": "tomorrow"}, "finish_by"),
        ("compare_options", {"option_ids": []}, "option_ids"),
        ("delete_everything", {}, "not a valid tool, try one of [find_assets, "),
    ],
)
async def test_a_bad_argument_gets_a_clear_answer(name, args, words):
    assert words in await call(name, args)


async def test_where_nothing_is_feasible_the_tool_says_what_binds():
    answer = await told("find_windows", {}, {"latest_finish": NOW + timedelta(hours=1)})
    assert answer["options"] == []
    assert answer["binding"] == "deadline"
    assert "finish by" in answer["relaxations"][0]


async def test_answers_are_the_same_for_the_same_state():
    args = {"option_ids": ["e1", "e2", "e3"]}
    assert await call("compare_options", args) == await call("compare_options", args)
