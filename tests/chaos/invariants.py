"""What has to hold afterwards, from what the server recorded. Each check gives what it looked at and what is wrong."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from persistence.checkpoints.pooled import PooledSaver
from persistence.connections.pool import open_pool
from tests.chaos.worker import REFUSAL
from tests.graphs import STORED_TYPES

Rows = list[dict[str, Any]]
Query = Callable[..., Rows]

FLOOD_SLACK = 24
"""Claims that were under way, and those that are given to whoever has waited longest."""
SUMMARY = re.compile(r"draw (?P<n>\d+); left of draw (?P=n); right of draw (?P=n); join 3")


@dataclass(frozen=True, kw_only=True)
class Finding:
    name: str
    looked_at: int
    wrong: tuple[str, ...]


async def check(
    url: str, *, inserted: list[UUID], calls_file: Path, max_attempts: int, storm_began_at: datetime
) -> list[Finding]:
    with psycopg.connect(url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:

        def query(text: str, *arguments: object) -> Rows:
            return connection.execute(text.encode(), arguments).fetchall()

        workloads = query("select * from compute_workloads where workload_name = 'w'")
        leases = query("select * from chaos.lease_changes order by seq")
        checkpoints = query("select * from chaos.checkpoints order by seq")
        return [
            _exists(workloads, inserted),
            _terminal(workloads),
            _nothing_left(query, workloads),
            _one_completion(query),
            await _undisturbed(url, query, workloads),
            _tokens_increase(leases),
            _one_holder(leases),
            _no_stale_checkpoint(checkpoints, query("select * from chaos.task_writes order by seq")),
            _attempts(leases, max_attempts),
            _no_repeated_call(query, calls_file),
            _nobody_harmed(query),
            _answers_the_latest(query, workloads),
            _no_lease_lost_in_peace(leases, storm_began_at),
            _in_turn(query),
            _system_faults_are_the_systems(query),
        ]


def _exists(workloads: Rows, inserted: list[UUID]) -> Finding:
    there = {row["id"] for row in workloads}
    lost = [str(one) for one in inserted if one not in there]
    return Finding(name="I1 every acknowledged insert exists", looked_at=len(inserted), wrong=tuple(lost))


def _terminal(workloads: Rows) -> Finding:
    wrong = [f"{row['id']} {row['status']}: {row['agent_error']}" for row in workloads if row["status"] != "queued"]
    return Finding(name="I2 every workload is answered, none failed", looked_at=len(workloads), wrong=tuple(wrong))


def _nothing_left(query: Query, workloads: Rows) -> Finding:
    left = query(
        "select q.workload_id, q.state, q.project, q.parked from agent.queue as q"
        " inner join compute_workloads as w on w.id = q.workload_id and w.workload_name = 'w'"
        " where q.state in ('waiting', 'running', 'retry') or q.project is not null"
    )
    processing = [row for row in workloads if row["status"] == "processing"]
    wrong = [f"lease {row}" for row in left] + [f"processing {row['id']}" for row in processing]
    return Finding(name="I3 no lease left, nothing in processing", looked_at=len(workloads), wrong=tuple(wrong))


def _one_completion(query: Query) -> Finding:
    changes = query(
        "select c.* from chaos.status_changes as c inner join compute_workloads as w on w.id = c.workload_id"
        " where c.old_status is not null and w.workload_name = 'w' order by c.seq"
    )
    wrong = [
        f"{row['workload_id']} written after {row['old_status']}"
        for row in changes
        if row["old_status"] in ("queued", "failed")
    ]
    return Finding(name="I4 one completion, nothing written after it", looked_at=len(changes), wrong=tuple(wrong))


async def _undisturbed(url: str, query: Query, workloads: Rows) -> Finding:
    """The answer is one that an undisturbed run could have given, and the one that its thread holds."""
    threads = {
        row["workload_id"]: row["thread_id"]
        for row in query("select * from agent.runs where outcome = 'queued' order by token")
    }
    wrong = []
    async with open_pool(url, name="check", max_size=1) as pool:
        saver = PooledSaver(pool, stored_types=STORED_TYPES)
        for row in workloads:
            summary = row["decision_summary"] or ""
            found = await saver.aget_tuple({"configurable": {"thread_id": str(threads.get(row["id"]))}})
            steps = found.checkpoint["channel_values"].get("steps", []) if found else []
            if not SUMMARY.fullmatch(summary) or "; ".join(steps) != summary:
                wrong.append(f"{row['id']} says {summary!r}, its thread {steps}")
    return Finding(name="I5 the answer is the undisturbed one", looked_at=len(workloads), wrong=tuple(wrong))


def _tokens_increase(leases: Rows) -> Finding:
    newest: dict[UUID, int] = {}
    wrong = []
    for row in leases:
        token = row["new_token"]
        if token is None or token == row["old_token"]:
            continue
        if token <= newest.get(row["workload_id"], 0):
            wrong.append(f"{row['workload_id']}: {token} after {newest[row['workload_id']]}")
        newest[row["workload_id"]] = token
    return Finding(name="I6 tokens increase", looked_at=len(leases), wrong=tuple(wrong))


def _one_holder(leases: Rows) -> Finding:
    taken = [row for row in leases if _is_lost(row)]
    wrong = [
        f"{row['workload_id']}: taken {row['old_until'] - row['at']} early from {row['old_owner']}"
        for row in taken
        if row["old_until"] > row["at"]
    ]
    return Finding(name="I7 never two valid holders", looked_at=len(taken), wrong=tuple(wrong))


def _is_lost(row: dict[str, Any]) -> bool:
    """Taken from its holder, who did not give it back, and nobody changed the row."""
    return (
        row["old_state"] == "running"
        and row["new_state"] in ("waiting", "running", "failed")
        and row["new_token"] != row["old_token"]
        and row["new_submission"] == row["old_submission"]
    )


def _no_stale_checkpoint(checkpoints: Rows, writes: Rows) -> Finding:
    newest: dict[str, int] = {}
    children: dict[tuple[str, str, str | None], set[str]] = defaultdict(set)
    wrong = [
        f"{row['thread_id']}: token {row['token']} wrote a step after {row['newest_token']} had opened it"
        for row in writes
        if row["token"] < row["newest_token"]
    ]
    for row in checkpoints:
        thread, token = row["thread_id"], row["token"]
        if token < newest.get(thread, 0):
            wrong.append(f"{thread}: token {token} after {newest[thread]}")
        newest[thread] = max(token, newest.get(thread, 0))
        children[thread, row["checkpoint_ns"], row["parent_id"]].add(row["checkpoint_id"])
    wrong += [f"{thread} forks at {parent}" for (thread, _, parent), found in children.items() if len(found) > 1]
    return Finding(
        name="I8 nothing stored by an older token, no fork",
        looked_at=len(checkpoints) + len(writes),
        wrong=tuple(wrong),
    )


def _attempts(leases: Rows, max_attempts: int) -> Finding:
    attempts = [row["new_attempt"] for row in leases if row["new_attempt"] is not None]
    wrong = tuple(str(attempt) for attempt in attempts if attempt > max_attempts)
    return Finding(name=f"I9 attempts (most: {max(attempts, default=0)})", looked_at=len(attempts), wrong=wrong)


def _no_repeated_call(query: Query, calls_file: Path) -> Finding:
    """A call by somebody who had lost the thread without knowing yet is not the product's: its result goes nowhere."""
    written: dict[tuple[str, str], tuple[datetime, int]] = {}
    for row in query("select * from chaos.task_writes order by seq"):
        written.setdefault((row["thread_id"], row["task_id"]), (row["at"], row["token"] or 0))
    calls = [json.loads(line) for line in calls_file.read_text().splitlines()]
    wrong = []
    for call in calls:
        at, token = written.get((call["thread"], call["task"]), (None, 0))
        if at is not None and datetime.fromisoformat(call["at"]) > at and call["token"] >= token:
            wrong.append(f"{call['node']} of {call['thread']} again by {call['owner']}")
    return Finding(name="I10 no call of a finished step repeated", looked_at=len(calls), wrong=tuple(wrong))


