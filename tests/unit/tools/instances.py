"""Random small placement problems, full of what goes wrong: ties, zeros, negative prices, holes, caps, promises."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from hypothesis import strategies as st

from tools.market import Market, SourceNote
from tools.placement import Asset, Commitment, Job, Limits, Problem, Segment

START = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
NOTE = SourceNote(name="test", mode="live", fetched_at=START, age_seconds=0.0, coverage=1.0)


def market_of(intensity, price, renewable=None, *, regions=None, start=START, estimated=None) -> Market:
    intensity = np.array(intensity, float)
    price = np.array(price, float)
    renewable = np.full_like(intensity, 50.0) if renewable is None else np.array(renewable, float)
    return Market.pack(
        start=start,
        regions=regions or tuple(range(1, len(intensity) + 1)),
        intensity=intensity,
        renewable=renewable,
        low_carbon=renewable,
        price=price,
        price_estimated=np.zeros(intensity.shape, bool) if estimated is None else np.array(estimated, bool),
        carbon=NOTE,
        price_note=NOTE,
    )


def problem_of(market, **kwargs) -> Problem:
    figures = {
        "now": START,
        "job": Job(energy_kwh=2.0, duration_minutes=60, power_kw=2.0),
        "limits": Limits(earliest_start=START),
        "assets": tuple(asset_of(region) for region in market.regions),
        "carbon_price_gbp_per_tonne": 1000.0,
    } | kwargs
    return Problem(**figures)


def asset_of(region: int, **kwargs) -> Asset:
    figures = {"asset_id": UUID(int=region), "name": f"site {region}", "region": region, "pue": 1.0} | kwargs
    return Asset(**figures)


ANY = st.booleans()


def maybe(strategy):
    return st.none() | strategy


@st.composite
def problems(draw, *, pausable=ANY, caps=ANY, max_slots=5, grain=1):
    """(problem, market): every time and duration is a multiple of `grain` minutes."""
    can_pause = draw(pausable)
    slots = draw(st.integers(4 if can_pause else 2, max_slots))
    count = draw(st.integers(1, 3))

    def figures(values):
        return np.array(draw(st.lists(values, min_size=slots * count, max_size=slots * count))).reshape(count, slots)

    def minutes(low, high):
        return draw(st.integers(-(-low // grain), max(-(-low // grain), high // grain))) * grain

    hole = draw(st.sampled_from([0, 0, 12]))
    intensity = figures(st.sampled_from([0, 0, 20, 50, 120]) | st.integers(0, 400)).astype(float)
    price = figures(st.integers(-8, 40)) / 100
    renewable = figures(st.integers(0, 100)).astype(float)
    if hole:
        holes = figures(st.integers(0, hole)) == 0
        draw(st.sampled_from([intensity, price, renewable]))[holes] = np.nan
    now = START + timedelta(minutes=minutes(0, 29))
    window = slots * 30 - (now - START) // timedelta(minutes=1)
    shortest = 40 if can_pause else 10
    job = Job(
        energy_kwh=draw(st.sampled_from([0.5, 2.0, 10.0])),
        duration_minutes=minutes(shortest, max(shortest, window * 7 // 10)),
        power_kw=1.0,
        pausable=can_pause,
        min_run_minutes=draw(st.sampled_from([0, 30, 30, 30, 40, 60])) if can_pause else 30,
        resume_overhead_minutes=draw(st.sampled_from([0, 0, 0, 10, 20])) if can_pause else 0,
        max_pauses=draw(st.sampled_from([None, None, 0, 1, 2])) if can_pause else None,
    )
    places = draw(st.lists(st.integers(1, count), min_size=1, max_size=4))
    assets = tuple(draw(assets_in(region, number)) for number, region in enumerate(places, start=1))
    problem = Problem(
        now=now,
        job=job,
        limits=draw(limits(now, window, job, slots, caps=draw(caps), grain=grain)),
        assets=assets,
        commitments=tuple(draw(st.lists(promises(slots, len(assets), grain), max_size=3))),
        carbon_price_gbp_per_tonne=draw(st.sampled_from([0.0, 100.0, 1000.0, 5000.0])),
        renewable_bonus_gbp_per_kwh=draw(st.sampled_from([0.0, 0.0, 0.0, 0.1])),
    )
    return problem, market_of(intensity, price, renewable)


@st.composite
def assets_in(draw, region: int, number: int):
    return asset_of(
        region,
        asset_id=UUID(int=number),
        name=f"site {number}",
        pue=draw(st.sampled_from([1.0, 1.2, 1.5])),
        rated_power_kw=draw(st.sampled_from([None, None, 12.0, 100.0])),
        max_deferral_hours=draw(st.sampled_from([None, None, None, 0.5, 1.0])),
        carbon_intensity_cap_gco2_kwh=draw(st.sampled_from([None] * 7 + [100.0])),
        min_renewable_threshold_pct=draw(st.sampled_from([None] * 7 + [30.0])),
    )


@st.composite
def limits(draw, now, window, job, slots, *, caps, grain):
    def minutes_later(low):
        return now + timedelta(minutes=draw(st.integers(low // grain, max(low, window) // grain)) * grain)

    earliest = now + timedelta(minutes=draw(st.sampled_from([-30, 0, 0, 0, 10, 40])))
    exact = draw(st.sampled_from([None] * 7 + [minutes_later(0)]))
    return Limits(
        earliest_start=exact or earliest,
        latest_start=exact or draw(st.sampled_from([None, None, None, minutes_later(0)])),
        latest_finish=draw(st.sampled_from([None, minutes_later(job.duration_minutes)])),
        carbon_cap_g=draw(maybe(st.integers(0, 4000))) if caps else None,
        max_intensity_g_per_kwh=draw(maybe(st.integers(20, 300))) if caps else None,
        min_renewable_pct=draw(maybe(st.integers(0, 60))) if caps else None,
        max_cost_gbp=draw(maybe(st.integers(0, 300).map(lambda p: p / 100))) if caps else None,
        max_mean_price_gbp_per_kwh=draw(maybe(st.integers(-5, 30).map(lambda p: p / 100))) if caps else None,
        max_price_gbp_per_kwh=draw(st.sampled_from([None] * 5 + [0.1, 0.3])),
        required_regions=draw(st.sampled_from([None] * 7 + [(1,), (2, 3)])),
        excluded_regions=draw(st.sampled_from([()] * 7 + [(1,)])),
        required_sites=draw(st.sampled_from([None] * 7 + [("site 1", "site 3")])),
        excluded_sites=draw(st.sampled_from([()] * 7 + [("site 1",)])),
        forbidden=tuple(draw(st.lists(stretches(slots, grain), max_size=2))) if draw(st.booleans()) else (),
    )


@st.composite
def stretches(draw, slots, grain):
    begin = draw(st.integers(0, slots * 30 // grain - 1)) * grain
    minutes = draw(st.integers(1, 60 // grain)) * grain
    return Segment(start=START + timedelta(minutes=begin), end=START + timedelta(minutes=begin + minutes))


@st.composite
def promises(draw, slots, count, grain):
    stretch = draw(stretches(slots, grain))
    return Commitment(
        asset_id=UUID(int=draw(st.integers(1, count))),
        start=stretch.start,
        end=stretch.end,
        power_kw=draw(st.sampled_from([1.0, 8.0, 95.0])),
    )
