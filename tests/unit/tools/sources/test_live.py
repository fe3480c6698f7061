"""The live market over real HTTP: every fault gives either right numbers or none, and a reason."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.unit.tools.source_server import (
    HALF_HOUR,
    LETTERS,
    Reply,
    healthy_neso,
    healthy_octopus,
    neso_body,
    rate,
    rates_body,
    serving,
)
from tools.regions import REGION_IDS
from tools.sources.cache import MemoryCache
from tools.sources.live import live_source

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 5, 12, 13, tzinfo=UTC)
SLOT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
PUBLISHED = datetime(2026, 1, 5, 23, 0, tzinfo=UTC)


@asynccontextmanager
async def sources(neso=healthy_neso, octopus=None, cache=None, timeout_seconds=8.0):
    """The timeout is production's, so that a busy machine is no fault, but where a source is to fall silent."""
    octopus = octopus or healthy_octopus(PUBLISHED, SLOT - timedelta(days=2))
    async with serving(neso) as carbon, serving(octopus) as prices:
        source = live_source(
            cache=cache,
            neso_base_url=carbon.base_url,
            octopus_base_url=prices.base_url,
            timeout_seconds=timeout_seconds,
            total_seconds=2 * timeout_seconds,
            retry_seconds=0.01,
        )
        try:
            yield source, carbon, prices
        finally:
            await source.aclose()