def _no_lease_lost_in_peace(leases: Rows, storm_began_at: datetime) -> Finding:
    """Before the first fault, nobody may lose a lease, even where a node blocks the event loop for longer than one."""
    calm = [row for row in leases if row["at"] < storm_began_at]
    wrong = tuple(f"{row['workload_id']}: from {row['old_owner']}" for row in calm if _is_lost(row))
    return Finding(name="I13 no lease is lost without a fault", looked_at=len(calm), wrong=wrong)


def _nobody_harmed(query: Query) -> Finding:
    """Rows that refuse, wait or lie: they are charged to nobody, and each that refuses is named with its reason."""
    hostile = query("select id, workload_name from compute_workloads where workload_name <> 'w'")
    promised = "select workload_id, power_kw from agent.power_promises('-infinity', 'infinity')"
    wrong = [f"power promised: {row}" for row in query(promised)]
    silent = query(
        "select w.id from compute_workloads as w left join agent.queue as q on q.workload_id = w.id"
        " where w.workload_name = 'poison' and q.parked is null"
    )
    wrong += [f"{row['id']} refuses, and nobody is told" for row in silent]
    return Finding(name="I11 nobody's row changes another's outcome", looked_at=len(hostile), wrong=tuple(wrong))


def _answers_the_latest(query: Query, workloads: Rows) -> Finding:
    """By what the run that answered says it read, and, for runs of the release before, by what the row said when the
    server gave it out."""
    seen = {
        row["workload_id"]: row["seen_priority"]
        for row in query(
            "select r.workload_id, c.seen_priority from agent.runs as r inner join chaos.lease_changes as c"
            " on c.workload_id = r.workload_id and c.new_token = r.token and c.new_state = 'running'"
            " where r.outcome = 'queued' order by r.token"
        )
    }
    wrong = []
    for row in workloads:
        metadata = row["metadata"] or {}
        answered = metadata.get("answered_priority", seen.get(row["id"]))
        if row["status"] == "queued" and row["priority"] != answered:
            wrong.append(f"{row['id']} says {row['priority']}, answered for {answered}")
    edited = sum(row["priority"] is not None for row in workloads)
    return Finding(name="I12 the answer belongs to what the row says", looked_at=edited, wrong=tuple(wrong))


