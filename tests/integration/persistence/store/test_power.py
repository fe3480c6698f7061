"""The power of a site is promised once, whoever asks, however many at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from persistence.errors import LeaseLost
from persistence.store.open import Store
from persistence.store.queue import Claim, Lease
from persistence.workload import Row

pytestmark = pytest.mark.anyio

Claimer = Callable[..., Awaitable[list[Claim]]]
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


async def site(db: Any, rated_power_kw: float | None = 10) -> UUID:
    return await db.one(
        f"insert into compute_assets (asset_name, rated_power_kw) values ('a', {rated_power_kw or 'null'}) returning id"
    )


def window(asset: UUID, start: float, end: float, power_kw: float) -> Row:
    """Hours after noon."""
    starts, ends = (NOON + timedelta(hours=hours) for hours in (start, end))
    return {"asset_id": str(asset), "start": starts.isoformat(), "end": ends.isoformat(), "power_kw": power_kw}


async def leases(db: Any, claim: Claimer, count: int) -> list[Lease]:
    for _ in range(count):
        await db.insert()
    return [claimed.lease for claimed in await claim(limit=count)]


async def reserve(store: Store, lease: Lease, *windows: Row) -> bool:
    return await store.catalogue.reserve(lease.workload_id, windows, token=lease.token)


async def seen(store: Store) -> set[tuple[str, float]]:
    rows = await store.catalogue.commitments(NOON - timedelta(days=1), NOON + timedelta(days=1))
    return {(str(row["workload_id"]), row["power_kw"]) for row in rows}


@pytest.fixture
async def two(db: Any, claim: Claimer) -> list[Lease]:
    return await leases(db, claim, 2)


async def test_a_reservation_is_seen_and_replaced(db: Any, store: Store, two: list[Lease]) -> None:
    asset, (mine, _) = await site(db), two
    assert await reserve(store, mine, window(asset, 0, 1, 4), window(asset, 3, 4, 4))
    assert await seen(store) == {(str(mine.workload_id), 4)}
    assert len(await store.catalogue.commitments(NOON + timedelta(hours=1), NOON + timedelta(hours=9))) == 1
    assert await reserve(store, mine, window(asset, 0, 1, 7))
    assert await seen(store) == {(str(mine.workload_id), 7)}


@pytest.mark.parametrize(
    ("start", "end", "power_kw", "fits"),
    [
        (0, 2, 4, True),
        (0, 2, 4.1, False),
        (2, 3, 10, True),
        (-1, 0, 10, True),
        (1.5, 5, 4.1, False),
        (-1, 0.5, 4.1, False),
        (-1, 5, 4.1, False),
    ],
)
async def test_what_does_not_fit_beside_others_is_refused(
    db: Any, store: Store, two: list[Lease], start: float, end: float, power_kw: float, fits: bool
) -> None:
    asset, (mine, other) = await site(db), two
    assert await reserve(store, other, window(asset, 0, 2, 6))
    assert await reserve(store, mine, window(asset, start, end, power_kw)) is fits
    assert await seen(store) == {(str(other.workload_id), 6)} | ({(str(mine.workload_id), power_kw)} if fits else set())


async def test_the_peak_counts_wherever_within_the_window_it_is(db: Any, store: Store, claim: Claimer) -> None:
    asset = await site(db)
    one, two, three, mine = await leases(db, claim, 4)
    assert await reserve(store, one, window(asset, 0, 2, 3))
    assert await reserve(store, two, window(asset, 1, 3, 3))
    assert await reserve(store, three, window(asset, 2, 4, 4))
    assert await reserve(store, mine, window(asset, 0, 1, 7))
    assert not await reserve(store, mine, window(asset, 0, 4, 4))
    assert not await reserve(store, mine, window(asset, 0, 0.5, 7), window(asset, 2.5, 3.5, 3.5))
    assert await reserve(store, mine, window(asset, 0, 4, 3))


async def test_written_promises_count_and_a_refusal_changes_nothing(
    db: Any, store: Store, claim: Claimer, answer: Callable[..., Any]
) -> None:
    asset = await site(db)
    placed, mine = await leases(db, claim, 2)
    assert await reserve(store, placed, window(asset, 0, 2, 8))
    assert await store.queue.complete(placed, answer())
    assert await reserve(store, mine, window(asset, 2, 3, 5))
    before = await seen(store)
    assert not await reserve(store, mine, window(asset, 1, 3, 5))
    assert await seen(store) == before


async def test_sites_without_a_rating_hold_any_amount(db: Any, store: Store, two: list[Lease]) -> None:
    asset = await site(db, None)
    assert [await reserve(store, one, window(asset, 0, 1, 1e6)) for one in two] == [True, True]


async def test_without_a_token_it_only_says_whether_it_would_fit(db: Any, store: Store, two: list[Lease]) -> None:
    asset = await site(db)
    assert await store.catalogue.reserve(two[0].workload_id, [window(asset, 0, 1, 4)], token=None)
    assert not await store.catalogue.reserve(two[0].workload_id, [window(asset, 0, 1, 11)], token=None)
    assert await store.catalogue.reserve(uuid4(), [], token=None)
    assert await seen(store) == set()


async def test_a_lost_lease_reserves_nothing(db: Any, store: Store, claim: Claimer) -> None:
    asset = await site(db)
    (former,) = await leases(db, claim, 1)
    await db.run_out(former.workload_id)
    (claimed,) = await claim(owner="next")
    assert await reserve(store, claimed.lease, window(asset, 0, 1, 4))
    with pytest.raises(LeaseLost):
        await reserve(store, former, window(asset, 2, 3, 5))
    assert await seen(store) == {(str(former.workload_id), 4)}


async def test_a_reservation_goes_with_its_lease(db: Any, store: Store, claim: Claimer) -> None:
    asset = await site(db)
    (first,) = await leases(db, claim, 1)
    assert await reserve(store, first, window(asset, 0, 1, 4))
    assert await store.queue.release([first]) == 1
    assert await seen(store) == {(str(first.workload_id), 4)}
    (again,) = await claim()
    assert await store.queue.fail(again.lease, "no", retry_in_seconds=None, max_attempts=5) == "failed"
    assert await seen(store) == set()


async def test_of_many_at_the_same_time_as_many_as_fit_get_it(db: Any, store: Store, claim: Claimer) -> None:
    asset, elsewhere = await site(db), await site(db)
    held = await leases(db, claim, 24)
    answers = await asyncio.gather(
        *(reserve(store, one, window(asset, 0, 1, 3), window(elsewhere, 2, 3, 1)) for one in held[::2]),
        *(reserve(store, one, window(elsewhere, 2, 3, 1), window(asset, 0, 1, 3)) for one in held[1::2]),
    )
    assert sum(answers) == 3
    assert len(await seen(store)) == 3 * 2
