"""The recorded day against the recordings it was made from, and placements on it against trying everything."""

import csv
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.unit.tools.instances import asset_of
from tests.unit.tools.oracle import best
from tools.placement import Job, Limits, Problem
from tools.regions import REGION_IDS
from tools.solver.search import optimum
from tools.sources.agile import derive_rate
from tools.sources.recorded import RecordedSource, recorded_day

NOW = datetime(2026, 11, 24, 10, 20, tzinfo=UTC)


@pytest.fixture
async def market():
    return await RecordedSource().market(NOW)


@pytest.mark.anyio
async def test_every_figure_says_that_it_is_recorded(market):
    assert (market.carbon.mode, market.price.mode) == ("recorded", "recorded")
    assert "2023-11-03" in market.carbon.detail
    assert "derived" in market.price.detail
    assert market.price_estimated.all()
    assert not np.isnan(market.intensity).any()


@pytest.mark.anyio
async def test_the_day_is_replayed_by_time_of_day(market):
    assert market.start == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert np.array_equal(market.intensity[:, :48], market.intensity[:, 48:])
    assert np.array_equal(market.intensity[:, 0], recorded_day().intensity[:, 20])


def test_the_table_is_the_recording(shared_data):
    day = recorded_day()
    with (shared_data / "neso" / "regional_all18_2023-11-03T1400Z_48slots.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if int(row["regionid"]) in REGION_IDS]
    assert len(rows) == 14 * 48
    for row in rows:
        column = int(row["slot"][11:13]) * 2 + int(row["slot"][14:16]) // 30
        region = int(row["regionid"]) - 1
        renewable = float(row["wind"]) + float(row["solar"]) + float(row["hydro"])
        assert day.intensity[region, column] == float(row["forecast"])
        assert day.renewable[region, column] == pytest.approx(renewable)
        assert day.low_carbon[region, column] == pytest.approx(renewable + float(row["nuclear"]))


def test_londons_prices_are_the_recorded_rates_without_vat_and_the_others_derived(shared_data):
    name = "agile-half-hour-actual-rates-01-11-2022_20-12-2023.csv"
    with (shared_data / "octopus" / name).open() as file:
        rates = {row["Period from"]: float(row["Agile Import price (p/kWh)"]) for row in csv.DictReader(file)}
    day = recorded_day()
    for slot in range(48):
        time = datetime(2023, 11, 3, 14, tzinfo=UTC) + timedelta(minutes=30 * slot)
        rate = rates[f"{time:%d/%m/%Y %H:%M}"]
        column = time.hour * 2 + time.minute // 30
        assert day.price_gbp_per_kwh[12, column] == pytest.approx(rate / 1.05 / 100)
        north = derive_rate(rate, time, "C", "P") / 1.05 / 100
        assert day.price_gbp_per_kwh[0, column] == pytest.approx(north)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("minutes", "limits", "carbon_price"),
    [
        (120, {"latest_finish": NOW + timedelta(hours=20)}, 300.0),
        (90, {"max_intensity_g_per_kwh": 60.0, "excluded_regions": (1, 2, 4)}, 100.0),
        (250, {"min_renewable_pct": 60.0, "latest_start": NOW + timedelta(hours=9)}, 1000.0),
    ],
)
async def test_three_placements_are_what_trying_every_minute_finds(market, minutes, limits, carbon_price):
    problem = Problem(
        now=NOW,
        job=Job(energy_kwh=12.0, duration_minutes=minutes, power_kw=3.0),
        limits=Limits(earliest_start=NOW, **limits),
        assets=tuple(asset_of(region, pue=1.1 + region / 100) for region in REGION_IDS),
        carbon_price_gbp_per_tonne=carbon_price,
    )
    expected, option = best(problem, market), optimum(problem, market)
    assert option.objective_gbp == pytest.approx(expected.objective)
    assert option.cost_gbp == pytest.approx(expected.cost)
    assert option.carbon_g == pytest.approx(expected.carbon)
    assert (option.start - market.start) == timedelta(minutes=expected.start)
    assert option.asset.region == expected.region
