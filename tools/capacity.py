"""Power that is already promised to others, as far as it stands in a job's way."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from uuid import UUID

from tools.grid import asset_power_kw
from tools.placement import Commitment, Option, Problem

TIE = 1e-9
"""Relative; sums of the same powers in another order must not block a place."""


def binding_commitments(commitments: Iterable[Commitment], free_kw: Mapping[UUID, float]) -> tuple[Commitment, ...]:
    """The stretches in which more than `free_kw` of an asset is promised, each as one commitment of the highest sum.

    They mean the same to a job that leaves `free_kw` of the asset's rated power free, and are few: a thousand promises
    would otherwise travel in every checkpoint of every run. Assets that `free_kw` lacks bind nothing.
    """
    by_asset = defaultdict(list)
    for commitment in commitments:
        if commitment.asset_id in free_kw:
            by_asset[commitment.asset_id].append(commitment)
    return tuple(
        stretch for asset_id, promises in by_asset.items() for stretch in _stretches(promises, free_kw[asset_id])
    )


def commitments_of(problem: Problem, option: Option) -> tuple[Commitment, ...]:
    """The power that a placement takes: one commitment per stretch; none on an asset without an id."""
    asset = option.asset
    if asset.asset_id is None:
        return ()
    power_kw = asset_power_kw(problem, asset)
    return tuple(
        Commitment(asset_id=asset.asset_id, start=part.start, end=part.end, power_kw=power_kw)
        for part in option.segments
    )


def _stretches(promises: Iterable[Commitment], free_kw: float) -> Iterator[Commitment]:
    changes: dict[datetime, float] = defaultdict(float)
    asset_id = None
    for promise in promises:
        asset_id = promise.asset_id
        changes[promise.start] += promise.power_kw
        changes[promise.end] -= promise.power_kw
    since: datetime | None = None
    used_kw = highest_kw = 0.0
    for time in sorted(changes):
        used_kw += changes[time]
        is_over = used_kw > free_kw + TIE * max(1.0, abs(free_kw))
        if is_over:
            highest_kw = used_kw if since is None else max(highest_kw, used_kw)
            since = since or time
        elif since is not None and asset_id is not None:
            yield Commitment(asset_id=asset_id, start=since, end=time, power_kw=highest_kw)
            since = None
