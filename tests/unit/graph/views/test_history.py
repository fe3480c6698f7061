"""What `gridwise history` says of an attempt that took over from another one."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from graph.views.history import attempt_lines, attempts_of
from persistence.checkpoints.threads import Step

THREAD = uuid4()
NOW = datetime(2026, 11, 24, 12, 25, tzinfo=UTC)


def entry(token: int, outcome: str) -> dict[str, Any]:
    return {
        "attempt": token,
        "token": token,
        "thread_id": str(THREAD),
        "owner": "vm",
        "outcome": outcome,
        "claimed_at": NOW.isoformat(),
        "seconds": 0.2,
        "error": None,
    }


def step(token: int, node: str) -> Step:
    return Step(thread_id=THREAD, nodes=(node,), token=token, finished_at=NOW)


def test_it_resumed_where_the_other_one_stopped() -> None:
    first, second = attempts_of(
        [entry(1, "lost"), entry(2, "queued")], [step(1, "prepare"), step(2, "compute"), step(2, "conclude")]
    )
    assert (first.resumed, first.read_back) == (False, False)
    assert (second.resumed, second.read_back) == (True, False)
    assert attempt_lines([second])[1:] == ["  resumed at compute", "  finished compute, conclude"]


def test_it_wrote_what_the_other_one_had_finished() -> None:
    _, second = attempts_of([entry(1, "lost"), entry(2, "queued")], [step(1, "prepare"), step(1, "conclude")])
    assert (second.resumed, second.read_back) == (False, True)
    assert attempt_lines([second])[1:] == ["  every step had finished: only the result was left to write"]


def test_nothing_is_said_of_steps_that_are_gone_or_have_yet_to_come() -> None:
    (pruned,) = attempts_of([entry(1, "queued")], [])
    _, running = attempts_of([entry(1, "lost"), entry(2, "running")], [step(1, "prepare")])
    assert [one for one in (pruned, running) if one.resumed or one.read_back] == []
