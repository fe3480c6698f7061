"""What the store says of its queue, in lines for people."""

from collections.abc import Mapping
from typing import Any

from graph.views.rows import local
from persistence.columns import mapping
from persistence.workload import Row

_SHOWN = 10


def status_lines(status: Row) -> list[str]:
    """The lines of `gridwise status`; `status` is what `Store.status` returns."""
    lines = ["workloads"]
    for count in _rows(status, "counts"):
        agent = count.get("agent_status") or "-"
        lines.append(f"  {count.get('status')!s:<12} {agent!s:<12} {count.get('count')}")
    if len(lines) == 1:
        lines.append("  none")
    if oldest := mapping(status.get("oldest_pending")):
        lines.append(
            f"oldest pending: {oldest['workload_name']} ({oldest['id']}), since {_when(oldest['submitted_at'])}"
        )
    lines += _leases(_rows(status, "leases"))
    lines += _failures(_rows(status, "failures"))
    hour = mapping(status.get("last_hour"))
    median = hour.get("median_seconds")
    lines.append(
        f"last hour: {hour.get('queued', 0)} placed, {hour.get('failed', 0)} failed, {hour.get('retry', 0)} retries,"
        f" {hour.get('lost', 0)} leases lost" + (f", median {median:.1f} s" if median is not None else "")
    )
    held = status.get("oldest_transaction_seconds")
    if isinstance(held, int | float) and held > 60:
        lines.append(f"warning: a transaction has been open for {held:.0f} s; it makes every claim slower")
    return lines


def _leases(leases: list[Mapping[str, Any]]) -> list[str]:
    lines = ["in flight"] if leases else []
    for lease in leases[:_SHOWN]:
        owner = lease.get("owner") or f"waits for its next attempt at {_when(lease['until'])}"
        lines.append(
            f"  {lease.get('workload_name')} ({lease['workload_id']}): {owner}, attempt {lease['attempt']},"
            f" {lease['age_seconds']:.0f} s" + (f", last error: {lease['last_error']}" if lease["last_error"] else "")
        )
    if len(leases) > _SHOWN:
        lines.append(f"  and {len(leases) - _SHOWN} more")
    return lines


def _failures(failures: list[Mapping[str, Any]]) -> list[str]:
    shown = [
        f"  {failure.get('workload_name')} ({failure['workload_id']}): {failure.get('error')}"
        for failure in failures[:_SHOWN]
    ]
    return ["latest failures", *shown] if shown else []


def _rows(status: Row, key: str) -> list[Mapping[str, Any]]:
    rows = status.get(key)
    return [mapping(row) for row in rows] if isinstance(rows, list) else []


def _when(timestamp: object) -> str:
    """What a user put there may be missing, or no time that a calendar has; then as it stands."""
    try:
        return f"{local(str(timestamp)):%a %d %b %H:%M:%S}"
    except ValueError:
        return "an unknown time" if timestamp is None else str(timestamp)
