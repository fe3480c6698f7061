"""Every rung of the ladder through the whole graph: what is recommended, what the row says about its figures."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from agents.model.clients import Models
from graph.build import build_graph
from graph.catalogue import FixedCatalogue
from tests.unit.tools.instances import asset_of
from tests.unit.tools.source_server import Reply, healthy_neso, healthy_octopus, serving
from tools.errors import Infeasible
from tools.regions import REGION_IDS
from tools.sources.cache import MemoryCache
from tools.sources.live import live_source

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 5, 12, 13, tzinfo=UTC)
DOWN = Reply({"error": {"code": "500", "message": "down"}}, status=500)


SITES = [asset_of(region, name=f"site {region}", cpu_cores=64, memory_gb=256) for region in REGION_IDS]


@asynccontextmanager
async def sources():
    octopus = healthy_octopus(NOW.replace(hour=23, minute=0), NOW.replace(minute=0) - timedelta(days=8))
    async with serving(healthy_neso) as carbon, serving(octopus) as prices:
        source = live_source(
            cache=MemoryCache(),
            neso_base_url=carbon.base_url,
            octopus_base_url=prices.base_url,
            retry_seconds=0.01,
        )
        yield source, carbon, prices
        await source.aclose()


async def recommend(source, now, **columns):
    row = {
        "id": str(uuid4()),
        "workload_name": "nightly report",
        "status": "processing",
        "urgency": "LOW",
        "estimated_duration_hours": 2,
        "required_cpu_cores": 8,
        "host_dc": "site 13",
        "is_deferrable": True,
        "submitted_at": now.isoformat(),
        **columns,
    }
    graph = build_graph(models=Models.offline(), source=source, catalogue=FixedCatalogue(SITES)).compile()
    return (await graph.ainvoke({"row": row, "clock": now}))["recommendation"]


def provenance(recommendation):
    return recommendation.metadata["provenance"]


async def test_fresh_figures_say_live():
    async with sources() as (source, _, _):
        fresh = await recommend(source, NOW)
    assert provenance(fresh)["carbon"]["mode"] == provenance(fresh)["price"]["mode"] == "live"
    assert fresh.options[0].region == "North Scotland"


async def test_the_last_good_answer_is_used_with_its_age_in_the_row_and_the_summary():
    async with sources() as (source, carbon, prices):
        await recommend(source, NOW)
        carbon.handle = prices.handle = lambda *_: DOWN
        old = await recommend(source, NOW + timedelta(hours=5))
    assert provenance(old)["carbon"]["mode"] == "last_good"
    assert provenance(old)["carbon"]["age_seconds"] == 5 * 3600
    assert "HTTP 500" in provenance(old)["carbon"]["detail"]
    assert "5.0 hours old" in old.decision_summary


async def test_on_a_daily_profile_the_confidence_is_lower_and_the_summary_says_why():
    async with sources() as (source, carbon, prices):
        fresh = await recommend(source, NOW, host_dc="site 7")
        carbon.handle = prices.handle = lambda *_: DOWN
        profile = await recommend(source, NOW + timedelta(days=3), host_dc="site 7")
    assert provenance(profile)["carbon"]["mode"] == "profile"
    assert profile.confidence < fresh.confidence
    assert "profile" in profile.decision_summary


async def test_without_any_figures_it_runs_now_at_the_preferred_site_and_says_why():
    async with sources() as (source, carbon, prices):
        carbon.handle = prices.handle = lambda *_: DOWN
        blind = await recommend(source, NOW)
    (option,) = blind.options
    assert option.region == "London"
    assert option.start == NOW
    assert (option.carbon_intensity, option.renewable_mix, option.cost_gbp) == (None, None, None)
    assert blind.confidence < 1
    assert "HTTP 500" in blind.decision_summary
    assert provenance(blind)["carbon"]["mode"] == "none"


async def test_a_cap_is_never_promised_without_figures():
    async with sources() as (source, carbon, prices):
        carbon.handle = prices.handle = lambda *_: DOWN
        with pytest.raises(Infeasible, match="carbon_cap_gco2 cannot be checked"):
            await recommend(source, NOW, carbon_cap_gco2=500)


async def test_without_prices_carbon_alone_decides_and_the_cost_stays_unknown():
    async with sources() as (source, _, prices):
        prices.handle = lambda *_: DOWN
        unpriced = await recommend(source, NOW)
    assert unpriced.options[0].cost_gbp is None
    assert unpriced.options[0].carbon_intensity is not None
    assert provenance(unpriced)["price"]["mode"] == "none"
