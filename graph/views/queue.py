"""What the store says of its queue, in lines for people: the system as it is now."""

from collections.abc import Sequence
from typing import Final

from graph.views.rows import local
from graph.views.text import one_line
from persistence.ids import short_id
from persistence.store.operations import Count, Leased, Parked, Status
from persistence.store.pollers import PollerSeen

_SHOWN: Final = 10
_LONG_TRANSACTION_SECONDS: Final = 60
_WORDS: Final = {
    ("pending", "pending"): "waiting",
    ("pending", None): "waiting",
    ("queued", "pending"): "waiting (put back by hand)",
    ("processing", "processing"): "running",
    ("queued", "completed"): "placed",
    ("failed", "failed"): "failed",
}
_HINTS: Final = {
    "placed": "status queued: the recommendation is there, for its user to review",
    "failed": "gridwise list --state failed",
}


def status_lines(status: Status, pollers: Sequence[PollerSeen] = ()) -> list[str]:
    """The lines of `gridwise status`."""
    lines = [_count(count) for count in status["counts"]] or ["No workloads. `gridwise submit` adds one."]
    if status["is_read_only"]:
        lines.append(
            "warning: the database is read-only: nobody can claim or answer anything; use the primary's address"
        )
    if oldest := status["oldest_pending"]:
        name = f"{one_line(oldest['workload_name'])} ({short_id(oldest['id'])})"
        lines.append(f"waiting longest: {name}, since {_when(oldest['submitted_at'])}")
    lines += _pollers(pollers, status["leases"])
    lines += _leases(status["leases"])
    lines += _parked(status["parked_rows"])
    held = status["oldest_transaction_seconds"]
    if held is not None and held > _LONG_TRANSACTION_SECONDS:
        lines.append(f"warning: a transaction has been open for {held:.0f} s; it makes every claim slower")
    return lines


def _count(count: Count) -> str:
    status, agent = one_line(count["status"]), count["agent_status"]
    word = _WORDS.get((status, agent), status)
    hint = f"  ({_HINTS[word]})" if word in _HINTS else ""
    return f"{word:<10} {count['count']:>7,}{hint}"


def _pollers(pollers: Sequence[PollerSeen], leases: Sequence[Leased]) -> list[str]:
    lines = ["pollers" if pollers else "no poller is running: `gridwise run` starts one"]
    for poller in pollers[:_SHOWN]:
        owner, silent = poller["owner"], poller["seconds_since_seen"]
        runs = sum(lease["owner"] == owner for lease in leases)
        late = ", silent for longer than its lease" if silent > poller["lease_seconds"] else ""
        lines.append(
            f"  {one_line(owner)}  gridwise {one_line(poller['version'])}, since {_when(poller['started_at'])}, "
            f"{runs} of {poller['concurrency']} runs, lease {poller['lease_seconds']:g} s, "
            f"heartbeat {silent:.0f} s ago{late}"
        )
        lines += [f"    takes no work: {one_line(problem)}" for problem in poller["problems"]]
    return [*lines, *_more(pollers)]


def _leases(leases: Sequence[Leased]) -> list[str]:
    lines = ["in flight"] if leases else []
    for lease in leases[:_SHOWN]:
        owner = lease["owner"] or f"waits for its next attempt at {_when(lease['until'])}"
        error = f", last error: {one_line(lease['last_error'])}" if lease["last_error"] else ""
        lines.append(
            f"  {one_line(lease['workload_name'])} ({short_id(lease['workload_id'])}): {owner}, "
            f"attempt {lease['attempt']}, {lease['age_seconds']:.0f} s{error}"
        )
    return [*lines, *_more(leases)]


def _parked(rows: Sequence[Parked]) -> list[str]:
    shown = [
        f"  {one_line(row['workload_name'])} ({short_id(row['workload_id'])}): {row['what']}, {row['tries']} tries "
        f"since {_when(row['since'])}, next at {_when(row['next_try'])}: {one_line(row['reason'])}"
        for row in rows[:_SHOWN]
    ]
    return ["rows that refuse to be written", *shown, *_more(rows)] if shown else []


def _more(shown: Sequence[object]) -> list[str]:
    return [f"  and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []


def _when(timestamp: object) -> str:
    """What a user put there may be missing, or no time that a calendar has; then it is shown as it is."""
    try:
        return f"{local(str(timestamp)):%a %d %b %H:%M:%S}"
    except ValueError:
        return "an unknown time" if timestamp is None else one_line(timestamp)
