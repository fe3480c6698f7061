"""The graph as people meet it in Studio: a form to fill in, sentences for what is wrong, typed state to edit."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal, cast, get_type_hints
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateUpdate
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from graph.state import State, graph_input
from graph.web.studio_saver import ThreadOfPoller
from persistence.columns import shown
from persistence.errors import DamagedCheckpoint, InvalidWorkload, StoreError
from persistence.retry import is_retryable
from persistence.workload import Recommendation, Urgency
from tools.errors import GridwiseError, PowerTaken

WorkloadType = Literal["TRAINING_RUN", "INFERENCE_BATCH", "RAG_QUERY", "FINE_TUNING", "DATA_PROCESSING", "OTHER"]


def _column(description: str, example: JsonValue, **limits: Any) -> Any:  # noqa: ANN401  pydantic's
    return Field(default=None, description=description, examples=[example], **limits)


class WorkloadForm(BaseModel):
    """A row of `compute_workloads`, as a frontend would insert it. Only the name is needed."""

    model_config = ConfigDict(extra="allow", title="Workload")

    workload_name: Annotated[str, Field(description="What people call it.", examples=["Nightly training"])]
    workload_type: WorkloadType | None = _column("What kind of work it is; decides what is assumed.", "TRAINING_RUN")
    urgency: Urgency | None = _column("How soon it should run; also weighs carbon against cost.", "MEDIUM")
    host_dc: str | None = _column("Preferred data centre, by name.", "Sample London Docklands")
    required_gpu_mins: int | None = _column("Total GPU minutes.", 960, ge=0)
    required_cpu_cores: int | None = _column("CPU cores needed at the same time.", 16, ge=0)
    required_memory_gb: int | None = _column("Memory, GB.", 128, ge=0)
    estimated_energy_kwh: float | None = _column("Energy of the whole run, kWh, if known.", 9.5, ge=0)
    estimated_duration_hours: float | None = _column("Duration of the run, hours.", 4, ge=0)
    is_deferrable: bool | None = _column("Whether it may start later than now.", example=True)
    deferral_window_mins: int | None = _column("It may start up to this many minutes after submission.", 1200, ge=0)
    earliest_start: datetime | None = _column("Not before; ISO 8601 with offset.", "2026-01-31T18:00Z")
    deadline: datetime | None = _column("Finish by; ISO 8601 with offset.", "2026-02-01T09:00Z")
    latest_completion: datetime | None = _column("Finish by, too; the earlier binds.", "2026-02-01T09:00Z")
    carbon_cap_gco2: int | None = _column("Most carbon for the whole run, g CO2.", 500, ge=0)
    max_carbon_intensity_gco2_kwh: float | None = _column("Highest carbon intensity, g CO2/kWh.", 120, ge=0)
    min_renewable_pct: float | None = _column("Lowest renewable share, %.", 40, ge=0, le=100)
    max_price_gbp: float | None = _column("Highest price of the whole run, GBP.", 5, ge=0)
    priority: int | None = _column("0 to 100.", 50, ge=0, le=100)
    metadata: dict[str, JsonValue] | None = _column(
        "`user_request` is what else matters, in plain English.", {"user_request": "It must stay in Scotland."}
    )
    id: str | None = _column("A UUID; made where it is missing.", "5f0c1c5e-1c55-4c2e-9f1a-6b1c5f0c1c5e")
    submitted_at: datetime | None = _column("When it was submitted; now where it is missing.", "2026-01-31T12:00Z")


class StudioInput(BaseModel):
    """What a run is given."""

    row: WorkloadForm
    clock: datetime | None = _column("The run's now, with offset; the present where it is missing.", None)


class StudioOutput(BaseModel):
    """What a run that succeeded gives."""

    recommendation: Recommendation


class RunFailed(ValueError):  # noqa: N818  says what happened
    """The poller's own sentence. The server shows messages of built-in kinds of errors, and hides all others."""


