"""The options that describe a workload, shared by every command that takes one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, TypeVar, get_type_hints

import typer

from persistence.errors import InvalidWorkload
from tools.slots import UK

if TYPE_CHECKING:
    from pydantic import JsonValue

T = TypeVar("T")
Urgency: TypeAlias = Literal["low", "medium", "high", "critical"]
"""As `persistence.workload.Urgency`, which takes longer to import than `--help` may take."""


@dataclass(frozen=True, kw_only=True)
class WorkloadOptions:
    """What a user says of a workload on the command line; one field per option."""

    workload_type: Annotated[str, typer.Option("--type", help="TRAINING_RUN, INFERENCE_BATCH, …")] = "OTHER"
    urgency: Annotated[
        Urgency, typer.Option(case_sensitive=False, help="How soon it should run; also weighs carbon against cost.")
    ] = "medium"
    gpus: Annotated[int | None, typer.Option(help="GPUs used for the whole run; needs --hours.")] = None
    gpu_mins: Annotated[int | None, typer.Option(help="Total GPU minutes.")] = None
    cpu_cores: Annotated[int | None, typer.Option(help="CPU cores needed at the same time.")] = None
    memory_gb: Annotated[int | None, typer.Option(help="Memory needed, GB.")] = None
    energy_kwh: Annotated[float | None, typer.Option(help="Energy of the whole run, if known.")] = None
    hours: Annotated[float | None, typer.Option(help="Duration of the run.")] = None
    deferral_mins: Annotated[int | None, typer.Option(help="May start up to this many minutes from now.")] = None
    deadline: Annotated[
        str | None,
        typer.Option("--deadline", "--by", help='Finish by: "tomorrow 09:00", "in 6 hours", or ISO 8601; UK time.'),
    ] = None
    earliest_start: Annotated[str | None, typer.Option(help="Not before: as for --deadline.")] = None
    carbon_cap_g: Annotated[int | None, typer.Option(help="Grams of CO2 for the whole run.")] = None
    max_intensity: Annotated[float | None, typer.Option(help="gCO2/kWh.")] = None
    min_renewable: Annotated[float | None, typer.Option(help="Percent.")] = None
    max_price: Annotated[float | None, typer.Option(help="GBP for the whole run.")] = None
    host_dc: Annotated[str | None, typer.Option(help="Preferred data centre, by name.")] = None
    request: Annotated[str | None, typer.Option(help="What else matters, in plain English.")] = None

    def row(self, name: str | None, now: datetime) -> dict[str, JsonValue]:
        """The columns as a frontend would insert them, with an id. Raises `typer.BadParameter`."""
        from graph.app.request import OptionError, Request
        from persistence import workload

        said = {**asdict(self), "urgency": workload.Urgency(self.urgency.upper())}
        try:
            row = Request.model_construct(**said).row(name, now)
        except OptionError as error:
            message = f"--{error.option.replace('_', '-')}: {error.reason}"
            raise typer.BadParameter(message) from None
        self._check(row, now)
        return row

    def notes(self, row: Mapping[str, JsonValue]) -> list[str]:
        """How times without an offset were read."""
        given = {"deadline": self.deadline, "earliest_start": self.earliest_start}
        return [
            f"{OPTIONS[column]} {text}: {datetime.fromisoformat(str(row[column])).astimezone(UK):%a %d %b %Y %H:%M %Z}"
            " (UK time)"
            for column, text in given.items()
            if text is not None and not _has_offset(text)
        ]

    def _check(self, row: Mapping[str, JsonValue], now: datetime) -> None:
        """As the service will, but by the option's name. Raises `typer.BadParameter`."""
        if self.hours is not None and self.hours <= 0:
            message = f"--hours: {self.hours:g} is not a duration"
            raise typer.BadParameter(message)
        if self.deadline is not None and datetime.fromisoformat(str(row["deadline"])) <= now:
            message = f"--deadline: {self.deadline} has passed"
            raise typer.BadParameter(message)
        from persistence.workload import parse_workload

        try:
            parse_workload({"submitted_at": now.isoformat(), **row})
        except InvalidWorkload as error:
            problems = [_by_option(problem) for problem in error.problems]
            raise typer.BadParameter(" ".join(problems)) from None


OPTIONS: Final = {
    "workload_name": "NAME",
    "workload_type": "--type",
    "urgency": "--urgency",
    "host_dc": "--host-dc",
    "required_gpu_mins": "--gpu-mins",
    "required_cpu_cores": "--cpu-cores",
    "required_memory_gb": "--memory-gb",
    "estimated_energy_kwh": "--energy-kwh",
    "estimated_duration_hours": "--hours",
    "deferral_window_mins": "--deferral-mins",
    "deadline": "--deadline",
    "earliest_start": "--earliest-start",
    "carbon_cap_gco2": "--carbon-cap-g",
    "max_carbon_intensity_gco2_kwh": "--max-intensity",
    "min_renewable_pct": "--min-renewable",
    "max_price_gbp": "--max-price",
    "metadata.user_request": "--request",
}
"""Column → the option that fills it."""


def _by_option(problem: str) -> str:
    column, colon, rest = problem.partition(":")
    return f"{OPTIONS[column]}{colon}{rest}" if column in OPTIONS else problem


def _has_offset(text: str) -> bool:
    try:
        return datetime.fromisoformat(text.strip()).tzinfo is not None
    except ValueError:
        return False


def takes_workload(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command one option per field of `WorkloadOptions`, in place of its parameter `workload`."""
    hints = get_type_hints(WorkloadOptions, include_extras=True)
    shared = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(WorkloadOptions)
    ]
    names = {parameter.name for parameter in shared}
    own_hints = get_type_hints(command, include_extras=True)
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=own_hints[name])
        for name, parameter in inspect.signature(command).parameters.items()
        if name != "workload"
    ]

    def spread(**arguments: Any) -> T:  # noqa: ANN401  whatever the options are
        given = {name: arguments.pop(name) for name in names & arguments.keys()}
        return command(workload=WorkloadOptions(**given), **arguments)

    spread.__name__, spread.__doc__ = command.__name__, command.__doc__
    spread.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]  # read by inspect
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *shared)}
    return spread
