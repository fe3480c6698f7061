"""What `gridwise submit` does, apart from its options: read, judge, insert, report."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import typer
from pydantic import JsonValue

from graph.app.database import open_store
from graph.app.settings import load_settings
from graph.cli.output import Output
from graph.cli.workload import WorkloadOptions
from graph.cli.workload_file import FileRow, read_rows
from graph.views.text import one_line
from persistence.errors import InvalidWorkload
from persistence.ids import short_id
from persistence.store.open import Store
from persistence.transports.rpc import unstorable
from persistence.workload import Row, Workload, parse_workload


def submit_workloads(output: Output, workload: WorkloadOptions, name: str | None, file: Path | None) -> None:
    """The one workload that the options describe, or those of a file. Exits with 1 if any was refused."""
    now = datetime.now(UTC)
    if name is not None:
        row = workload.row(name, now)
        found = [FileRow("", row, notes=workload.notes(row))]
    else:
        found = _judged(read_rows(file or Path("-")), now)
    refused = [row for row in found if row.problem]
    for one in refused:
        output.say(f"{one.where}: {one.problem}")
    good = [row for row in found if not row.problem]
    ids, assumptions = asyncio.run(_submit([row.row for row in good], now)) if good else ([], [])
    _report(output, good, ids, assumptions, is_file=file is not None)
    if refused:
        output.say(f"{len(refused)} of {len(found)} rows were refused, {len(ids)} submitted.")
        raise typer.Exit(1)


async def _submit(rows: Sequence[Row], now: datetime) -> tuple[list[UUID], list[list[str]]]:
    async with open_store(load_settings()) as store:
        return await store.operations.submit(rows), await _assumptions(store, rows, now)


async def _assumptions(store: Store, rows: Sequence[Row], now: datetime) -> list[list[str]]:
    """What a run would assume about each row as things stand, in the words of the run itself."""
    from graph.catalogue import StoredCatalogue
    from graph.problem import WorkloadInputError, problem_from

    assets = await StoredCatalogue(store.catalogue).assets()

    def of(row: Row) -> list[str]:
        try:
            problem = problem_from(_parsed(row, now), assets=assets, commitments=(), now=now)
        except WorkloadInputError as error:
            return [f"As things are, this will fail: {error}"]
        job = problem.job
        energy = [] if job.energy_is_stated else [f"Energy is estimated: {job.energy_kwh:.3g} kWh for the whole run."]
        return [*job.assumptions, *problem.notes, *energy]

    return [of(row) for row in rows]


def _judged(rows: Sequence[FileRow], now: datetime) -> list[FileRow]:
    """With an id each; those that the service would refuse have its reason."""

    def judged(found: FileRow) -> FileRow:
        if found.problem:
            return found
        row: dict[str, JsonValue] = {"id": str(uuid4()), **found.row}
        if bad := unstorable(row):
            return FileRow(found.where, row, f"{bad}, which cannot be stored; remove it.")
        try:
            _parsed(row, now)
        except InvalidWorkload as error:
            return FileRow(found.where, row, str(error))
        return FileRow(found.where, row, notes=found.notes)

    return [judged(row) for row in rows]


def _parsed(row: Row, now: datetime) -> Workload:
    return parse_workload({"submitted_at": now.isoformat(), **row})


def _report(
    output: Output, rows: Sequence[FileRow], ids: Sequence[UUID], assumptions: Sequence[list[str]], *, is_file: bool
) -> None:
    records: list[dict[str, Any]] = [
        {"id": str(one), "workload_name": row.row.get("workload_name"), "assumptions": [*row.notes, *assumed]}
        for one, row, assumed in zip(ids, rows, assumptions, strict=True)
    ]
    shown = [f"{short_id(one)}  {one_line(row.row.get('workload_name'))}" for one, row in zip(ids, rows, strict=True)]
    output.records(records, lines=shown if output.is_live else [str(one) for one in ids])
    if output.as_json or not ids:
        return
    for row in rows:
        for note in row.notes:
            output.say(f"  {row.where}: {note}" if is_file else f"  {note}")
    if is_file:
        guessed = sum(bool(assumed) for assumed in assumptions)
        output.say(f"{len(ids)} submitted; {guessed} of them leave something to be assumed (--json says what).")
    else:
        for text in assumptions[0]:
            output.say(f"  {text}")
        output.say(f"`gridwise run --until-empty` places it; `gridwise show {short_id(ids[0])}` has the answer.")
