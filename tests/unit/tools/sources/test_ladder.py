"""The best figure that is known of each cell: a plain record of all answers says which that is."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tools.source_server import HALF_HOUR, neso_body, neso_entry, stamp
from tools.regions import REGION_IDS, REGIONS
from tools.sources.ladder import Answer, build
from tools.sources.neso import parse_regional
from tools.sources.octopus import Rates, agile_products, parse_rates
from tools.sources.payloads import carbon_payload, merge_carbon, merge_prices, prices_payload
from tools.sources.prices import P_PER_G, price_arrays

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
NO_PRICES = Answer(None, None, "not asked")


def after(answers: list[dict]) -> tuple[dict, datetime]:
    """The stored payload once these bodies were read, one each half-hour, and when the last was."""
    payload: dict | None = None
    at = START
    for i, body in enumerate(answers):
        at = START + i * HALF_HOUR
        fresh = carbon_payload(parse_regional(body))
        payload = fresh if payload is None else merge_carbon(fresh, payload, at, at - HALF_HOUR)
    assert payload is not None
    return payload, at


cell = st.sampled_from(["value", "value", "null", "absent", "no mix"])


@settings(max_examples=25, deadline=None)
@given(answers=st.lists(st.lists(cell, min_size=12, max_size=12), min_size=1, max_size=4))
def test_each_cell_is_the_last_good_figure_of_it(answers: list[list[str]]) -> None:
    """Three regions × four half-hours of each answer are as drawn; everything else is whole."""
    bodies, intensity, share = [], {}, {}
    for turn, kinds in enumerate(answers):
        body = neso_body(START + turn * HALF_HOUR, 6, lambda slot, region, turn=turn: 100 * turn + 10 * slot + region)
        for i, kind in enumerate([*kinds, *["value"] * 6]):
            period, region = body["data"][i // 3], i % 3 + 1
            entry = next(e for e in period["regions"] if e["regionid"] == region)
            time = START + (turn + i // 3) * HALF_HOUR
            if kind == "null":
                entry["intensity"]["forecast"] = None
            if kind == "no mix":
                entry["generationmix"] = []
            if kind == "absent":
                period["regions"] = [e for e in period["regions"] if e["regionid"] != region]
            else:
                intensity[region, time] = (
                    intensity.get((region, time)) if kind == "null" else 100 * turn + 10 * (i // 3) + region
                )
                share[region, time] = share.get((region, time)) if kind == "no mix" else 40.0
        bodies.append(body)
    payload, at = after(bodies)
    market = build(Answer(payload, at, ""), NO_PRICES, at, at)
    for row, region in enumerate((1, 2, 3)):
        for i in range(4):
            time = at + i * HALF_HOUR
            for known, layer in ((intensity, market.intensity), (share, market.renewable)):
                wanted = known.get((region, time))
                assert layer[row, i] == (pytest.approx(math.nan, nan_ok=True) if wanted is None else wanted)
    counts = market.carbon.cells
    assert sum(n for kind, n in counts.items() if kind != "without_mix") == market.intensity.size
    assert market.carbon.mode == "live"


def test_a_region_that_is_silent_for_hours_keeps_the_age_of_its_figures_and_is_named() -> None:
    whole = neso_body(START, 97)
    without = neso_body(START + HALF_HOUR, 97, lambda slot, region: None if region == 13 else 5)
    payload, at = after([whole, without, without])
    note = build(Answer(payload, at, ""), NO_PRICES, at, at).carbon
    assert note.kept_since == {13: START}
    assert note.cells["kept"] == 95
    assert "95 cells for London kept from the answer of 05 Jan 12:00Z" in note.detail


def test_a_region_without_any_figure_is_left_out_and_named() -> None:
    payload, at = after([neso_body(START, 97, lambda _slot, region: None if region == 7 else 5)])
    market = build(Answer(payload, at, ""), NO_PRICES, at, at)
    assert math.isnan(market.intensity[6, 0])
    assert "no figures for South Wales" in market.carbon.detail
    assert market.carbon.coverage == pytest.approx(13 / 14)


@pytest.mark.parametrize("place", ["13", " 13 ", 13])
def test_a_region_id_may_be_text(place: object) -> None:
    body = {
        "data": [
            {"from": stamp(START), "to": stamp(START + HALF_HOUR), "regions": [neso_entry(13, 5) | {"regionid": place}]}
        ]
    }
    assert parse_regional(body).cells[START][13][0] == 5


@pytest.mark.parametrize("place", [None, "x", 0, 19, -1, 1.5, True, "13.0", [], {}])
def test_what_is_no_region_is_counted(place: object) -> None:
    body = {
        "data": [
            {"from": stamp(START), "to": stamp(START + HALF_HOUR), "regions": [neso_entry(13, 5) | {"regionid": place}]}
        ]
    }
    series = parse_regional(body)
    assert series.cells == {}
    assert series.oddities == ("1 entries of no known region",)


@pytest.mark.parametrize(
    ("mix", "renewable"),
    [
        ({"wind": 40, "gas": 60}, 40.0),
        ({"Wind": 40, "GAS": 60}, 40.0),
        ({"wind": 40, "gas": 59, "storage": 1}, 40.0),
        ({"wind": 40, "gas": 40, "storage": 20}, None),
        ({"offshore": 40, "gas": 60}, None),
        ({"wind": 40, "gas": -60}, None),
        ({"wind": "40", "gas": 60}, None),
        (dict.fromkeys(("wind", "gas"), 0), None),
    ],
)
def test_a_share_is_known_only_where_the_known_fuels_are_the_whole(mix: dict, renewable: float | None) -> None:
    entry = neso_entry(1, 50) | {"generationmix": [{"fuel": fuel, "perc": perc} for fuel, perc in mix.items()]}
    series = parse_regional({"data": [{"from": stamp(START), "to": stamp(START + HALF_HOUR), "regions": [entry]}]})
    intensity, share, _ = series.cells[START][1]
    assert intensity == 50
    assert share == (pytest.approx(math.nan, nan_ok=True) if renewable is None else renewable)
    unknown = [fuel for fuel in mix if fuel.lower() not in ("wind", "gas")]
    assert all(any(fuel in oddity for oddity in series.oddities) for fuel in unknown)


def rates_at(value: float, since: datetime, until: datetime) -> dict[datetime, float]:
    return {since + i * HALF_HOUR: value for i in range((until - since) // HALF_HOUR)}


def test_a_published_rate_stays_published_though_the_newer_answer_lacks_it() -> None:
    week = START - timedelta(days=8)
    first = prices_payload(Rates(("A",), {"C": rates_at(33, week, START + 20 * HALF_HOUR)}))
    second = prices_payload(Rates(("A",), {"P": rates_at(20, week, START + 5 * HALF_HOUR)}))
    at = START + HALF_HOUR
    market = build(NO_PRICES, Answer(merge_prices(second, first, at, START), at, ""), at, at)
    london = market.price_gbp_per_kwh[12]
    assert london[:19] == pytest.approx(0.33)
    assert not market.price_estimated[12, :19].any()
    assert market.price.kept_since == {13: START}
    assert market.price.cells["kept"] == 19


@settings(max_examples=30, deadline=None)
@given(rate=st.floats(-20, 95.23), hour=st.integers(0, 23), letter=st.sampled_from([r.agile_letter for r in REGIONS]))
def test_a_derived_rate_and_an_estimate_stay_within_what_the_tariff_can_be(rate: float, hour: int, letter: str) -> None:
    start = START.replace(hour=hour)
    found = price_arrays({letter: rates_at(rate, start - timedelta(days=8), start + 4 * HALF_HOUR)}, start, 60)
    assert found.price.max() <= 1 / 1.05 + 1e-9


def test_an_estimate_is_moved_by_the_days_carbon_and_only_by_it() -> None:
    week = START - timedelta(days=8)
    newest = START + 12 * HALF_HOUR
    rates = {letter: rates_at(20, week, newest) for letter in ("C", "P")}
    tomorrow = datetime(2026, 1, 6, tzinfo=UTC)
    means = rates_at(150, week, tomorrow) | rates_at(250, tomorrow, START + 96 * HALF_HOUR)
    found = price_arrays(rates, START, 96, means)
    assert found.price[12, 12] == pytest.approx(0.20)
    assert found.price[12, 30] == pytest.approx((20 + 100 * P_PER_G) / 100)
    assert found.moved
    days_short = {time: g for time, g in means.items() if time > START - timedelta(days=3)}
    assert price_arrays(rates, START, 96, days_short).price[12, 30] == pytest.approx(0.20)


def test_the_countrys_past_means_are_remembered_for_a_week() -> None:
    payload = None
    for hours in range(0, 9 * 24, 12):
        at = START + timedelta(hours=hours)
        fresh = carbon_payload(parse_regional(neso_body(at, 30, lambda *_: 100)))
        payload = fresh if payload is None else merge_carbon(fresh, payload, at, at - timedelta(hours=12))
    assert len(payload["means"]) == 8 * 48
    assert set(payload["means"].values()) == {100.0}


def product(code: str, since: str, until: str | None = None, **fields: object) -> dict:
    return {
        "code": code,
        "available_from": since,
        "available_to": until,
        "direction": "IMPORT",
        "brand": "OCTOPUS_ENERGY",
    } | fields


def test_products_are_asked_in_the_order_of_what_they_can_tell() -> None:
    listed = [
        product("AGILE-18-02-21", "2018-02-21T00:00:00Z", "2022-01-01T00:00:00Z"),
        product("AGILE-24-10-01", "2024-10-01T00:00:00Z"),
        product("AGILE-25-12-01", "2025-12-01T00:00:00Z"),
        product("AGILE-26-01-06", "2026-01-06T00:00:00Z"),
        product("AGILE-26-06-01", "2026-06-01T00:00:00Z"),
        product("AGILE-23-01-01", "2023-01-01T00:00:00Z", "2024-10-01T00:00:00Z"),
        product("AGILE-CO-25-12-31", "2025-12-31T00:00:00Z", brand="COOP_ENERGY"),
        product("AGILE-BUS-25-12-31", "2025-12-31T00:00:00Z", is_business=True),
        product("AGILE-OUTGOING-25-12-31", "2025-12-31T00:00:00Z", direction="EXPORT"),
        product("AGILE-OUTGOING-25-12-30", "2025-12-30T00:00:00Z"),
        product("GO-25-12-31", "2025-12-31T00:00:00Z"),
    ]
    codes = [p.code for p in agile_products([{"results": listed}], START, ["AGILE-22-08-31"])]
    assert codes == [
        "AGILE-25-12-01",
        "AGILE-24-10-01",
        "AGILE-26-01-06",
        "AGILE-22-08-31",
        "AGILE-23-01-01",
        "AGILE-18-02-21",
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_payment_methods_direct_debit_counts_wherever_it_stands(turned: bool) -> None:
    one = {"valid_from": START.isoformat(), "valid_to": (START + HALF_HOUR).isoformat()}
    results = [
        one | {"value_exc_vat": 21.5, "payment_method": "NON_DIRECT_DEBIT"},
        one | {"value_exc_vat": 20.0, "payment_method": "DIRECT_DEBIT"},
    ]
    assert parse_rates({"results": results[::-1] if turned else results}) == {START: 20.0}
    assert parse_rates({"results": results[:1]}) == {START: 21.5}


def test_every_region_id_is_one_of_the_fourteen() -> None:
    payload, at = after([neso_body(START, 97)])
    assert build(Answer(payload, at, ""), NO_PRICES, at, at).regions == REGION_IDS
