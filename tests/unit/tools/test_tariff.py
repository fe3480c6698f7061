"""A site's own prices: by the clock and the weekday in the UK, told exactly once each, or refused in words."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.unit.tools.instances import asset_of, market_of
from tools.market import prices_at
from tools.placement import Asset, Job, Limits, Problem
from tools.solver.baseline import run_now
from tools.solver.search import optimum
from tools.tariff import TariffError, read_tariff

BANDS = {
    "kind": "bands",
    "bands": [
        {"days": "weekdays", "from": "23:30", "to": "05:30", "p_per_kwh": 5},
        {"days": ["Saturday", "sun"], "from": "00:00", "to": "24:00", "p_per_kwh": 12},
    ],
    "otherwise_p_per_kwh": 20,
}
NETWORK = {"bands": [{"days": "weekdays", "from": "16:00", "to": "19:00", "p_per_kwh": 8}], "otherwise_p_per_kwh": 1}


def priced(tariff, start, slots=48, price=0.3):
    market = market_of(
        np.full((14, slots), 100.0), np.full((14, slots), price) + np.arange(14)[:, None] / 100, start=start
    )
    return market, asset_of(1, tariff=read_tariff(tariff))


def test_a_fixed_price_holds_at_all_times_and_is_no_estimate():
    market, asset = priced({"kind": "fixed", "p_per_kwh": 18.5}, datetime(2026, 1, 5, tzinfo=UTC))
    price, estimated = prices_at(market, asset)
    assert price == pytest.approx(0.185)
    assert not estimated.any()


@pytest.mark.parametrize(
    "start", [datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)]
)
def test_bands_go_by_uk_clock_and_weekday_over_midnight_and_summer_time(start):
    from zoneinfo import ZoneInfo

    market, asset = priced(
        {"kind": "bands"} | {k: v for k, v in BANDS.items() if k != "kind"} | {"bands": BANDS["bands"][:1]}, start, 96
    )
    found, _ = prices_at(market, asset)
    for i, price in enumerate(found):
        local = (start + i * timedelta(minutes=30)).astimezone(ZoneInfo("Europe/London"))
        clock, day = local.hour * 60 + local.minute, local.weekday()
        night = (clock >= 1410 and day < 5) or (clock < 330 and (day - 1) % 7 < 5)
        assert price == pytest.approx(0.05 if night else 0.20), local


def test_agile_of_another_region_and_the_networks_charges_on_top():
    start = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
    market, asset = priced({"kind": "agile", "region": "C", "network": NETWORK}, start)
    price, _ = prices_at(market, asset)
    assert price[0] == pytest.approx(0.3 + 0.12 + 0.01)
    assert price[2] == pytest.approx(0.3 + 0.12 + 0.08)


@pytest.mark.parametrize(
    ("tariff", "says"),
    [
        ({"kind": "fixed", "p_per_kwh": "cheap"}, "p_per_kwh.*'cheap'"),
        ({"kind": "fixed", "p_per_kwh": 1850}, "p_per_kwh.*200.*1850"),
        ({"kind": "fixed", "p_per_kwh": float("nan")}, "p_per_kwh"),
        ({"kind": "fixed", "price": 18}, "p_per_kwh"),
        ({"kind": "flat", "p_per_kwh": 18}, "fixed, bands or agile"),
        ("fixed", "metadata.tariff"),
        ({"kind": "agile", "region": "Q"}, "region: 'Q'"),
        (
            {"kind": "bands", "bands": [{"from": "07:15", "to": "23:00", "p_per_kwh": 1}], "otherwise_p_per_kwh": 1},
            "07:15",
        ),
        (
            {"kind": "bands", "bands": [{"from": "07:00", "to": "25:00", "p_per_kwh": 1}], "otherwise_p_per_kwh": 1},
            "25:00",
        ),
        (
            {
                "kind": "bands",
                "bands": [{"days": "mo-fr", "from": "07:00", "to": "08:00", "p_per_kwh": 1}],
                "otherwise_p_per_kwh": 1,
            },
            "mo-fr",
        ),
        ({"kind": "bands", "bands": [{"from": "07:00", "to": "08:00", "p_per_kwh": 1}]}, "no band holds on mon 00:00"),
        (BANDS, "bands 1 and 2 both hold on sat 00:00"),
    ],
)
def test_what_is_no_tariff_is_refused_with_the_part_and_what_it_must_be(tariff, says):
    with pytest.raises(TariffError, match=says):
        read_tariff(tariff)


def test_each_site_is_placed_and_costed_at_its_own_price():
    start = datetime(2026, 1, 5, tzinfo=UTC)
    market = market_of(np.full((2, 8), 100.0), np.array([[0.30] * 8, [0.25] * 8]), start=start)
    cheap = {"kind": "bands", "bands": [{"from": "02:00", "to": "03:00", "p_per_kwh": 2}], "otherwise_p_per_kwh": 40}
    sites = (
        asset_of(1, name="proxy"),
        Asset(asset_id=None, name="own", region=1, pue=1.0, tariff=read_tariff(cheap)),
        asset_of(2, name="other"),
    )
    problem = Problem(
        now=start,
        job=Job(energy_kwh=10, duration_minutes=60, power_kw=10),
        limits=Limits(earliest_start=start),
        assets=sites,
        carbon_price_gbp_per_tonne=100,
    )
    best = optimum(problem, market)
    assert (best.asset.name, best.start, best.cost_gbp) == ("own", start + timedelta(hours=2), pytest.approx(0.2))
    dear = problem.model_copy(update={"preferred_asset": "own"})
    assert run_now(dear, market).cost_gbp == pytest.approx(4.0)
    assert run_now(problem.model_copy(update={"preferred_asset": "proxy"}), market).cost_gbp == pytest.approx(3.0)
