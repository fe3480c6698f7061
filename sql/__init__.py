"""All SQL of the project: numbered migrations, functions by topic, and files that are applied only on request."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_TOPIC: Final = """set check_function_bodies = off;

{text}
insert into agent.migrations as m (name, checksum) values ('functions/{name}', '{checksum}')
on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp();
reset check_function_bodies;
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """One SQL file. `name` is its name without `.sql`, a topic's with `functions/` before it; `checksum` is the SHA-256
    of the file.
    """

    name: str
    text: str
    checksum: str


def migrations() -> tuple[Script, ...]:
    """The numbered files in the order in which they are applied. Each can be run again at any time."""
    return _scripts("migrations")


def functions() -> tuple[Script, ...]:
    """The files of sql/functions, in order. Each replaces what it defines and notes its checksum.

    They depend on the migrations, and on each other in any order: bodies are checked when they first run.
    """
    return tuple(
        Script(
            name=f"functions/{script.name}",
            text=_TOPIC.format(text=script.text, name=script.name, checksum=script.checksum),
            checksum=script.checksum,
        )
        for script in _scripts("functions")
    )


def optional(name: str) -> Script:
    """A file that nothing applies by itself: `sample_assets`, `owner_policies`. KeyError for another name."""
    return {script.name: script for script in _scripts("optional")}[name]


def _scripts(folder: str) -> tuple[Script, ...]:
    found = [entry for entry in (files(__name__) / folder).iterdir() if entry.name.endswith(".sql")]
    return tuple(_read(entry.name, entry.read_text("utf-8")) for entry in sorted(found, key=lambda entry: entry.name))


def _read(file_name: str, text: str) -> Script:
    return Script(
        name=file_name.removesuffix(".sql"), text=text, checksum=hashlib.sha256(text.encode("utf-8")).hexdigest()
    )
