"""`gridwise demo` on a bare machine: every sample answered, the figures those of the recorded day."""

import asyncio
import csv
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.graph.command import gridwise, start

pytestmark = pytest.mark.anyio

REGIONS = {
    "North Scotland": 1,
    "South Scotland": 2,
    "North West England": 3,
    "North East England": 4,
    "Yorkshire": 5,
    "North Wales & Merseyside": 6,
    "South Wales": 7,
    "West Midlands": 8,
    "East Midlands": 9,
    "East England": 10,
    "South West England": 11,
    "South England": 12,
    "London": 13,
    "South East England": 14,
}
# region → (factor, peak adder) of the Agile formula; letters and figures as in the design's table
AGILE = {
    1: (0.24, 12), 2: (0.21, 13), 3: (0.21, 12), 4: (0.21, 12), 5: (0.20, 13), 6: (0.22, 13), 7: (0.22, 12),
    8: (0.21, 11), 9: (0.20, 14), 10: (0.21, 13), 11: (0.23, 11), 12: (0.21, 12), 13: (0.20, 12), 14: (0.22, 12),
}  # fmt: skip


async def test_every_sample_is_answered_and_a_second_demo_gives_the_same_answers(home: dict[str, Any]) -> None:
    runs = []
    for _ in range(2):
        answer = await gridwise("demo", "--json", **home)
        assert answer.code == 0, answer.err
        rows = answer.records
        runs.append(_answers(rows))
        failed = {row["workload_name"]: row["agent_error"] for row in rows if row["status"] == "failed"}
        assert len(rows) == 12
        assert {row["status"] for row in rows} == {"queued", "failed"}
        assert all("infeasible on purpose" in name for name in failed)
        assert len(failed) == 2
        assert any("deadline" in error for error in failed.values())
        assert any("max_price_gbp" in error for error in failed.values())
        for row in rows:
            if row["status"] == "queued":
                assert row["decision_summary"]
                assert row["recommended_asset_id"]
                assert row["recommended_grid_zone_id"]
                assert 0 <= float(row["recommendation_confidence"]) <= 1
                assert row["metadata"]["provenance"]["carbon"]["mode"] == "recorded"
                assert "offline" in row["metadata"]["provenance"]["models"]["head"]
    assert runs[0] == runs[1]


async def test_a_demo_fits_on_a_page_of_80_columns_says_why_and_its_rows_can_be_looked_at(home: dict[str, Any]) -> None:
    narrow = {**home, "COLUMNS": "80"}
    answer = await gridwise("demo", **narrow)
    assert answer.code == 0, answer.err
    lines = [*answer.err.splitlines(), *answer.out.splitlines()]
    assert len(lines) <= 40
    assert max(map(len, answer.out.splitlines()[:-1])) <= 80
    assert "Offline planner" in answer.err
    placed = [line for line in lines if line.startswith(("  Greener: ", "  No alternative emits less"))]
    assert len(placed) == 10
    for term in ("CO2, £", "saves", "Greener"):
        assert any(line.startswith(term) for line in lines)
    listed = await gridwise("list", "--demo", "--json", **home)
    assert len(listed.records) == 12
    shown = await gridwise("show", "--demo", "Sample: genome alignment", **home)
    assert shown.code == 0, shown.err
    assert "North Scotland" in shown.out
    assert (await gridwise("list", "--json", **home)).records == [], "the user's own queue is untouched"


