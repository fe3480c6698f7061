"""What is read from NESO's answers, real and broken."""

import json
import math
from datetime import UTC, datetime

import pytest

from tests.unit.tools.source_server import HALF_HOUR, neso_body, neso_entry, stamp
from tools.sources.neso import parse_regional

START = datetime(2026, 5, 5, 23, 30, tzinfo=UTC)


def real(shared_data, name):
    return json.loads((shared_data / "neso" / name).read_text())


def test_all_regions_by_period_gives_the_fourteen_places_and_no_aggregate(shared_data):
    series = parse_regional(real(shared_data, "regional_intensity_fw24h_period_keyed.json"))
    assert sorted(series.cells) == [START, START + HALF_HOUR]
    assert sorted(series.cells[START]) == list(range(1, 15))
    assert series.cells[START][1] == (0.0, 100.0, 100.0)
    assert series.oddities == ()


def test_one_region_over_a_range_is_an_object_and_read_all_the_same(shared_data):
    series = parse_regional(real(shared_data, "regional_intensity_fw24h_region_keyed.json"))
    assert len(series.cells) == 49
    intensity, renewable, low_carbon = series.cells[START][13]
    assert (intensity, renewable, low_carbon) == pytest.approx((172, 16.8, 21.8))


def test_the_shape_of_now_is_read(shared_data):
    series = parse_regional(real(shared_data, "regional_now_2026-05-31.json"))
    assert list(series.cells) == [datetime(2026, 5, 31, 1, 30, tzinfo=UTC), datetime(2026, 5, 31, 2, 0, tzinfo=UTC)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": []},
        {"data": None},
        {"data": {}},
        {"data": "no"},
        [],
        None,
        7,
        "text",
        {"data": [None, 3, "x", []]},
        {"data": [{"regions": None}]},
        {"data": [{"from": START.isoformat(), "to": None, "regions": [neso_entry(1, 5)]}]},
        {"data": [{"from": "yesterday", "to": "today", "regions": [neso_entry(1, 5)]}]},
        {"data": [{"from": stamp(START), "to": stamp(START + 2 * HALF_HOUR), "regions": [neso_entry(1, 5)]}]},
        {"error": {"code": "400 Bad Request", "message": "no"}},
    ],
)
def test_a_body_without_a_half_hour_gives_no_cell(body):
    assert parse_regional(body).cells == {}


@pytest.mark.parametrize("value", [None, "12", True, -1, 5000, math.inf, math.nan, 10**400, [], {}])
def test_what_is_not_an_intensity_is_a_hole_and_never_zero(value):
    body = neso_body(START, 1, lambda _slot, region: value if region == 3 else 100)
    series = parse_regional(body)
    assert math.isnan(series.cells[START][3][0])
    assert series.cells[START][2][0] == 100
    assert series.oddities == ("1 entries without an intensity",)


def test_zero_grams_is_a_value():
    assert parse_regional(neso_body(START, 1, lambda *_: 0)).cells[START][1][0] == 0.0


def test_order_and_duplicates_do_not_matter_and_duplicates_are_told():
    body = neso_body(START, 4)
    body["data"] = [*reversed(body["data"]), body["data"][0]]
    series = parse_regional(body)
    assert {time: row[1][0] for time, row in series.cells.items()} == {START + i * HALF_HOUR: 10 + i for i in range(4)}
    assert series.oddities == ("14 duplicate entries",)


def test_a_duplicate_without_a_figure_does_not_erase_the_one_with_it():
    body = neso_body(START, 1)
    body["data"].append(neso_body(START, 1, lambda *_: None)["data"][0])
    assert parse_regional(body).cells[START][1][0] == 10


@pytest.mark.parametrize("mix", [None, [], "x", [{"fuel": "wind"}], [{"fuel": "wind", "perc": 60}]])
def test_a_mix_that_does_not_add_up_is_a_hole(mix):
    entry = neso_entry(1, 50) | {"generationmix": mix}
    body = {"data": [{"from": stamp(START), "to": stamp(START + HALF_HOUR), "regions": [entry]}]}
    intensity, renewable, low_carbon = parse_regional(body).cells[START][1]
    assert intensity == 50
    assert math.isnan(renewable)
    assert math.isnan(low_carbon)


@pytest.mark.parametrize("total", [99.8, 100.2])
def test_a_mix_that_is_off_by_rounding_counts(total):
    entry = neso_entry(1, 50)
    entry["generationmix"] = [{"fuel": "wind", "perc": 40.0}, {"fuel": "gas", "perc": total - 40}]
    body = {"data": [{"from": stamp(START), "to": stamp(START + HALF_HOUR), "regions": [entry]}]}
    assert parse_regional(body).cells[START][1][1] == 40.0
