"""Power that is already promised to others, as far as it can stand in a job's way."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tools.placement import Asset, Commitment


def binding_commitments(
    commitments: Iterable[Commitment], assets: Sequence[Asset], power_kw: float
) -> tuple[Commitment, ...]:
    """Those on assets where they could ever leave less than `power_kw` (the most that the job draws on any).

    A thousand promises far below an asset's rated power would otherwise travel in every checkpoint of every run.
    """
    rated = {asset.asset_id: asset.rated_power_kw for asset in assets if asset.rated_power_kw is not None}
    by_asset = defaultdict(list)
    for commitment in commitments:
        if commitment.asset_id in rated:
            by_asset[commitment.asset_id].append(commitment)
    kept: list[Commitment] = []
    for asset_id, promises in by_asset.items():
        rated_kw = rated[asset_id]
        if rated_kw is not None and peak_kw(promises) + power_kw > rated_kw:
            kept += promises
    return tuple(kept)


def peak_kw(commitments: Iterable[Commitment]) -> float:
    """The most that is promised at any one time."""
    changes = sorted(
        (time, change)
        for promise in commitments
        for time, change in ((promise.start, promise.power_kw), (promise.end, -promise.power_kw))
    )
    used = highest = 0.0
    for _, change in changes:
        used += change
        highest = max(highest, used)
    return highest
