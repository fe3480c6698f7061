"""The row that a frontend inserted, checked and typed; and the recommendation that goes back."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal, TypeAlias, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from persistence import columns
from persistence.errors import InvalidWorkload

T = TypeVar("T")
Reason: TypeAlias = Literal["energy", "pricing", "availability", "low_carbon", "cost_effective"]
Source: TypeAlias = Literal["compute", "energy"]


class Urgency(StrEnum):
    """How soon the user wants the workload to run; the order of the queue and the carbon price follow it."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class Relaxed(BaseModel):
    """One limit of the request's words that its owner gave up, so far; docs/contract.md has the form."""

    model_config = ConfigDict(frozen=True)

    limit: str
    value: JsonValue = None


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
    relaxed: tuple[Relaxed, ...] = ()
    """Limits that its owner gave up after a failure (`metadata.relaxed`)."""


class RankedOption(BaseModel):
    """One of the three options that a recommendation names, as it is written to the row."""

    model_config = ConfigDict(frozen=True)

    region: str
    region_number: int
    """NESO's region id, 1-14; the store resolves it to `uk_regions.id`."""
    region_id: UUID | None = None
    grid_zone_id: UUID | None = None
    asset_id: UUID | None = None
    carbon_intensity: Decimal | None
    """Energy-weighted mean over the window, gCO2/kWh, two places; null where no figures were to be had."""
    renewable_mix: Decimal | None
    """Energy-weighted mean over the window, %, two places; null likewise."""
    cost_gbp: Decimal | None
    """Four places; null where no price is known."""
    reason: Reason
    start: datetime
    end: datetime


class Recommendation(BaseModel):
    """What `complete` writes back: the output columns of the contract and the keys merged into `metadata`."""

    model_config = ConfigDict(frozen=True)

    options: tuple[RankedOption, ...] = Field(min_length=1, max_length=3)
    """One to three, the winner first."""
    source: Source
    rank: int = Field(ge=1, le=3)
    """The winner's rank (1-3) within its source's list."""
    confidence: Decimal = Field(ge=0, le=1)
    """P(winner beats the counterfactual), 0.00-1.00."""
    decision_summary: str
    metadata: dict[str, JsonValue]
    """Merged into the row's `metadata` on the server; never holds `user_request`."""


MAX_NAME_CHARACTERS: Final = 500
MAX_REQUEST_CHARACTERS: Final = 10_000
"""What a model is shown; longer requests are refused rather than cut."""

_URGENCIES: Final = {urgency.value: urgency for urgency in Urgency}
_TYPES: Final = {
    **{
        name: name
        for name in ("TRAINING_RUN", "INFERENCE_BATCH", "RAG_QUERY", "FINE_TUNING", "DATA_PROCESSING", "OTHER")
    },
    # names of older rows
    "AI_TRAINING": "TRAINING_RUN",
    "INFERENCE": "INFERENCE_BATCH",
    "BATCH_PROCESSING": "DATA_PROCESSING",
    "REAL_TIME": "INFERENCE_BATCH",
}
# Upper bounds are a thousand times what a single workload plausibly needs: they catch slips of unit, not ambition.
_CHECKS: Final[Mapping[str, Callable[[JsonValue], object]]] = {
    "workload_type": columns.choice(_TYPES),
    "urgency": columns.choice(_URGENCIES),
    "priority": columns.whole_number(0, 100),
    "host_dc": columns.text(200),
    "required_gpu_mins": columns.whole_number(0, 100_000_000),
    "required_cpu_cores": columns.whole_number(0, 1_000_000),
    "required_memory_gb": columns.whole_number(0, 10_000_000),
    "estimated_energy_kwh": columns.number(0, 10_000_000),
    "estimated_duration_hours": columns.number(0, 8_784),
    "carbon_cap_gco2": columns.whole_number(0, 10_000_000_000),
    "max_carbon_intensity_gco2_kwh": columns.number(0, 10_000),
    "min_renewable_pct": columns.number(0, 100),
    "max_price_gbp": columns.number(0, 1_000_000_000),
    "is_deferrable": columns.truth,
    "deferral_window_mins": columns.whole_number(0, 527_040),
    "earliest_start": columns.timestamp,
    "deadline": columns.timestamp,
    "latest_completion": columns.timestamp,
}
INPUT_COLUMNS: Final = ("id", "job_id", "user_id", "workload_name", *_CHECKS, "submitted_at", "metadata")
"""What a frontend may fill in."""
_ZERO_MEANS_UNSTATED: Final = ("estimated_energy_kwh", "estimated_duration_hours")
"""Forms send 0 for a field that was left empty, and no workload takes no time."""
_FORM_ONLY: Final = frozenset({*INPUT_COLUMNS, "status"}) - _CHECKS.keys()