def right_or_missing(market) -> None:
    """No figure is anything but the one that the healthy source gave for that slot and region."""
    for column in range(market.slots):
        time = market.start + column * HALF_HOUR
        expected = np.array([10 * region + (time - SLOT) // HALF_HOUR for region in REGION_IDS], float)
        found = market.intensity[:, column]
        assert np.all(np.isnan(found) | (found == expected))


async def test_a_healthy_answer_fills_the_horizon_from_the_slot_that_holds_now():
    async with sources() as (source, carbon, _):
        market = await source.market(NOW)
    assert carbon.requests == ["/regional/intensity/2026-01-05T12:01Z/fw48h"]
    assert (market.start, market.slots, market.regions) == (SLOT, 96, REGION_IDS)
    assert not np.isnan(market.intensity).any()
    right_or_missing(market)
    assert market.renewable[0, 0] == 40.0
    assert market.low_carbon[0, 0] == 55.0
    assert (market.carbon.mode, market.carbon.coverage, market.carbon.age_seconds) == ("live", 1.0, 0.0)


async def test_published_prices_are_without_vat_and_the_rest_is_flagged():
    async with sources() as (source, _, _):
        market = await source.market(NOW)
    published = (PUBLISHED - SLOT) // HALF_HOUR
    for row, region in enumerate(REGION_IDS):
        for column in range(published):
            expected = rate(SLOT + column * HALF_HOUR, LETTERS[region]) / 100
            assert market.price_gbp_per_kwh[row, column] == pytest.approx(expected)
    assert not market.price_estimated[:, :published].any()
    assert market.price_estimated[:, published:].all()
    assert not np.isnan(market.price_gbp_per_kwh).any()
    assert market.price.mode == "live"
    assert "estimated" in market.price.detail
    assert market.price.name == "Octopus Agile AGILE-24-10-01"


async def test_one_fetch_serves_every_run_of_the_half_hour_and_a_new_half_hour_asks_again():
    async with sources() as (source, carbon, prices):
        await asyncio.gather(*(source.market(NOW + timedelta(minutes=i % 3)) for i in range(20)))
        assert len(carbon.requests) == 1
        assert len(prices.requests) == 15
        await source.market(NOW + HALF_HOUR)
        assert len(carbon.requests) == 2


BROKEN = {
    "an empty object": Reply({}),
    "an empty list": Reply({"data": []}),
    "an error body": Reply({"error": {"code": "400 Bad Request", "message": "Please enter a valid date"}}, status=400),
    "an error body with 200": Reply({"error": {"code": "x", "message": "no data today"}}),
    "a 500": Reply({"error": "x"}, status=500),
    "a 503 page": Reply(raw=b"<html>busy</html>", status=503),
    "too many requests": Reply({}, status=429),
    "a redirect": Reply({}, status=302, headers={"location": "http://127.0.0.1:9/"}),
    "not JSON": Reply(raw=b"<html>hello</html>"),
    "half of a JSON": Reply(raw=b'{"data": [{"from"'),
    "deep nesting": Reply(raw=b"[" * 200_000),
    "a hang in the body": Reply(neso_body(SLOT, 97), hang=True),
    "a dropped connection": Reply(drop=True),
    "an oversized body": Reply(raw=b'{"data": "' + b"x" * 9_000_000 + b'"}'),
    "nulls only": Reply(neso_body(SLOT, 97, lambda *_: None)),
    "a null": Reply(None),
    "bytes that are not text": Reply(raw=b"\xff\xfe\x00"),
    "a list": Reply([1, 2]),
    "another day's figures": Reply(neso_body(SLOT - timedelta(days=30), 97)),
}


def patience(fault):
    return 0.5 if BROKEN[fault].hang else 8.0


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_first_answer_gives_no_number_and_a_reason(fault):
    async with sources(neso=lambda *_: BROKEN[fault], timeout_seconds=patience(fault)) as (source, _, _):
        market = await source.market(NOW)
    assert np.isnan(market.intensity).all()
    assert market.carbon.coverage == 0.0
    assert market.carbon.mode == "none"
    assert len(market.carbon.detail) > len("no fresh answer: ")
    assert market.price.mode == "live"


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_later_answer_leaves_the_last_good_one_with_its_age(fault):
    cache = MemoryCache()
    async with sources(cache=cache, timeout_seconds=patience(fault)) as (source, carbon, _):
        await source.market(NOW)
        carbon.handle = lambda *_: BROKEN[fault]
        market = await source.market(NOW + timedelta(hours=2))
    right_or_missing_after(market, hours=2)
    assert market.carbon.mode == "last_good"
    assert market.carbon.age_seconds == 7200
    assert "no fresh answer" in market.carbon.detail


def right_or_missing_after(market, hours: int) -> None:
    known = 96 - 2 * hours
    for column in range(known):
        expected = np.array([10 * region + column + 2 * hours for region in REGION_IDS], float)
        assert np.array_equal(market.intensity[:, column], expected)


async def test_after_the_last_good_horizon_its_daily_profile_is_taken_and_then_nothing():
    cache = MemoryCache()
    async with sources(cache=cache) as (source, carbon, prices):
        await source.market(NOW)
        carbon.handle = prices.handle = lambda *_: Reply({}, status=500)
        profile = await source.market(NOW + timedelta(days=3))
        nothing = await source.market(NOW + timedelta(days=9))
    assert profile.carbon.mode == "profile"
    assert profile.intensity[0, 0] == pytest.approx((10 + 58 + 106) / 3)
    assert "daily profile" in profile.carbon.detail
    assert profile.price.mode == "profile"
    assert profile.price_estimated.all()
    assert (nothing.carbon.mode, nothing.price.mode) == ("none", "none")
    assert np.isnan(nothing.intensity).all()


async def test_a_source_that_is_down_is_not_asked_by_every_run():
    async with sources(neso=lambda *_: Reply({}, status=500)) as (source, carbon, _):
        await asyncio.gather(*(source.market(NOW) for _ in range(10)))
        asked = len(carbon.requests)
        await source.market(NOW + timedelta(seconds=61))
    assert asked == 3
    assert len(carbon.requests) == 6


async def test_a_short_answer_keeps_what_the_previous_one_knew_and_says_so():
    cache = MemoryCache()
    async with sources(cache=cache) as (source, carbon, _):
        await source.market(NOW)
        carbon.handle = lambda *_: Reply(neso_body(SLOT + HALF_HOUR, 31, lambda slot, region: 10 * region + slot + 1))
        market = await source.market(NOW + HALF_HOUR)
    for column in range(95):
        assert np.array_equal(market.intensity[:, column], np.array([10.0 * r + column + 1 for r in REGION_IDS]))
    assert "kept from the answer of 05 Jan 12:13Z" in market.carbon.detail


async def test_a_short_first_answer_leaves_holes_and_tells_the_coverage():
    async with sources(neso=lambda *_: Reply(neso_body(SLOT, 31))) as (source, _, _):
        market = await source.market(NOW)
    assert np.isnan(market.intensity[:, 31:]).all()
    assert market.carbon.coverage == pytest.approx(31 / 96)


async def test_an_outage_of_prices_leaves_prices_unknown_and_carbon_right():
    async with sources(octopus=lambda *_: Reply({"detail": "gone"}, status=404)) as (source, _, _):
        market = await source.market(NOW)
    right_or_missing(market)
    assert np.isnan(market.price_gbp_per_kwh).all()
    assert market.price.mode == "none"
    assert "gone" in market.price.detail


async def test_one_region_without_rates_gets_them_derived_and_the_reason_is_told():
    healthy = healthy_octopus(PUBLISHED, SLOT - timedelta(days=8))

    def without_p(path, query):
        return Reply({}, status=404) if "-P/" in path else healthy(path, query)

    async with sources(octopus=without_p) as (source, _, _):
        market = await source.market(NOW)
    assert market.price_estimated[0].all()
    assert not market.price_estimated[1, :10].any()
    assert "derived" in market.price.detail
    assert "P: HTTP 404" in market.price.detail


async def test_a_region_that_never_answers_does_not_hold_up_the_others():
    healthy = healthy_octopus(PUBLISHED, SLOT - timedelta(days=8))

    def silent_a(path, query):
        return Reply(rates_body("A", SLOT, PUBLISHED), hang=True) if "-A/" in path else healthy(path, query)

    async with sources(octopus=silent_a, timeout_seconds=1.5) as (source, _, _):
        market = await source.market(NOW)
    assert market.price_estimated[9].all()
    assert not market.price_estimated[12, :20].any()
    assert "A: " in market.price.detail


async def test_pages_are_followed_by_number_whatever_host_next_names():
    healthy = healthy_octopus(PUBLISHED, SLOT - timedelta(days=8))

    def paged(path, query):
        reply = healthy(path, query)
        if path == "/products/":
            return reply
        results = reply.body["results"]
        page = int(query.get("page", "1"))
        part = results[:100] if page == 1 else results[100:]
        return Reply({**reply.body, "results": part, "next": "http://example.invalid/?page=2" if page == 1 else None})

    async with sources(octopus=paged) as (source, _, prices):
        market = await source.market(NOW)
    assert not market.price_estimated[:, :20].any()
    assert len(prices.requests) == 1 + 2 * 14


async def test_whatever_lies_in_the_cache_is_survived():
    cache = MemoryCache()
    for junk in (None, [], "x", {"fetched_at": NOW.isoformat()}, {"fetched_at": NOW.isoformat(), "slots": {"x": 1}}):
        await cache.put("neso:regional", junk)
        await cache.put("octopus:agile", junk)
        async with sources(cache=cache) as (source, _, _):
            market = await source.market(NOW)
        right_or_missing(market)
