"""What every export needs of a recommended row."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from tools.errors import GridwiseError


class NothingToExport(GridwiseError):  # noqa: N818  says what happened
    """The row has no recommendation (yet)."""

    def __init__(self) -> None:
        super().__init__("The workload has no recommended window to export; plan it first.")


@dataclass(frozen=True, kw_only=True)
class Run:
    """When and where a workload is to run. Times are aware UTC."""

    workload_id: str
    name: str
    region: str
    segments: tuple[tuple[datetime, datetime], ...]
    """The intervals in which it runs: one, unless it pauses."""
    intensity: float | None
    """gCO2/kWh."""
    cost_gbp: float | None
    summary: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """From a row's columns, as JSON. Raises `NothingToExport`."""
        start, end = row.get("recommended_time_window_start"), row.get("recommended_time_window_end")
        if not start or not end:
            raise NothingToExport
        return cls(
            workload_id=str(row.get("id", "")),
            name=str(row.get("workload_name") or "workload"),
            region=str(row.get("recommended_region") or ""),
            segments=_segments(row) or ((_utc(start), _utc(end)),),
            intensity=_number(row.get("recommended_carbon_intensity")),
            cost_gbp=_number(row.get("recommended_cost_gbp")),
            summary=str(row.get("decision_summary") or ""),
        )

    @property
    def start(self) -> datetime:
        return self.segments[0][0]

    @property
    def end(self) -> datetime:
        return self.segments[-1][1]

    @property
    def running_time(self) -> timedelta:
        """Without the pauses."""
        return sum((end - start for start, end in self.segments), timedelta())

    @property
    def slug(self) -> str:
        """The name in the letters that unit, job and object names may have, at most 40."""
        return (re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:40] or "workload").strip("-")


def _segments(row: Mapping[str, Any]) -> tuple[tuple[datetime, datetime], ...]:
    metadata = row.get("metadata")
    provenance = metadata.get("provenance") if isinstance(metadata, Mapping) else None
    parts = provenance.get("segments") if isinstance(provenance, Mapping) else None
    known = [part for part in parts or () if isinstance(part, Mapping) and {"start", "end"} <= part.keys()]
    return tuple((_utc(part["start"]), _utc(part["end"])) for part in known)


def _utc(value: object) -> datetime:
    return datetime.fromisoformat(str(value)).astimezone(UTC)


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
