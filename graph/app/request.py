"""What a caller says of a workload, in the words of options; and the row that it becomes."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from persistence.workload import Urgency
from tools.errors import GridwiseError
from tools.slots import UK


class OptionError(GridwiseError):
    """One option cannot be right. `option`: its name, as in Python."""

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(f"{option}: {reason}")
        self.option = option
        self.reason = reason


class Request(BaseModel):
    """Everything is optional; what is not said is assumed, and the answer says so. Unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: Annotated[float | None, Field(description="Duration of the run, hours.", gt=0, le=8784)] = None
    gpus: Annotated[int | None, Field(description="GPUs used for the whole run; needs hours.", ge=0)] = None
    gpu_mins: Annotated[int | None, Field(description="Total GPU minutes, instead of gpus.", ge=0)] = None
    cpu_cores: Annotated[int | None, Field(description="CPU cores needed at the same time.", ge=0)] = None
    memory_gb: Annotated[int | None, Field(description="Memory needed, GB.", ge=0)] = None
    energy_kwh: Annotated[float | None, Field(description="Energy of the whole run, kWh, if known.", ge=0)] = None
    deadline: Annotated[
        str | datetime | None,
        Field(description='Finish by: ISO 8601, or words such as "tomorrow 09:00", "in 6 hours"; UK time.'),
    ] = None
    earliest_start: Annotated[str | datetime | None, Field(description="Not before; as for deadline.")] = None
    deferral_mins: Annotated[
        int | None, Field(description="May start up to this many minutes from now; 0: in this half-hour.", ge=0)
    ] = None
    carbon_cap_g: Annotated[int | None, Field(description="Most grams of CO2 for the whole run.", ge=0)] = None
    max_intensity: Annotated[float | None, Field(description="Most gCO2/kWh.", ge=0)] = None
    min_renewable: Annotated[float | None, Field(description="Least renewable share, percent.", ge=0, le=100)] = None
    max_price: Annotated[float | None, Field(description="Most GBP for the whole run.", ge=0)] = None
    host_dc: Annotated[str | None, Field(description="Preferred data centre or region, by name.")] = None
    workload_type: Annotated[
        str,
        Field(description="TRAINING_RUN, INFERENCE_BATCH, RAG_QUERY, FINE_TUNING, DATA_PROCESSING or OTHER."),
    ] = "OTHER"
    urgency: Annotated[Urgency, Field(description="How soon it should run; also weighs carbon against cost.")] = (
        Urgency.MEDIUM
    )
    request: Annotated[
        str | None, Field(description='What else matters, in plain English: "not in Wales; it can be paused".')
    ] = None

    def row(self, name: str | None, now: datetime) -> dict[str, JsonValue]:
        """The columns as a frontend would insert them, with an id. Raises `OptionError`."""
        columns: dict[str, JsonValue] = {
            "id": str(uuid4()),
            "workload_name": name,
            "workload_type": self.workload_type,
            "urgency": self.urgency.value,
            "host_dc": self.host_dc,
            "required_gpu_mins": self._gpu_minutes(),
            "required_cpu_cores": self.cpu_cores,
            "required_memory_gb": self.memory_gb,
            "estimated_energy_kwh": self.energy_kwh,
            "estimated_duration_hours": self.hours,
            "is_deferrable": None if self.deferral_mins is None else self.deferral_mins > 0,
            "deferral_window_mins": self.deferral_mins,
            "deadline": instant(self.deadline, now, "deadline"),
            "earliest_start": instant(self.earliest_start, now, "earliest_start"),
            "carbon_cap_gco2": self.carbon_cap_g,
            "max_carbon_intensity_gco2_kwh": self.max_intensity,
            "min_renewable_pct": self.min_renewable,
            "max_price_gbp": self.max_price,
            "metadata": None if self.request is None else {"user_request": self.request},
        }
        return {key: value for key, value in columns.items() if value is not None}

    def _gpu_minutes(self) -> int | None:
        if self.gpus is None:
            return self.gpu_mins
        if self.gpu_mins is not None or self.hours is None:
            option = "gpus"
            reason = "give it together with the duration (hours), or give the GPU minutes alone"
            raise OptionError(option, reason)
        return round(self.gpus * self.hours * 60)


def instant(value: str | datetime | None, now: datetime, option: str) -> str | None:
    """A point in time in ISO 8601 or in English, UK time where it has no offset; as ISO 8601 in UTC.

    Raises `OptionError`.
    """
    if value is None:
        return None
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
    except ValueError:
        time = _in_words(str(value), now, option)
    return (time if time.tzinfo else time.replace(tzinfo=UK)).astimezone(UTC).isoformat()


def _in_words(text: str, now: datetime, option: str) -> datetime:
    from agents.request.reader import instant_in

    found = instant_in(text, now)
    if found is not None:
        return found
    reason = f'"{text}" is not a time; write "tomorrow 09:00", "in 6 hours" or 2026-12-01T09:00'
    raise OptionError(option, reason)
