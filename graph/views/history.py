"""The attempts at one workload, with what each of them did, for people and programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from pydantic import JsonValue

from graph.views.rows import local
from persistence.checkpoints.threads import Step
from persistence.store.operations import Attempt
from persistence.workload import Row

_ENDED: Final = {
    "queued": "recommendation written",
    "failed": "failed",
    "retry": "put back for another attempt",
    "lost": "lease lost",
    "released": "given back at shutdown",
    "cancelled": "cancelled by somebody else",
    "running": "under way",
    "waiting": "waiting for the next attempt",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptSteps:
    """One attempt and the steps that it finished."""

    entry: Attempt
    steps: tuple[str, ...]
    resumed: bool
    """An earlier attempt had finished steps of the same thread; its last, unfinished step was run again here."""
    read_back: bool
    """An earlier attempt had finished all steps; only the result was left to be written."""

    def record(self) -> Row:
        steps: list[JsonValue] = list(self.steps)
        return {**cast("Row", self.entry), "steps": steps, "resumed": self.resumed, "read_back": self.read_back}


def attempts_of(entries: Sequence[Attempt], steps: Sequence[Step]) -> list[AttemptSteps]:
    """`entries`: oldest first."""
    attempts = []
    for entry in entries:
        thread, token = str(entry["thread_id"]), entry["token"]
        here = [step for step in steps if str(step.thread_id) == thread]
        mine = [step for step in here if step.token == token]
        attempts.append(
            AttemptSteps(
                entry=entry,
                steps=tuple(node for step in mine for node in step.nodes),
                resumed=bool(mine) and here[0].token != token,
                read_back=bool(here) and not mine and entry["outcome"] == "queued",
            )
        )
    return attempts


def attempt_lines(attempts: Sequence[AttemptSteps]) -> list[str]:
    lines = []
    for attempt in attempts:
        entry = attempt.entry
        seconds = entry.get("seconds")
        took = f", {seconds:.1f} s" if isinstance(seconds, int | float) else ""
        ended = _ENDED.get(str(entry["outcome"]), str(entry["outcome"]))
        lines.append(
            f"attempt {entry['attempt']}  {local(str(entry['claimed_at'])):%a %d %b %H:%M:%S}{took}"
            f"  {entry.get('owner') or 'nobody'}: {ended}"
        )
        if entry.get("error"):
            lines.append(f"  why: {entry['error']}")
        if attempt.resumed:
            lines.append(f"  resumed at {attempt.steps[0]}")
        if attempt.read_back:
            lines.append("  every step had finished: only the result was left to write")
        if attempt.steps:
            lines.append(f"  finished {', '.join(attempt.steps)}")
    return lines
