"""From the sources' answers, of now and of earlier, to the market's figures: cell by cell the best that is known.

Carbon: this half-hour's answer, else the last good figure of the cell, else (where there is no answer of this
half-hour) the daily profile of the last one. Prices: the published rate, whenever it was read; else the one derived
from another region's; else an estimate. What stays unknown is a hole.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from pydantic import JsonValue

from tools.market import FloatArray, Market, Mode, SourceNote
from tools.regions import REGION_IDS, REGIONS, region_name
from tools.slots import HORIZON_SLOTS, SLOT
from tools.sources.neso import HOLE
from tools.sources.payloads import (
    Cells,
    read_carbon,
    read_kept,
    read_kept_rates,
    read_means,
    read_prices,
)
from tools.sources.prices import BoolArray, price_arrays

LAST_GOOD_LIMIT: Final = timedelta(days=7)
"""An answer older than this says nothing about today, not even as a profile."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cache or the source gave for one kind of figure."""

    payload: Mapping[str, JsonValue] | None
    fetched_at: datetime | None
    fault: str
    """Why the payload is not of this half-hour; empty when it is."""


def build(carbon: Answer, prices: Answer, start: datetime, now: datetime) -> Market:
    """The market from the two sources' answers."""
    intensity, renewable, low_carbon, carbon_note = _carbon(carbon, start, now)
    usable = carbon.fetched_at is not None and now - carbon.fetched_at <= LAST_GOOD_LIMIT
    means = read_means(carbon.payload) if usable else {}
    price, estimated, price_note = _prices(prices, means, start, now)
    return Market.pack(
        start=start,
        regions=REGION_IDS,
        intensity=intensity,
        renewable=renewable,
        low_carbon=low_carbon,
        price=price,
        price_estimated=estimated,
        carbon=carbon_note,
        price_note=price_note,
    )


def aged(note: SourceNote, now: datetime) -> SourceNote:
    """The same note with its age at `now`."""
    age = None if note.fetched_at is None else max(0.0, (now - note.fetched_at).total_seconds())
    return note.model_copy(update={"age_seconds": age})


