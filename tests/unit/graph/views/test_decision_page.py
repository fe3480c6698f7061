"""The page that explains a decision: self-contained, readable at two widths, honest where figures are gone."""

from datetime import UTC, datetime, timedelta

import pytest

from graph.views.decision import Explanation, judge
from graph.views.decision_page import explain_page
from tests.unit.graph.views.browser import assert_self_contained, measure
from tests.unit.tools.instances import asset_of
from tools.placement import Job, Limits, Problem
from tools.regions import REGION_IDS
from tools.solver.candidates import energy_candidates
from tools.sources.recorded import RecordedSource

NOW = datetime(2026, 11, 24, 10, 13, tzinfo=UTC)
ROW = {
    "id": "5bf94f0b-944a-51f7-8a7a-5cf9d2905d46",
    "workload_name": "<b>Genome</b> & co",
    "status": "queued",
    "decision_summary": "Run there <script>alert(1)</script>",
    "recommended_region": "North Scotland",
    "recommended_carbon_intensity": 7.15,
    "recommended_renewable_mix": 84.5,
    "recommended_cost_gbp": 1.43,
    "recommendation_confidence": 0.94,
    "metadata": {"recommendations": [{"rank": 1, "reason": "low_carbon", "reasoning": "Least <carbon>."}]},
}


@pytest.fixture
async def explained():
    market = await RecordedSource().market(NOW)
    problem = Problem(
        now=NOW,
        job=Job(energy_kwh=10, duration_minutes=240, power_kw=2.5, pausable=True, assumptions=("One GPU is assumed.",)),
        limits=Limits(
            earliest_start=NOW + timedelta(hours=2),
            latest_start=NOW + timedelta(hours=30),
            latest_finish=NOW + timedelta(hours=40),
            max_intensity_g_per_kwh=150,
        ),
        assets=tuple(asset_of(region, name=f"Data centre {region} & sons") for region in REGION_IDS),
        preferred_asset="Data centre 13 & sons",
        carbon_price_gbp_per_tonne=300,
    )
    ids = tuple(option.option_id for option in energy_candidates(problem, market)[:3])
    return judge(ROW, problem, market, ids)


@pytest.mark.anyio
async def test_it_tells_options_limits_job_and_sources_and_loads_nothing(explained):
    page = explain_page(explained)
    assert_self_contained(page)
    for words in (
        "finish by",
        "150 g/kWh",
        "One GPU is assumed.",
        "recorded day 2023-11-03",
        "running now",
        "Least &lt;carbon&gt;.",
    ):
        assert words in page
    assert "&lt;b&gt;Genome&lt;/b&gt; &amp; co" in page
    assert page.count('<tr class="best">') == 1
    assert [j.rank for j in explained.options[:4]] == [1, 2, 3, None]


@pytest.mark.anyio
async def test_lines_and_windows_differ_without_colour(explained):
    page = explain_page(explained)
    strokes = {part.split('"')[0] for part in page.split('stroke-dasharray="')[1:]}
    assert len(strokes) >= 5
    for pattern in ("url(#chosen)", "url(#rejected)", "url(#now)", ">chosen<", ">second<", ">running now<"):
        assert pattern in page


@pytest.mark.anyio
@pytest.mark.parametrize("width", [1200, 500, 390])
async def test_it_fits_a_desk_and_a_telephone(explained, width, tmp_path):
    found = measure(explain_page(explained), width, tmp_path)
    assert found["width"] == width
    assert found["overflow"] <= 0
    assert found["paths"] >= 2 * len(REGION_IDS)
    assert found["texts"] > 30
    assert (found["outside"], found["overlapping"], found["small"]) == ([], [], 0)


def test_a_decision_whose_figures_are_gone_is_still_told():
    page = explain_page(Explanation({**ROW, "status": "failed", "agent_error": "No <placement>."}))
    assert_self_contained(page)
    assert "no longer stored" in page
    assert "7.15 gCO2/kWh" in page


@pytest.mark.anyio
async def test_an_infeasible_workload_shows_the_figures_it_failed_on(explained):
    problem = explained.problem.model_copy(
        update={"limits": Limits(earliest_start=NOW, carbon_cap_g=0.0, required_regions=(13,))}
    )
    page = explain_page(
        judge({**ROW, "decision_summary": None, "agent_error": "Too tight."}, problem, explained.market, ())
    )
    assert "Too tight." in page
    assert "0 g for the run" in page
    assert '<tr class="best">' not in page
