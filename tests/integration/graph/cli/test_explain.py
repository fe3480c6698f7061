"""`gridwise explain` of a workload that `gridwise run` has placed, read from the run's own checkpoint."""

from typing import Any
from uuid import uuid4

import pytest

from tests.integration.graph.command import gridwise
from tests.unit.graph.views.browser import assert_self_contained

pytestmark = pytest.mark.anyio


async def test_a_placed_workload_is_explained_with_the_figures_it_was_decided_on(home: dict[str, Any]) -> None:
    home = {**home, "GRIDWISE_SOURCES": "recorded"}
    submitted = await gridwise(
        "submit", "Nightly <training>", "--hours", "3", "--gpu-mins", "180", "--deferral-mins", "1200", "--json", **home
    )
    assert submitted.code == 0, submitted.err
    workload_id = submitted.records[0]["id"]
    ran = await gridwise("run", "--until-empty", **home)
    assert ran.code == 0, ran.err
    (row,) = (await gridwise("show", workload_id, "--json", **home)).records

    page = home["cwd"] / "page.html"
    explained = await gridwise("explain", workload_id, "--html", str(page), "--json", **home)
    assert explained.code == 0, explained.err
    (record,) = explained.records
    assert_self_contained(page.read_text())
    assert "Nightly &lt;training&gt;" in page.read_text()

    winner = next(option for option in record["options"] if option["rank"] == 1)
    assert winner["region"] == row["recommended_region"]
    assert winner["intensity_g_per_kwh"] == pytest.approx(float(row["recommended_carbon_intensity"]), abs=0.06)
    assert winner["cost_gbp"] == pytest.approx(float(row["recommended_cost_gbp"]), abs=1e-4)
    assert winner["confidence"] == pytest.approx(float(row["recommendation_confidence"]), abs=0.006)
    assert [o["rank"] for o in record["options"][:3]] == [1, 2, 3]
    assert len(record["options"]) > 3
    assert record["running_now"]["id"] == "now"
    assert record["carbon"]["mode"] == "recorded"


async def test_an_unknown_workload_ends_with_1(home: dict[str, Any]) -> None:
    answer = await gridwise("explain", str(uuid4()), **home)
    assert answer.code == 1
    assert "There is no workload" in answer.err