def _carbon(answer: Answer, start: datetime, now: datetime) -> tuple[FloatArray, FloatArray, FloatArray, SourceNote]:
    cells = read_carbon(answer.payload, now, LAST_GOOD_LIMIT, answer.fetched_at)
    arrays = carbon_arrays(cells, start, HORIZON_SLOTS)
    answered = ~np.isnan(arrays[0])
    kept = {
        (REGION_IDS.index(region), (time - start) // SLOT): at
        for (time, region), at in read_kept(answer.payload).items()
        if region in REGION_IDS and start <= time < start + HORIZON_SLOTS * SLOT and cells
    }
    if answer.fault:
        arrays = fill_from_profile(arrays, cells, start)
    known = ~np.isnan(arrays[0])
    silent = [region_name(region) for region, row in zip(REGION_IDS, known, strict=True) if not row.any()]
    counts = Counter(
        {
            "answer": int(answered.sum()) - len(kept),
            "kept": len(kept),
            "profile": int((known & ~answered).sum()),
            "missing": int((~known).sum()),
            "without_mix": int((known & np.isnan(arrays[1])).sum()),
        }
    )
    mode: Mode = "none" if not known.any() else "live" if not answer.fault else "profile"
    note = _note(
        "NESO Carbon Intensity API",
        answer,
        now,
        mode="last_good" if mode == "profile" and answered.any() else mode,
        counts=counts,
        kept=kept,
        details=[
            f"{counts['profile']} of {known.size} cells from the daily profile of the last good answer"
            if counts["profile"]
            else "",
            f"the generation mix of {counts['without_mix']} cells is unknown" if counts["without_mix"] else "",
            f"no figures for {', '.join(silent)}" if silent and known.any() else "",
        ],
    )
    return arrays[0], arrays[1], arrays[2], note


def _prices(
    answer: Answer, means: Mapping[datetime, float], start: datetime, now: datetime
) -> tuple[FloatArray, BoolArray, SourceNote]:
    rates = read_prices(answer.payload, now, LAST_GOOD_LIMIT, answer.fetched_at)
    found = price_arrays(rates, start, HORIZON_SLOTS, means)
    letters = [region.agile_letter for region in REGIONS]
    kept = {
        (letters.index(letter), (time - start) // SLOT): at
        for (time, letter), at in read_kept_rates(answer.payload).items()
        if letter in letters and start <= time < start + HORIZON_SLOTS * SLOT and rates
    }
    known = ~np.isnan(found.price)
    counts = Counter(
        {
            "answer": int((known & ~found.estimated).sum()) - len(kept),
            "kept": len(kept),
            "derived": found.derived,
            "estimated": int(found.estimated.sum()) - found.derived,
            "missing": int((~known).sum()),
        }
    )
    published = bool((known & ~found.estimated).any())
    mode: Mode = "live" if not answer.fault else "last_good" if published else "profile"
    moved = f", moved by the carbon forecast of the day ({found.days} of 7 days known)" if found.moved else ""
    note = _note(
        f"Octopus Agile {answer.payload.get('product', '')}".strip() if answer.payload else "Octopus Agile",
        answer,
        now,
        mode=mode if known.any() else "none",
        counts=counts,
        kept=kept,
        details=[
            f"{counts['estimated']} of {known.size} cells estimated as the mean of the same half-hour of the last days"
            f"{moved}"
            if counts["estimated"]
            else "",
            f"{counts['derived']} cells derived from another region's rate" if counts["derived"] else "",
        ],
    )
    return found.price, found.estimated, note


def _note(
    name: str,
    answer: Answer,
    now: datetime,
    *,
    mode: Mode,
    counts: Mapping[str, int],
    kept: Mapping[tuple[int, int], datetime],
    details: list[str],
) -> SourceNote:
    at = answer.fetched_at
    reason = f"no fresh answer: {answer.fault}" if answer.fault else ""
    of_region: dict[int, datetime] = {}
    for (row, _), fetched in kept.items():
        region = REGION_IDS[row]
        of_region[region] = min(fetched, of_region.get(region, fetched))
    size = sum(count for kind, count in counts.items() if kind != "without_mix")
    oddities = ", ".join(_strings(answer.payload, "oddities"))
    return SourceNote(
        name=name,
        mode=mode,
        fetched_at=at,
        age_seconds=None if at is None else max(0.0, (now - at).total_seconds()),
        coverage=1 - counts["missing"] / size,
        detail="; ".join(part for part in (reason, _kept_words(kept), *details, oddities) if part),
        cells={kind: count for kind, count in counts.items() if count},
        kept_since=of_region,
    )


def _kept_words(kept: Mapping[tuple[int, int], datetime]) -> str:
    if not kept:
        return ""
    first, several = min(kept.values()), len(set(kept.values())) > 1
    where = "earlier answers, the oldest" if several else "the answer"
    rows = sorted({row for row, _ in kept})
    regions = "" if len(rows) > 3 else " for " + ", ".join(REGIONS[row].name for row in rows)
    return f"{len(kept)} cells{regions} kept from {where} of {first:%d %b %H:%M}Z"


def _strings(payload: Mapping[str, JsonValue] | None, key: str) -> list[str]:
    value = payload.get(key) if payload else None
    return [str(item) for item in value] if isinstance(value, list) else []


def carbon_arrays(cells: Cells, start: datetime, slots: int) -> FloatArray:
    """(3, 14, slots): intensity, renewable, low-carbon; NaN where missing."""
    arrays = np.full((3, len(REGIONS), slots), np.nan)
    for column in range(slots):
        known = cells.get(start + column * SLOT)
        if known:
            arrays[:, :, column] = np.array([known.get(region, HOLE) for region in REGION_IDS]).T
    return arrays


def fill_from_profile(arrays: FloatArray, cells: Cells, start: datetime) -> FloatArray:
    """Holes filled with the region's mean of the same half-hour (UTC) in `cells`."""
    sums = np.zeros((3, len(REGIONS), 48))
    counts = np.zeros((3, len(REGIONS), 48))
    for time, known in cells.items():
        values = np.array([known.get(region, HOLE) for region in REGION_IDS]).T
        sums[:, :, _slot_of_day(time)] += np.nan_to_num(values)
        counts[:, :, _slot_of_day(time)] += ~np.isnan(values)
    profile = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    columns = [_slot_of_day(start + i * SLOT) for i in range(arrays.shape[2])]
    return np.where(np.isnan(arrays), profile[:, :, columns], arrays)


def _slot_of_day(time: datetime) -> int:
    return time.hour * 2 + time.minute // 30
