"""Whose fault a failure is, when claims stop, and when they go on."""

from random import Random
from uuid import UUID

import pytest

from agents.model.errors import FailureKind, ModelError
from graph.worker.breaker import Breaker
from persistence.errors import AccessDenied, MigrationNeeded, StoreError
from persistence.retry import Backoff

ROWS = [UUID(int=number) for number in range(10)]


class Silent:
    def bind(self, **values: object) -> "Silent":
        return self

    def info(self, event: str, **values: object) -> None: ...

    debug = warning = error = info


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(Silent(), Random(1), clock=clock, backoff=Backoff(base_seconds=2, cap_seconds=30))


def failure(kind: FailureKind, *, after: float | None = None) -> ModelError:
    return ModelError("no", kind=kind, retry_after_seconds=after)


@pytest.mark.parametrize("kind", ["unauthenticated", "forbidden", "unknown_model", "quota_exhausted"])
def test_a_wrong_key_is_the_systems_at_the_first_workload(breaker: Breaker, kind: FailureKind) -> None:
    assert breaker.blames_system(failure(kind), ROWS[0])
    assert breaker.admits(5, in_flight=0) == 0


@pytest.mark.parametrize(
    "fault",
    [MigrationNeeded("no function"), AccessDenied("no"), StoreError("full", retryable=True, cause="database_full")],
)
def test_so_is_what_is_wrong_with_the_database(breaker: Breaker, fault: StoreError) -> None:
    assert breaker.blames_system(fault, ROWS[0])


@pytest.mark.parametrize(
    "kind", ["blocked", "bad_request", "truncated", "too_long", "malformed_call", "invalid_answer"]
)
def test_what_the_request_itself_brings_about_never_is(breaker: Breaker, kind: FailureKind) -> None:
    assert not any(breaker.blames_system(failure(kind), row) for row in ROWS)
    assert breaker.admits(5, in_flight=3) == 5


@pytest.mark.parametrize("kind", ["server_error", "timeout", "unreachable", "rate_limited"])
def test_what_one_request_may_bring_about_is_once_three_in_a_row_have_met_it(
    breaker: Breaker, kind: FailureKind
) -> None:
    assert [breaker.blames_system(failure(kind), row) for row in ROWS[:4]] == [False, False, True, True]


def test_one_request_alone_never_convicts_the_system(breaker: Breaker) -> None:
    assert not any(breaker.blames_system(failure("server_error"), ROWS[0]) for _ in range(20))


def test_a_success_in_between_acquits_it(breaker: Breaker) -> None:
    for row in ROWS:
        assert not breaker.blames_system(failure("server_error"), row)
        breaker.succeed()


def test_one_workload_at_a_time_probes_and_each_failure_waits_longer(breaker: Breaker, clock: Clock) -> None:
    breaker.blames_system(failure("unauthenticated"), ROWS[0])
    waits = []
    for _ in range(8):
        wait = breaker.seconds_to_probe
        clock.now += wait
        assert breaker.admits(5, in_flight=0) == 1
        assert breaker.admits(5, in_flight=1) == 0
        assert breaker.blames_system(failure("unauthenticated"), ROWS[1])
        waits.append(wait)
    assert max(waits) <= 30
    assert sum(waits[4:]) > sum(waits[:4])
    breaker.succeed()
    assert breaker.admits(5, in_flight=0) == 5
    assert breaker.report() == []


def test_runs_that_were_under_way_count_as_no_probes(breaker: Breaker) -> None:
    for row in ROWS:
        assert breaker.blames_system(failure("unauthenticated"), row)
    assert [circuit.probes for circuit in breaker.open] == [0]


def test_the_service_says_when_to_come_back(breaker: Breaker) -> None:
    for row in ROWS[:3]:
        breaker.blames_system(failure("rate_limited", after=20), row)
    assert 20 <= breaker.seconds_to_probe <= 22


def test_a_quota_that_frees_itself_tomorrow_is_asked_for_again_and_again(breaker: Breaker) -> None:
    breaker.blames_system(failure("quota_exhausted", after=86_400), ROWS[0])
    assert breaker.seconds_to_probe <= 32