def _in_turn(query: Query) -> Finding:
    """While a workload waited for its first claim, the user who flooded the queue got no more than about his share."""
    firsts = query(
        "select w.workload_name = 'flood' as is_flood, min(c.at) filter (where c.operation = 'INSERT') as arrived,"
        " min(c.at) filter (where c.new_state = 'running') as claimed from chaos.lease_changes as c"
        " inner join compute_workloads as w on w.id = c.workload_id group by w.id, w.workload_name"
    )
    claimed = [row for row in firsts if row["arrived"] and row["claimed"]]
    wrong = []
    for row in claimed:
        if row["is_flood"]:
            continue
        meanwhile = [one["is_flood"] for one in claimed if row["arrived"] < one["claimed"] < row["claimed"]]
        floods = sum(meanwhile)
        if floods > 1.5 * (len(meanwhile) - floods) + FLOOD_SLACK:
            wrong.append(f"{floods} of the flood and {len(meanwhile) - floods} others went first")
    looked_at = sum(row["is_flood"] for row in claimed)
    return Finding(name="I14 who floods the queue holds nobody up", looked_at=looked_at, wrong=tuple(wrong))


def _system_faults_are_the_systems(query: Query) -> Finding:
    charged = query(
        "select outcome, error from agent.runs where outcome in ('retry', 'failed') and error like %s", f"%{REFUSAL}%"
    )
    released = query("select count(*) as n from agent.runs where outcome = 'released'")[0]["n"]
    wrong = tuple(f"{row['outcome']}: {row['error']}" for row in charged)
    return Finding(name="I15 a refused key costs no attempt", looked_at=released, wrong=wrong)
