"""What the commands print: Rich on a terminal, plain lines in a pipe, one JSON object per line with `--json`."""

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console

from graph.views.text import clean, escaped_json

if TYPE_CHECKING:
    from rich.table import Table


class Output:
    """Where a command's answer goes. Logs and messages for people go to standard error.

    What is printed was partly written by users: no control or direction character of theirs reaches a terminal.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
        self.messages = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

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
            self.print(*lines)

    def print(self, *lines: str) -> None:
        """Lines for people."""
        for line in lines:
            self.console.print(clean(line), markup=False)

    @property
    def width(self) -> int:
        """Columns of the terminal; in a pipe COLUMNS, or 80."""
        return self.console.width

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        shrinkable: Collection[str] = (),
    ) -> None:
        """A table on a terminal; tab-separated lines with a heading in a pipe, which are never shortened."""
        if self.console.is_terminal:
            self.console.print(make_table(title, columns, rows, shrinkable=shrinkable))
            return
        for row in (columns, *rows):
            print("\t".join(clean(cell).replace("\t", " ") for cell in row))  # noqa: T201 (Rich would expand the tabs)

    def say(self, text: str) -> None:
        """A message for people; never part of the answer."""
        self.messages.print(clean(text), markup=False)


def make_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, shrinkable: Collection[str] = ()
) -> "Table":
    """With `shrinkable` columns every row is one line: these end in … where the terminal has no room for them."""
    from rich.table import Table
    from rich.text import Text

    is_dense = bool(shrinkable)
    table = Table(title=title or None, title_justify="left", expand=False)
    if is_dense:
        table.box, table.padding, table.pad_edge = None, (0, 2, 0, 0), False
    for column in columns:
        table.add_column(column, no_wrap=is_dense and column not in shrinkable)
    for row in rows:
        table.add_row(*(Text(clean(cell), no_wrap=is_dense or None, overflow="ellipsis") for cell in row))
    return table


def to_json(record: Mapping[str, Any]) -> str:
    return escaped_json(json.dumps(record, ensure_ascii=False, default=_encode))


def _encode(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
