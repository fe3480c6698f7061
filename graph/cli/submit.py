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
from graph.cli.workload import WorkloadOptions, takes_workload
from persistence.errors import InvalidWorkload
from persistence.workload import parse_workload


@takes_workload
def submit(
    workload: WorkloadOptions,
    name: Annotated[str | None, typer.Argument(help="Name of the workload; leave out with --file.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Rows as JSON lines, keys as the columns are called; - reads standard input.")
    ] = None,
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
        rows, problems = _checked([(1, workload.row(name, datetime.now(UTC)))])
    for problem in problems:
        output.say(problem)
    ids = asyncio.run(_submit(rows)) if rows else []
    records = [{"id": str(workload_id)} for workload_id in ids]
    output.records(records, lines=[record["id"] for record in records])
    if problems:
        raise typer.Exit(1)


async def _submit(rows: list[dict[str, JsonValue]]) -> list[str]:
    async with open_store(load_settings()) as store:
        return [str(workload_id) for workload_id in await store.operations.submit(rows)]


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
