"""What is read from Octopus' answers, real and broken, daylight-saving days included."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.tools.source_server import HALF_HOUR, products_body, rates_body
from tools.sources.agile import derive_rate
from tools.sources.octopus import agile_products, parse_rates
from tools.sources.prices import price_arrays

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def test_a_real_page_is_read_newest_first_with_negative_prices(shared_data):
    rates = parse_rates(json.loads((shared_data / "octopus" / "octopus_agile_D_2020-05-25.json").read_text()))
    assert len(rates) == 100
    assert rates[datetime(2020, 5, 25, 21, 30, tzinfo=UTC)] == 6.95
    assert min(rates.values()) == -5.02


def test_the_newest_import_product_on_sale_is_found():
    assert agile_products([products_body()], NOW)[0].code == "AGILE-24-10-01"
    assert agile_products([products_body()], datetime(2022, 1, 1, tzinfo=UTC))[0].code == "AGILE-18-02-21"


@pytest.mark.parametrize(
    "body", [None, {}, [], {"results": None}, {"results": [None, {"code": 5}, {"code": "AGILE-1/.."}]}]
)
def test_no_product_in_a_broken_list(body):
    assert agile_products([body], NOW) == []


@pytest.mark.parametrize(
    "change",
    [
        {"value_exc_vat": None},
        {"value_exc_vat": "12"},
        {"value_exc_vat": 99999},
        {"value_exc_vat": True},
        {"valid_from": None},
        {"valid_from": "2026-01-05"},
        {"valid_from": "2026-01-05T12:10:00Z"},
        {"valid_to": "2026-01-05T12:17:00Z"},
        {"valid_to": "2026-01-05T11:00:00Z"},
    ],
)
def test_a_rate_that_makes_no_sense_is_left_out(change):
    body = rates_body("C", NOW, NOW + HALF_HOUR)
    body["results"][0] |= change
    assert parse_rates(body) == {}


def test_a_rate_over_several_half_hours_fills_each_and_one_without_end_fills_one():
    body = rates_body("C", NOW, NOW + HALF_HOUR)
    body["results"][0]["valid_to"] = "2026-01-05T13:30:00Z"
    assert len(parse_rates(body)) == 3
    body["results"][0]["valid_to"] = None
    assert list(parse_rates(body)) == [NOW]


@pytest.mark.parametrize(
    ("midnight", "half_hours"), [("2026-03-29T00:00:00+00:00", 46), ("2026-10-25T00:00:00+01:00", 50)]
)
def test_days_on_which_clocks_change_have_46_and_50_half_hours(midnight, half_hours):
    start = datetime.fromisoformat(midnight).astimezone(UTC)
    end = start + half_hours * HALF_HOUR
    rates = parse_rates(rates_body("C", start, end))
    found = price_arrays({"C": rates}, start, half_hours)
    price, estimated = found.price, found.estimated
    assert price.shape == (14, half_hours)
    london = price[12]
    assert london.tolist() == pytest.approx([rates[start + i * HALF_HOUR] / 100 for i in range(half_hours)])
    assert not estimated[12].any()


def test_beyond_what_is_published_the_same_local_half_hour_of_the_last_seven_days_is_taken_and_flagged():
    """Over the spring change: 18:00 local is 18:00Z before it and 17:00Z after it."""
    start = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
    known = {}
    for day in range(1, 9):
        for slot in range(48):
            time = datetime(2026, 3, 29, tzinfo=UTC) - timedelta(days=day) + slot * HALF_HOUR
            known[time] = 100.0 if day == 8 else float(day + slot)
    found = price_arrays({"C": known}, start, 24)
    price, estimated, derived = found.price, found.estimated, found.derived
    five_pm_utc = (datetime(2026, 3, 29, 17, 0, tzinfo=UTC) - start) // HALF_HOUR
    assert price[12, five_pm_utc] == pytest.approx((sum(range(1, 8)) / 7 + 36) / 100)
    assert estimated.all()
    assert derived == 0


def test_a_region_whose_rates_are_missing_gets_them_derived_and_flagged():
    rates = parse_rates(rates_body("C", NOW, NOW + 12 * HALF_HOUR))
    found = price_arrays({"C": rates}, NOW, 12)
    price, estimated, derived = found.price, found.estimated, found.derived
    assert derived == 13 * 12
    assert estimated[0].all()
    expected = derive_rate(rates[NOW] * 1.05, NOW, "C", "P") / 1.05 / 100
    assert price[0, 0] == pytest.approx(expected)


def test_no_rate_at_all_leaves_every_price_a_hole():
    found = price_arrays({}, NOW, 4)
    price, estimated, derived = found.price, found.estimated, found.derived
    assert derived == 0
    assert not estimated.any()
    assert (price != price).all()
