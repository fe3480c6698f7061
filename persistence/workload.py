"""The row that a frontend inserted, checked and typed; and the recommendation that goes back."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

Reason: TypeAlias = Literal["energy", "pricing", "availability", "low_carbon", "cost_effective"]
Source: TypeAlias = Literal["compute", "energy"]


class Urgency(StrEnum):
    """How soon the user wants the workload to run; the order of the queue and the carbon price follow it."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class Workload(BaseModel):
    """One valid row of `compute_workloads`. Build it with `parse_workload`, which reports every bad column."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    workload_name: str
    workload_type: str = "OTHER"
    urgency: Urgency = Urgency.MEDIUM
    priority: int | None = None
    host_dc: str | None = None
    required_gpu_mins: int | None = None
    required_cpu_cores: int | None = None
    required_memory_gb: int | None = None
    estimated_energy_kwh: float | None = None
    estimated_duration_hours: float | None = None
    carbon_cap_gco2: int | None = None
    max_carbon_intensity_gco2_kwh: float | None = None
    min_renewable_pct: float | None = None
    max_price_gbp: float | None = None
    is_deferrable: bool | None = None
    deferral_window_mins: int | None = None
    earliest_start: datetime | None = None
    finish_by: datetime | None = None
    """The earlier of `deadline` and `latest_completion`."""
    submitted_at: datetime
    request_text: str | None = None
    """Free text of the request (`metadata.user_request` as a string, or the text fields of the form)."""


class RankedOption(BaseModel):
    """One of the three options that a recommendation names, as it is written to the row."""

    model_config = ConfigDict(frozen=True)

    region: str
    region_number: int
    """NESO's region id, 1-14; the store resolves it to `uk_regions.id`."""
    region_id: UUID | None = None
    grid_zone_id: UUID | None = None
    asset_id: UUID | None = None
    carbon_intensity: Decimal
    """Energy-weighted mean over the window, gCO2/kWh, two places."""
    renewable_mix: Decimal
    """Energy-weighted mean over the window, %, two places."""
    cost_gbp: Decimal | None
    """Four places; null where no price is known."""
    reason: Reason
    start: datetime
    end: datetime


class Recommendation(BaseModel):
    """What `complete` writes back: the output columns of the contract and the keys merged into `metadata`."""

    model_config = ConfigDict(frozen=True)

    options: tuple[RankedOption, ...]
    """One to three, the winner first."""
    source: Source
    rank: int
    """The winner's rank (1-3) within its source's list."""
    confidence: Decimal
    """P(winner beats the counterfactual), 0.00-1.00."""
    decision_summary: str
    metadata: dict[str, JsonValue]
    """Merged into the row's `metadata` on the server; never holds `user_request`."""
