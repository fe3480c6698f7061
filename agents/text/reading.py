"""What was read in a request, what became of it, and what was not understood: always told, in the request's words."""

from agents.constraints import Outcome, ReadConstraint
from agents.state import ComputeAnalysis

_LONGEST_QUOTE = 100
_BECAME: dict[Outcome, str] = {
    "given_up": "given up, since it could not be kept",
    "refused": "not applied",
    "unsupported": "understood, but nothing that a placement can keep",
}


def understood(compute: ComputeAnalysis) -> str | None:
    """What was applied; None where nothing was."""
    applied = [_told(read) for read in compute.constraints if read.outcome == "applied"]
    earlier = [f"{finding.effect} ({_quoted(finding.quote)})" for finding in compute.findings]
    return f"read in the request: {'; '.join([*applied, *earlier])}" if applied or earlier else None


def not_understood(compute: ComputeAnalysis) -> str | None:
    words = [_quoted(clause) for clause in (*compute.not_understood, *compute.unread)]
    return f"not understood, and not applied: {', '.join(dict.fromkeys(words))}" if words else None


def not_applied(compute: ComputeAnalysis) -> list[str]:
    """What was understood and given up, refused, or cannot be kept."""
    grouped = {outcome: [_told(read) for read in compute.constraints if read.outcome == outcome] for outcome in _BECAME}
    return [f"{_BECAME[outcome]}: {'; '.join(told)}" for outcome, told in grouped.items() if told]


def _told(read: ReadConstraint) -> str:
    reason = f", {read.reason}" if read.reason else ""
    return f"{read.constraint.phrase()} ({_quoted(read.constraint.quote)}{reason})"


def _quoted(words: str) -> str:
    """The request's own words, cut to length."""
    plain = " ".join(words.split())
    return f"“{plain}”" if len(plain) <= _LONGEST_QUOTE else f"“{plain[:_LONGEST_QUOTE]}…”"