class RetryableRunFailed(RunFailed):
    """Another attempt may succeed; a poller that handed the run over tells it by this name."""


class PlanAnew(RetryableRunFailed):
    """It may succeed on another thread; this one cannot be continued."""


class StudioGraph(CompiledStateGraph[Any, Any, Any, Any]):
    """Same nodes, same state; input, schemas and edits are those of people and not of the poller."""

    def sample(self) -> Mapping[str, Any] | None:
        """A row for whoever gives none; None where one is needed."""
        return None

    def get_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        return StudioInput.model_json_schema()

    def get_output_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        return StudioOutput.model_json_schema()

    async def astream(
        self,
        input: Any,  # noqa: A002, ANN401  the base class's
        *arguments: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> AsyncIterator[Any]:
        given = input
        if isinstance(input, Mapping):
            sample = None if input.get("row") else self.sample()
            given = checked_input(input if sample is None else {**input, "row": sample})
            if await self._is_begun_by_same_run(arguments[0] if arguments else options.get("config")):
                given = None
        try:
            async for part in super().astream(given, *arguments, **options):
                yield part
        except (GridwiseError, StoreError) as error:
            raise _failure(error)(str(error)) from error

    async def _is_begun_by_same_run(self, config: RunnableConfig | None) -> bool:
        """Whether the server died in the middle and repeats the run: it goes on from its last checkpoint."""
        run = (config or {}).get("configurable", {}).get("run_id")
        if run is None or config is None:
            return False
        snapshot = await self.aget_state(config)
        return bool(snapshot.next) and str((snapshot.metadata or {}).get("run_id")) == str(run)

    async def abulk_update_state(
        self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]
    ) -> RunnableConfig:
        typed = [[update._replace(values=typed_values(update.values)) for update in step] for step in supersteps]
        try:
            return await super().abulk_update_state(config, typed)
        except StoreError as error:
            raise RunFailed(str(error)) from error


def _failure(error: GridwiseError | StoreError) -> type[RunFailed]:
    if isinstance(error, PowerTaken | DamagedCheckpoint | ThreadOfPoller):
        return PlanAnew
    return RetryableRunFailed if is_retryable(error) else RunFailed


def checked_input(given: Mapping[str, Any]) -> dict[str, Any]:
    """The poller's input for what a person filled in, a row or its columns alone.

    Raises:
        InvalidWorkload: with the sentence that the poller would write.
    """
    row = given["row"] if "row" in given else {name: value for name, value in given.items() if name != "clock"}
    if not isinstance(row, Mapping):
        raise InvalidWorkload((f"row: must be an object with the workload's columns, but is {shown(row)}.",))
    now = _clock(given.get("clock"))
    made = {"id": str(uuid4()), "submitted_at": now.isoformat()}
    filled = {name: value for name, value in row.items() if value not in (None, "")}
    return cast("dict[str, Any]", graph_input({**made, **filled}, now))


def typed_values(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """An edit with the types of the state: JSON becomes the stored classes again.

    Raises:
        ValueError: a channel that there is not, or a value that its type does not take.
    """
    if values is None:
        return None
    return {name: _typed(name, value) for name, value in values.items()}


def _typed(name: str, value: object) -> object:
    adapter = _channels().get(name)
    if adapter is None:
        msg = f"The state has no {name}; it has {', '.join(sorted(_channels()))}."
        raise ValueError(msg)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, (name, *one['loc'])))}: {one['msg']}" for one in error.errors()[:5])
        msg = f"The edit was refused, nothing was changed. {wrong}"
        raise ValueError(msg) from None


@cache
def _channels() -> Mapping[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(hint) for name, hint in get_type_hints(State, include_extras=True).items()}


def _clock(value: object) -> datetime:
    if value in (None, ""):
        return datetime.now(UTC)
    try:
        clock = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        clock = None
    if clock is None or clock.tzinfo is None:
        raise InvalidWorkload((f"clock: {shown(str(value))} is not a date and time with an offset.",))
    return clock.astimezone(UTC)
