"""`gridwise submit`: put workloads into the queue, from flags or as JSON lines."""

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from pydantic import JsonValue

from graph.app.database import open_store
from graph.app.settings import load_settings
from graph.cli.options import AsJson
from graph.cli.output import Output
from persistence.errors import InvalidWorkload
from persistence.workload import Urgency, parse_workload


def submit(
    name: Annotated[str | None, typer.Argument(help="Name of the workload; leave out with --file.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Rows as JSON lines, keys as the columns are called; - reads standard input.")
    ] = None,
    workload_type: Annotated[str, typer.Option("--type", help="TRAINING_RUN, INFERENCE_BATCH, …")] = "OTHER",
    urgency: Annotated[
        Urgency, typer.Option(case_sensitive=False, help="How soon it should run; also weighs carbon against cost.")
    ] = Urgency.MEDIUM,
    gpu_mins: Annotated[int | None, typer.Option(help="Total GPU minutes.")] = None,
    cpu_cores: Annotated[int | None, typer.Option(help="CPU cores needed at the same time.")] = None,
    memory_gb: Annotated[int | None, typer.Option(help="Memory needed, GB.")] = None,
    energy_kwh: Annotated[float | None, typer.Option(help="Energy of the whole run, if known.")] = None,
    hours: Annotated[float | None, typer.Option(help="Duration of the run.")] = None,
    deferral_mins: Annotated[int | None, typer.Option(help="May start up to this many minutes from now.")] = None,
    deadline: Annotated[str | None, typer.Option(help="Finish by, ISO 8601 with offset.")] = None,
    earliest_start: Annotated[str | None, typer.Option(help="ISO 8601 with offset.")] = None,
    carbon_cap_g: Annotated[int | None, typer.Option(help="Grams of CO2 for the whole run.")] = None,
    max_intensity: Annotated[float | None, typer.Option(help="gCO2/kWh.")] = None,
    min_renewable: Annotated[float | None, typer.Option(help="Percent.")] = None,
    max_price: Annotated[float | None, typer.Option(help="GBP for the whole run.")] = None,
    host_dc: Annotated[str | None, typer.Option(help="Preferred data centre, by name.")] = None,
    request: Annotated[str | None, typer.Option(help="What else matters, in plain English.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put workloads into the queue and print their ids."""
    output = Output(as_json=as_json)
    if (name is None) == (file is None):
        message = "give either a NAME or --file"
        raise typer.BadParameter(message)
    if file is not None:
        rows, problems = _read_rows(file)
    else:
        row: dict[str, JsonValue] = {
            "workload_name": name,
            "workload_type": workload_type,
            "urgency": urgency.value,
            "host_dc": host_dc,
            "required_gpu_mins": gpu_mins,
            "required_cpu_cores": cpu_cores,
            "required_memory_gb": memory_gb,
            "estimated_energy_kwh": energy_kwh,
            "estimated_duration_hours": hours,
            "is_deferrable": None if deferral_mins is None else deferral_mins > 0,
            "deferral_window_mins": deferral_mins,
            "deadline": deadline,
            "earliest_start": earliest_start,
            "carbon_cap_gco2": carbon_cap_g,
            "max_carbon_intensity_gco2_kwh": max_intensity,
            "min_renewable_pct": min_renewable,
            "max_price_gbp": max_price,
            "metadata": None if request is None else {"user_request": request},
        }
        rows, problems = _checked([(1, {key: value for key, value in row.items() if value is not None})])
    for problem in problems:
        output.say(problem)
    ids = asyncio.run(_submit(rows)) if rows else []
    records = [{"id": str(workload_id)} for workload_id in ids]
    output.records(records, lines=[record["id"] for record in records])
    if problems:
        raise typer.Exit(1)


async def _submit(rows: list[dict[str, JsonValue]]) -> list[str]:
    async with open_store(load_settings()) as store:
        return [str(workload_id) for workload_id in await store.submit(rows)]


def _read_rows(file: Path) -> tuple[list[dict[str, JsonValue]], list[str]]:
    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    return _checked(_parse_lines(text))


def _parse_lines(text: str) -> Iterator[tuple[int, JsonValue]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                yield number, f"not JSON: {error}"


def _checked(
    rows: Iterator[tuple[int, JsonValue]] | list[tuple[int, JsonValue]],
) -> tuple[list[dict[str, JsonValue]], list[str]]:
    """Rows that the service will accept, and a line for each that it would refuse."""
    good: list[dict[str, JsonValue]] = []
    problems = []
    for number, row in rows:
        if not isinstance(row, dict):
            problems.append(f"line {number}: {row if isinstance(row, str) else 'not a JSON object'}")
            continue
        row.setdefault("id", str(uuid4()))
        try:
            parse_workload({"submitted_at": datetime.now(UTC).isoformat(), **row})
        except InvalidWorkload as error:
            problems.append(f"line {number}: {error}")
        else:
            good.append(row)
    return good, problems
