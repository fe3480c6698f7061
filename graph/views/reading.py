"""What was read in a request, and what was not; what would help a workload that failed: from its row."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from agents.constraints import Constraint
from graph.views.text import one_line
from persistence.columns import mapping
from persistence.ids import short_id
from persistence.workload import Row

_OUTCOMES: Final = {"given_up": "given up", "refused": "refused", "unsupported": "understood, but cannot be kept"}
_OURS: Final = ("read_by", "outcome", "reason")


def understood(row: Row) -> list[tuple[str, str]]:
    """The request's words, and what was made of them: `only in Scotland (must)`."""
    return [_read(mapping(item)) for item in _list(_reading(row).get("constraints"))]


def not_understood(row: Row) -> list[str]:
    """Clauses that nothing was done about."""
    return [one_line(item) for item in _list(_reading(row).get("not_understood"))]


def relaxations(row: Row) -> list[tuple[int, str, bool]]:
    """Number, what it opens in words, and whether the row's owner may accept it."""
    found = [mapping(item) for item in _list(mapping(row.get("metadata")).get("relaxations"))]
    return [
        (int(item["n"]), one_line(item.get("says")), item.get("by") == "owner")
        for item in found
        if isinstance(item.get("n"), int)
    ]


def reading_lines(row: Row) -> list[str]:
    """For a terminal: what was read, what was not, and what would help."""
    lines = [f"understood: “{quote}”: {meaning}" for quote, meaning in understood(row)]
    lines += [f"not understood, and not applied: {clause}" for clause in not_understood(row)]
    found = relaxations(row)
    if found:
        lines.append("what would help:")
    lines += [
        f"  {number}. {says}" + ("" if is_owners else " (the operator's to change)")
        for number, says, is_owners in found
    ]
    if any(is_owners for _, _, is_owners in found):
        lines.append(f"`gridwise relax {short_id(row.get('id'))} NUMBER` accepts one and submits the workload again.")
    return lines


def _read(item: Mapping[str, Any]) -> tuple[str, str]:
    outcome = str(item.get("outcome") or "applied")
    notes = [str(item.get("strength") or "")] + ([] if outcome == "applied" else [_OUTCOMES.get(outcome, outcome)])
    reason = f": {one_line(item['reason'])}" if item.get("reason") else ""
    return one_line(item.get("quote")), f"{_meaning(item)} ({', '.join(filter(None, notes))}{reason})"


def _meaning(item: Mapping[str, Any]) -> str:
    try:
        constraint: Constraint = _ADAPTER.validate_python({k: v for k, v in item.items() if k not in _OURS})
    except ValidationError:  # of another version
        return one_line(item.get("kind"))
    return one_line(constraint.phrase())


_ADAPTER: Final[TypeAdapter[Constraint]] = TypeAdapter(Constraint)


def _reading(row: Row) -> Mapping[str, Any]:
    return mapping(mapping(row.get("metadata")).get("request_reading"))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
