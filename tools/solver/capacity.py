"""Power that is already promised to others, as far as it is in a job's way."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from uuid import UUID

from tools.energy import asset_power_kw
from tools.placement import Commitment, Option, Problem
from tools.solver.fallback import BlindPlacement
from tools.solver.instance import intervals_above


def binding_commitments(commitments: Iterable[Commitment], free_kw: Mapping[UUID, float]) -> tuple[Commitment, ...]:
    """The intervals in which more than `free_kw` of an asset is promised, each as one commitment of the highest sum.

    They mean the same to a job that leaves `free_kw` of the asset's rated power free, and are few: a thousand promises
    would otherwise travel in every checkpoint of every run. Assets that `free_kw` lacks bind nothing.
    """
    by_asset = defaultdict(list)
    for commitment in commitments:
        if commitment.asset_id in free_kw:
            by_asset[commitment.asset_id].append(commitment)
    return tuple(
        interval
        for asset_id, promises in by_asset.items()
        for interval in _intervals(asset_id, promises, free_kw[asset_id])
    )


def commitments_of(problem: Problem, placement: Option | BlindPlacement) -> tuple[Commitment, ...]:
    """The power that a placement takes: one commitment per interval; none on an asset without an id."""
    asset = placement.asset
    if asset.asset_id is None:
        return ()
    power_kw = asset_power_kw(problem, asset)
    return tuple(
        Commitment(asset_id=asset.asset_id, start=part.start, end=part.end, power_kw=power_kw)
        for part in placement.segments
    )


def _intervals(asset_id: UUID, promises: Iterable[Commitment], free_kw: float) -> Iterator[Commitment]:
    changes: dict[datetime, float] = defaultdict(float)
    for promise in promises:
        changes[promise.start] += promise.power_kw
        changes[promise.end] -= promise.power_kw
    for start, end, power_kw in intervals_above(changes, free_kw):
        yield Commitment(asset_id=asset_id, start=start, end=end, power_kw=power_kw)
