"""Only promises that stand in a job's way travel with its problem, and they mean the same as all of them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tools.placement import Commitment
from tools.solver.capacity import binding_commitments

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HERE, THERE = UUID(int=1), UUID(int=2)


def promise(asset: UUID, start: float, hours: float, power_kw: float) -> Commitment:
    begin = NOON + timedelta(hours=start)
    return Commitment(asset_id=asset, start=begin, end=begin + timedelta(hours=hours), power_kw=power_kw)


def test_promises_that_leave_enough_power_are_left_out() -> None:
    promises = [promise(HERE, 0, 2, 3), promise(HERE, 1, 2, 3), promise(THERE, 0, 1, 9)]
    assert binding_commitments(promises, {HERE: 6.0, THERE: 6.0}) == (promise(THERE, 0, 1, 9),)
    assert binding_commitments(promises, {HERE: 5.0, THERE: 9.0}) == (promise(HERE, 1, 1, 6),)


def test_an_asset_that_is_not_asked_about_binds_nothing() -> None:
    assert binding_commitments([promise(THERE, 0, 1, 99)], {HERE: 1.0}) == ()


def test_one_promise_ends_as_another_begins() -> None:
    promises = [promise(HERE, 0, 1, 5), promise(HERE, 1, 1, 7)]
    assert binding_commitments(promises, {HERE: 4.0}) == (promise(HERE, 0, 2, 7),)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10), st.integers(1, 9)), max_size=12), st.integers(0, 20))
def test_every_hour_is_blocked_exactly_if_the_promises_block_it(spans: list[tuple[int, int, int]], free: int) -> None:
    stretches = binding_commitments([promise(HERE, *span) for span in spans], {HERE: float(free)})
    for hour in range(31):
        time = NOON + timedelta(hours=hour)
        used = sum(power for start, hours, power in spans if start <= hour < start + hours)
        covering = [stretch for stretch in stretches if stretch.start <= time < stretch.end]
        assert len(covering) == (1 if used > free else 0)
        assert all(stretch.power_kw >= used for stretch in covering)
