"""What the commands print: Rich on a terminal, plain lines in a pipe, one JSON object per line with `--json`."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table


class Output:
    """Where a command's answer goes. Logs and messages for people go to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
        self.messages = Console(stderr=True, highlight=False, soft_wrap=True)

    @property
    def is_live(self) -> bool:
        """A person is watching: live views and progress bars make sense."""
        return not self.as_json and self.console.is_terminal

    def records(self, records: Iterable[Mapping[str, Any]], *, lines: Sequence[str] = ()) -> None:
        """The answer: as JSON lines, or as the `lines` written for people."""
        if self.as_json:
            for record in records:
                print(to_json(record), flush=True)  # noqa: T201 (the command's answer)
        else:
            for line in lines:
                self.console.print(line, markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table on a terminal; tab-separated lines with a heading in a pipe."""
        if self.console.is_terminal:
            self.console.print(make_table(title, columns, rows))
            return
        for row in (columns, *rows):
            print("\t".join(row))  # noqa: T201 (Rich would expand the tabs)

    def say(self, text: str) -> None:
        """A message for people; never part of the answer."""
        self.messages.print(text, markup=False)


def make_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", expand=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    return table


def to_json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, default=_encode)


def _encode(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
