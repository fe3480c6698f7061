"""Only promises that can stand in a job's way travel with its problem."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tools.capacity import binding_commitments, peak_kw
from tools.placement import Asset, Commitment

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HERE, THERE = UUID(int=1), UUID(int=2)


def promise(asset: UUID, start: float, hours: float, power_kw: float) -> Commitment:
    begin = NOON + timedelta(hours=start)
    return Commitment(asset_id=asset, start=begin, end=begin + timedelta(hours=hours), power_kw=power_kw)


def site(asset: UUID, rated_kw: float | None) -> Asset:
    return Asset(asset_id=asset, name=str(asset), region=1, pue=1.2, rated_power_kw=rated_kw)


def test_promises_that_leave_enough_power_are_left_out() -> None:
    promises = [promise(HERE, 0, 2, 3), promise(HERE, 1, 2, 3), promise(THERE, 0, 1, 9)]
    assets = [site(HERE, 10), site(THERE, 10)]
    assert binding_commitments(promises, assets, 4.0) == (promises[2],)
    assert binding_commitments(promises, assets, 4.5) == tuple(promises)


def test_an_asset_without_a_rating_and_one_that_is_not_offered_bind_nothing() -> None:
    assert binding_commitments([promise(HERE, 0, 1, 99), promise(THERE, 0, 1, 99)], [site(HERE, None)], 1) == ()


def test_one_promise_ends_as_another_begins() -> None:
    assert peak_kw([promise(HERE, 0, 1, 5), promise(HERE, 1, 1, 5)]) == 5


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10), st.integers(1, 9)), max_size=8))
def test_the_peak_is_that_of_every_hour_looked_at(spans: list[tuple[int, int, int]]) -> None:
    promises = [promise(HERE, start, hours, power) for start, hours, power in spans]
    by_hour = [sum(power for start, hours, power in spans if start <= hour < start + hours) for hour in range(30)]
    assert peak_kw(promises) == max(by_hour)
