"""What the store says of its queue, in lines for people."""

from collections.abc import Sequence
from typing import Final

from graph.views.rows import local
from persistence.store.operations import Failure, Leased, Parked, Status

_SHOWN: Final = 10
_LONG_TRANSACTION_SECONDS: Final = 60


def status_lines(status: Status) -> list[str]:
    """The lines of `gridwise status`."""
    lines = ["workloads"]
    lines += [
        f"  {count['status']!s:<12} {count['agent_status'] or '-':<12} {count['count']}" for count in status["counts"]
    ]
    if len(lines) == 1:
        lines.append("  none")
    if oldest := status["oldest_pending"]:
        lines.append(
            f"oldest pending: {oldest['workload_name']} ({oldest['id']}), since {_when(oldest['submitted_at'])}"
        )
    lines += _leases(status["leases"])
    lines += _parked(status["parked_rows"])
    lines += _failures(status["failures"])
    hour = status["last_hour"]
    median = hour["median_seconds"]
    lines.append(
        f"last hour: {hour['queued']} placed, {hour['failed']} failed, {hour['retry']} retries,"
        f" {hour['lost']} leases lost" + (f", median {median:.1f} s" if median is not None else "")
    )
    held = status["oldest_transaction_seconds"]
    if held is not None and held > _LONG_TRANSACTION_SECONDS:
        lines.append(f"warning: a transaction has been open for {held:.0f} s; it makes every claim slower")
    return lines


def _leases(leases: Sequence[Leased]) -> list[str]:
    lines = ["in flight"] if leases else []
    for lease in leases[:_SHOWN]:
        owner = lease["owner"] or f"waits for its next attempt at {_when(lease['until'])}"
        lines.append(
            f"  {lease['workload_name']} ({lease['workload_id']}): {owner}, attempt {lease['attempt']},"
            f" {lease['age_seconds']:.0f} s" + (f", last error: {lease['last_error']}" if lease["last_error"] else "")
        )
    if len(leases) > _SHOWN:
        lines.append(f"  and {len(leases) - _SHOWN} more")
    return lines


def _parked(rows: Sequence[Parked]) -> list[str]:
    shown = [
        f"  {row['workload_name']} ({row['workload_id']}): {row['what']}, {row['tries']} tries since"
        f" {_when(row['since'])}, next at {_when(row['next_try'])}: {row['reason']}"
        for row in rows[:_SHOWN]
    ]
    return ["rows that refuse to be written", *shown] if shown else []


def _failures(failures: Sequence[Failure]) -> list[str]:
    shown = [
        f"  {failure['workload_name']} ({failure['workload_id']}): {failure['error']}" for failure in failures[:_SHOWN]
    ]
    return ["latest failures", *shown] if shown else []


def _when(timestamp: object) -> str:
    """What a user put there may be missing, or no time that a calendar has; then as it stands."""
    try:
        return f"{local(str(timestamp)):%a %d %b %H:%M:%S}"
    except ValueError:
        return "an unknown time" if timestamp is None else str(timestamp)
