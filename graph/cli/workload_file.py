"""Rows of workloads from a file or standard input: JSON Lines, JSON, or CSV with a heading."""

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from graph.app.settings import ConfigurationError
from persistence.workload import INPUT_COLUMNS
from tools.slots import UK

STANDARD_INPUT: Final = Path("-")
NAME: Final = "workload_name"
TIMES: Final = ("deadline", "earliest_start", "latest_completion", "submitted_at")
REQUEST: Final = "user_request"
"""A column of a CSV file for what JSON has in `metadata.user_request`."""
_SIMILAR: Final = 0.6


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of the file, or why it is none."""

    where: str
    """`line 3`, or `item 3` of a JSON list."""
    row: dict[str, JsonValue]
    problem: str | None = None
    notes: list[str] = field(default_factory=list)
    """What was read into it: a time without an offset, say."""


def read_rows(file: Path) -> list[FileRow]:
    """All rows of the file; `-` is standard input.

    Raises:
        ConfigurationError: the file cannot be read, or is empty.
    """
    rows = [_checked(found) for found in _rows(_text(file), is_csv=file.suffix.lower() == ".csv")]
    if not rows:
        msg = f"{_name(file)} holds no rows"
        raise ConfigurationError(msg)
    return rows


def _name(file: Path) -> str:
    return "standard input" if file == STANDARD_INPUT else str(file)


def _text(file: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        msg = f"--file {file}: {error.strerror}"
        raise ConfigurationError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{_name(file)} is not UTF-8 text (byte {error.start + 1}); save it as UTF-8"
        raise ConfigurationError(msg) from error


def _rows(text: str, *, is_csv: bool) -> Iterator[FileRow]:
    begins = text.lstrip()[:1]
    if is_csv or begins not in {"{", "["}:
        yield from _csv_rows(text)
        return
    try:
        document = json.loads(text)
    except ValueError:
        if begins == "[":
            yield from _broken_array(text)
        else:
            yield from _json_lines(text)
        return
    found = document if isinstance(document, list) else [document]
    yield from (_json_row(f"item {number}", row) for number, row in enumerate(found, 1))


def _broken_array(text: str) -> Iterator[FileRow]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        yield FileRow(f"line {error.lineno}", {}, f"not JSON: {error.msg} at column {error.colno}")


def _json_lines(text: str) -> Iterator[FileRow]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield _json_row(f"line {number}", json.loads(line))
        except ValueError as error:
            yield FileRow(f"line {number}", {}, f"not JSON: {error}")


def _json_row(where: str, row: JsonValue) -> FileRow:
    return FileRow(where, row) if isinstance(row, dict) else FileRow(where, {}, "not a JSON object")


def _csv_rows(text: str) -> Iterator[FileRow]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", skipinitialspace=True)
    heading = [name.strip() for name in reader.fieldnames or ()]
    if heading and NAME not in heading:
        yield FileRow("line 1", {}, f"neither JSON nor a CSV heading with {NAME}")
        return
    reader.fieldnames = heading
    for cells in reader:
        if None in cells.values() or "" in cells:
            yield FileRow(
                f"line {reader.line_num}", {}, f"has another number of cells than the heading ({len(heading)})"
            )
            continue
        yield _csv_row(f"line {reader.line_num}", {name: str(value).strip() for name, value in cells.items()})


def _csv_row(where: str, cells: Mapping[str, str]) -> FileRow:
    row: dict[str, JsonValue] = {name: value for name, value in cells.items() if value}
    if "metadata" in row:
        try:
            row["metadata"] = json.loads(str(row["metadata"]))
        except ValueError:
            return FileRow(where, {}, "metadata is not JSON")
    request = row.pop(REQUEST, None)
    if request is not None:
        metadata = row.get("metadata")
        row["metadata"] = {**(metadata if isinstance(metadata, dict) else {}), REQUEST: request}
    return FileRow(where, row)


def _checked(found: FileRow) -> FileRow:
    """Names of columns and times without an offset; the values are judged by `parse_workload`."""
    if found.problem is not None:
        return found
    for name in found.row:
        if name not in INPUT_COLUMNS and (nearest := get_close_matches(name, INPUT_COLUMNS, n=1, cutoff=_SIMILAR)):
            return FileRow(found.where, {}, f"there is no column {name}; did you mean {nearest[0]}?")
    row, notes = dict(found.row), list[str]()
    for name in TIMES:
        if (local := _without_offset(row.get(name))) is not None:
            row[name] = local.astimezone(UTC).isoformat()
            notes.append(f"{name} has no offset: read as UK time, {local:%a %d %b %Y %H:%M %Z}")
    return FileRow(found.where, row, notes=notes)


def _without_offset(value: JsonValue) -> datetime | None:
    try:
        time = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if time is None or time.tzinfo is not None else time.replace(tzinfo=UK)
