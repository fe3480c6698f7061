"""`gridwise backtest` as a process: records, table, page, exit codes."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.graph.command import gridwise
from tests.unit.graph.views.browser import assert_self_contained

pytestmark = pytest.mark.anyio


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A fortnight whose nights are clean and cheap."""
    path = tmp_path / "fortnight.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "intensity", "forecast", "price_gbp_per_kwh"])
        for slot in range(14 * 48):
            time = datetime(2024, 1, 1, tzinfo=UTC) + slot * timedelta(minutes=30)
            night = time.hour < 6
            writer.writerow([time.isoformat(), 50 if night else 200, 60 if night else 190, 0.1 if night else 0.3])
    return path


async def test_policies_are_compared_on_the_same_jobs(trace: Path, home: dict[str, Any]) -> None:
    page = home["cwd"] / "page.html"
    arguments = ("backtest", "--trace", str(trace), "--count", "100", "--html", str(page))
    answer = await gridwise(*arguments, "--json", **home)
    assert answer.code == 0, answer.err
    by_policy = {record["policy"]: record for record in answer.records}
    assert set(by_policy) == {"run now", "greenest", "cheapest", "ours", "oracle"}
    assert len({record["jobs"] for record in answer.records}) == 1
    assert by_policy["run now"]["carbon_saved_pct"] == 0
    assert by_policy["ours"]["carbon_saved_pct"] > 20
    assert by_policy["oracle"]["carbon_kg"] <= by_policy["ours"]["carbon_kg"] + 1e-9
    assert_self_contained(page.read_text())
    plain = await gridwise(*arguments, **home)
    assert plain.out.splitlines()[0].split("\t")[0] == "policy"
    assert len(plain.out.splitlines()) == 6


async def test_other_scenarios_and_wrong_ones(trace: Path, home: dict[str, Any]) -> None:
    nightly = await gridwise(
        "backtest", "--trace", str(trace), "--scenario", "nightly", "--window-hours", "2", "--json", **home
    )
    assert nightly.code == 0, nightly.err
    assert nightly.records[0]["jobs"] == 13
    nothing = await gridwise("backtest", "--trace", str(trace), "--scenario", "ml", "--slack", "never", **home)
    assert nothing.code == 2
    assert "next_workday or semi_weekly" in nothing.err