def parse_workload(row: Mapping[str, JsonValue]) -> Workload:
    """Check a row of `compute_workloads`, as JSON, and type it.

    A null column is filled from `metadata.user_request` where that is an object (the form as it was sent); where it is
    text, it is the free request of an older row. Raises `InvalidWorkload`, which names every bad column.
    """
    problems: list[str] = []
    form, request = _user_request(row, problems)
    values: dict[str, object] = {}
    for column, check in _CHECKS.items():
        value, label = _look_up(column, row, form)
        if value is not None:
            values[column] = _checked(label, check, value, problems)
    values = {key: value for key, value in values.items() if not (key in _ZERO_MEANS_UNSTATED and value == 0)}

    title, label = _look_up("workload_name", row, form)
    values["workload_name"] = _checked(label, columns.text(MAX_NAME_CHARACTERS), title, problems)
    values["id"] = _checked("id", _uuid, row.get("id"), problems)
    submitted = row.get("submitted_at") or row.get("agent_started_at")
    values["submitted_at"] = _checked("submitted_at", columns.timestamp, submitted, problems)
    values["request_text"] = request
    values["relaxed"] = _relaxed(row)

    limits = [values.pop(key, None) for key in ("deadline", "latest_completion")]
    finish_by = min((limit for limit in limits if isinstance(limit, datetime)), default=None)
    start = values.get("earliest_start")
    if isinstance(start, datetime) and finish_by is not None and start >= finish_by:
        problems.append(
            f"earliest_start ({start:%Y-%m-%d %H:%MZ}) is not before the deadline ({finish_by:%Y-%m-%d %H:%MZ})."
        )
    if problems:
        raise InvalidWorkload(tuple(problems))
    if str(row.get("workload_type")).strip().upper() == "REAL_TIME":
        values.setdefault("is_deferrable", False)
    return Workload.model_validate({**values, "finish_by": finish_by})


def _relaxed(row: Mapping[str, JsonValue]) -> list[JsonValue]:
    """What makes no sense is left out: our own SQL wrote it, and the words then bind as they stand."""
    listed = columns.mapping(row.get("metadata")).get("relaxed")
    entries = listed if isinstance(listed, list) else []
    return [one for one in entries if isinstance(one, dict) and isinstance(one.get("limit"), str)]


def _look_up(name: str, row: Mapping[str, JsonValue], form: Mapping[str, JsonValue]) -> tuple[JsonValue, str]:
    value = row.get(name)
    if value is not None:
        return value, name
    if form.get(name) not in (None, ""):
        return form[name], f"metadata.user_request.{name}"
    return None, name


def _checked(label: str, check: Callable[[JsonValue], T], value: JsonValue, problems: list[str]) -> T | None:
    try:
        return check(value)
    except columns.ColumnError as bad:
        problems.append(f"{label}: {bad}.")
        return None


def _uuid(value: JsonValue) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        msg = f"{columns.shown(value)} is not a UUID"
        raise columns.ColumnError(msg) from None


def _user_request(row: Mapping[str, JsonValue], problems: list[str]) -> tuple[Mapping[str, JsonValue], str | None]:
    metadata = row.get("metadata")
    if metadata is None:
        return {}, None
    if not isinstance(metadata, dict):
        problems.append("metadata: must be a JSON object.")
        return {}, None
    request = metadata.get("user_request")
    free_text = columns.text(MAX_REQUEST_CHARACTERS, lines=True)
    if request is None or request == "":
        return {}, None
    if isinstance(request, str):
        return {}, _checked("metadata.user_request", free_text, request, problems)
    if not isinstance(request, dict):
        problems.append("metadata.user_request: must be an object or text.")
        return {}, None
    known = _CHECKS.keys() | _FORM_ONLY
    notes = [
        f"{key}: {value}"
        for key, value in request.items()
        if key not in known and isinstance(value, str) and value.strip()
    ]
    return request, _checked("metadata.user_request", free_text, "\n".join(notes), problems) if notes else None


Row: TypeAlias = Mapping[str, JsonValue]
