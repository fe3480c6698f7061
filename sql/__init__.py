"""All SQL of the project: numbered migrations, and files that are applied only on request."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """One SQL file. `name` is the file's name without `.sql`; `checksum` is the SHA-256 of its text."""

    name: str
    text: str
    checksum: str


def migrations() -> tuple[Script, ...]:
    """The numbered files in the order in which they are applied. Each can be run again at any time."""
    return _scripts("migrations")


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
