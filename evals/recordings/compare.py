"""Two sets of recordings, case by case: what a changed prompt changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from evals.cases.decisions import DECISIONS
from evals.recordings.cassettes import CASSETTES, CassetteFile, Recorded

_COMPARED = ("passed", "calls", "input_tokens", "output_tokens", "recommended", "regret_gbp", "summary", "error")


@dataclass(frozen=True)
class Difference:
    """One case in both sets."""

    case: str
    before: dict[str, JsonValue]
    after: dict[str, JsonValue]

    @property
    def changed(self) -> tuple[str, ...]:
        """Which of the results differ."""
        return tuple(name for name in _COMPARED if self.before.get(name) != self.after.get(name))


class UnknownSetError(Exception):
    """A set that nobody recorded."""


def compare(before: str, after: str, root: Path = CASSETTES) -> list[Difference]:
    """Every decision that both sets have. What came of a case is stored with its recording, so that neither set needs
    the prompts it was made with to be in place. Raises `UnknownSetError`."""
    for name in (before, after):
        if not (root / name).is_dir():
            folders = root.iterdir() if root.is_dir() else ()
            known = ", ".join(sorted(path.name for path in folders if path.is_dir())) or "none"
            msg = f"there is no set {name!r}; recorded are: {known}. Record one with --record --set {name}"
            raise UnknownSetError(msg)
    return list(_differences(before, after, root))


def _differences(before: str, after: str, root: Path) -> Iterator[Difference]:
    for case in DECISIONS:
        one, other = (CassetteFile(case, name, root).recorded() for name in (before, after))
        if isinstance(one, Recorded) and isinstance(other, Recorded):
            yield Difference(case.name, one.result, other.result)