def _answers(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    columns = ("workload_name", "status", "decision_summary", "agent_error", "recommended_time_window_start")
    return [tuple(row[column] for column in columns) for row in rows]


async def test_an_interrupted_demo_leaves_nothing_running_and_nothing_stuck(home: dict[str, Any]) -> None:
    process = await start("demo", **home)
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while "submitted" not in (await process.stderr.readline()).decode():
            pass
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130, err.decode()
    data = home["cwd"] / "data"
    assert not list(data.glob("**/postmaster.pid"))
    states = [row["status"] for row in (await gridwise("list", "--demo", "--json", **home)).records]
    assert len(states) == 12
    assert set(states) <= {"pending", "queued", "failed", "processing"}


async def test_three_placements_are_what_brute_force_finds(home: dict[str, Any], shared_data: Path) -> None:
    answer = await gridwise("demo", "--json", **home)
    assert answer.code == 0, answer.err
    rows = {row["workload_name"].removeprefix("Sample: "): row for row in answer.records}
    for name in ("nightly fraud-model training", "satellite tiles to Parquet", "genome alignment"):
        _check_by_brute_force(rows[name], shared_data)


def _check_by_brute_force(row: dict[str, Any], shared_data: Path) -> None:
    """Every site × every minute, one slot after the other, from the recording itself."""
    day = _recorded_day(shared_data)
    provenance, chosen = row["metadata"]["provenance"], row["metadata"]["selected_option"]["option_data"]
    carbon_price = provenance["carbon_price_gbp_per_tonne"] / 1e6
    now, energy = datetime.fromisoformat(provenance["clock"]), float(row["estimated_energy_kwh"])
    length = timedelta(hours=float(row["estimated_duration_hours"]))
    latest = datetime.fromisoformat(row["submitted_at"]) + timedelta(minutes=row["deferral_window_mins"])
    due = datetime.fromisoformat(row["deadline"]) if row["deadline"] else latest + length
    due = min(due, _slot(now) + timedelta(minutes=30 * 97))
    objectives = []
    for region in _regions_of_sites_that_fit(row):
        start = _minute_up(now)
        while start <= latest and start + length <= due:
            grams, pounds, renewable = _totals(day, region, start, start + length, energy)
            keeps_intensity = grams / energy <= float(row["max_carbon_intensity_gco2_kwh"] or "inf")
            if keeps_intensity and renewable >= float(row["min_renewable_pct"] or 0):
                objectives.append(pounds + grams * carbon_price)
            start += timedelta(minutes=1)
    assert chosen["cost_gbp"] + chosen["carbon_g"] * carbon_price == pytest.approx(min(objectives), abs=1e-4)
    grams, pounds, renewable = _totals(
        day,
        REGIONS[row["recommended_region"]],
        datetime.fromisoformat(row["recommended_time_window_start"]),
        datetime.fromisoformat(row["recommended_time_window_end"]),
        energy,
    )
    assert float(row["recommended_carbon_intensity"]) == pytest.approx(grams / energy, abs=0.0051)
    assert float(row["recommended_cost_gbp"]) == pytest.approx(pounds, abs=0.000051)
    assert float(row["recommended_renewable_mix"]) == pytest.approx(renewable, abs=0.0051)


Day = dict[tuple[int, int], tuple[float, float, float]]
"""(region, minute of day of the slot's start) → gCO2/kWh, GBP/kWh, renewable %."""


def _recorded_day(shared_data: Path) -> Day:
    rates = {}
    with (shared_data / "octopus/matched_2023_national_ci_and_agile.csv").open() as file:
        for line in csv.DictReader(file):
            rates[datetime.fromisoformat(line["slot_utc"])] = float(line["agile_import_p"])
    day = {}
    with next((shared_data / "neso").glob("regional_all18_2023-11-03*.csv")).open() as file:
        for line in csv.DictReader(file):
            region = int(line["regionid"])
            if region <= 14:
                time = datetime.fromisoformat(line["slot"])
                peak = 16 <= time.hour < 19  # November: UK time is UTC
                factor, adder = AGILE[region]
                wholesale = (rates[time] - (AGILE[13][1] if peak else 0)) / AGILE[13][0]
                pounds = (wholesale * factor + (adder if peak else 0)) / 1.05 / 100
                renewable = sum(float(line[fuel]) for fuel in ("wind", "solar", "hydro"))
                day[region, time.hour * 60 + time.minute] = (float(line["forecast"]), pounds, renewable)
    return day


def _totals(day: Day, region: int, start: datetime, end: datetime, energy: float) -> tuple[float, float, float]:
    """gCO2, GBP, and the mean renewable share (%) of a run that uses `energy` kWh evenly."""
    grams = pounds = renewable = 0.0
    slot = _slot(start)
    while slot < end:
        share = (min(end, slot + timedelta(minutes=30)) - max(start, slot)) / (end - start)
        intensity, price, mix = day[region, slot.hour * 60 + slot.minute]
        grams, pounds, renewable = (
            grams + share * energy * intensity,
            pounds + share * energy * price,
            renewable + share * mix,
        )
        slot += timedelta(minutes=30)
    return grams, pounds, renewable


def _regions_of_sites_that_fit(row: dict[str, Any]) -> set[int]:
    """All sample sites have the cores and the memory; those without a GPU cannot host GPU minutes."""
    with_gpu = {1, 2, 4, 6, 7, 10, 12, 13}
    return with_gpu if row["required_gpu_mins"] else with_gpu | {3, 5, 8, 11}


def _slot(time: datetime) -> datetime:
    utc = time.astimezone(UTC)
    return utc.replace(minute=utc.minute // 30 * 30, second=0, microsecond=0)


def _minute_up(time: datetime) -> datetime:
    whole = time.replace(second=0, microsecond=0)
    return whole if whole == time else whole + timedelta(minutes=1)
