"""A circuit per cause: what is wrong with the system is not tried on one workload after the other."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final
from uuid import UUID

from pydantic import JsonValue
from structlog.typing import FilteringBoundLogger

from persistence.retry import Backoff, Fault

SUSPICIOUS: Final = 3
"""Workloads that have to meet an uncertain fault one after the other, before it is taken for the system's."""
GIVES_UP_AFTER: Final = 3
"""Probes, for a poller that ends with the queue and would otherwise wait for an operator for ever."""
PROBES: Final = Backoff(base_seconds=2, cap_seconds=30)


@dataclass(kw_only=True, slots=True)
class Circuit:
    """One cause. It closes with the first workload that succeeds."""

    cause: str
    error: str
    """What is wrong and how to mend it, as last seen."""
    is_certain: bool
    suspects: set[UUID] = field(default_factory=set)
    """Workloads that met it since the last success."""
    opened_at: float | None = None
    """Monotonic; None while it is only suspected."""
    probes: int = 0
    """Failed since it opened."""
    probe_at: float = 0.0


class Breaker:
    """Decides whether a fault is the workload's or the system's. While a circuit is open nothing is claimed but one
    workload at a time, with backoff; a workload that meets the fault goes back as it came.

    A certain fault (a wrong key, a missing table) opens its circuit at once. One that a single workload may cause as
    well (no answer in time, an error of the server) opens it when several workloads in a row have met it.
    """

    def __init__(
        self,
        log: FilteringBoundLogger,
        random: Random,
        *,
        clock: Callable[[], float] = time.monotonic,
        backoff: Backoff | None = None,
    ) -> None:
        self._log = log
        self._random = random
        self._clock = clock
        self._backoff = backoff or PROBES
        self._circuits: dict[str, Circuit] = {}
        """By cause; written by the event loop alone."""

    @property
    def open(self) -> list[Circuit]:
        """Safe to read from any thread."""
        return [circuit for circuit in list(self._circuits.values()) if circuit.opened_at is not None]

    @property
    def given_up(self) -> Circuit | None:
        """A circuit that waits for an operator."""
        return next((one for one in self.open if one.is_certain and one.probes >= GIVES_UP_AFTER), None)

    def admits(self, demand: int, *, in_flight: int) -> int:
        """How many of `demand` workloads may be claimed now."""
        if not self.open:
            return demand
        return 0 if in_flight or self.seconds_to_probe else min(1, demand)

    @property
    def seconds_to_probe(self) -> float:
        return max(0.0, max((circuit.probe_at for circuit in self.open), default=0.0) - self._clock())

    def blames_system(self, fault: Fault, workload_id: UUID) -> bool:
        """Note that a workload met the fault. False: it is to be taken for the workload's own, so far."""
        if fault.cause is None:
            return False
        circuit = self._circuits.setdefault(
            fault.cause, Circuit(cause=fault.cause, error=str(fault), is_certain=fault.is_certain)
        )
        circuit.error, circuit.is_certain = str(fault), fault.is_certain
        was_alone = circuit.suspects == {workload_id}
        circuit.suspects.add(workload_id)
        if circuit.opened_at is None:
            if not fault.is_certain and len(circuit.suspects) < SUSPICIOUS:
                return False
            circuit.opened_at = self._clock()
            self._schedule(circuit, fault)
            self._log.warning(
                "Claims stopped: the system is at fault, not the workloads",
                cause=circuit.cause,
                error=circuit.error,
                probe_in_seconds=round(self.seconds_to_probe, 1),
            )
            return True
        if self._clock() >= circuit.probe_at:
            circuit.probes += 1
            self._schedule(circuit, fault)
            self._log.info("Still out of order", cause=circuit.cause, error=circuit.error, probes=circuit.probes)
        return fault.is_certain or not was_alone

    def succeed(self) -> None:
        """A workload was run to its recommendation: model, database and sources work."""
        for circuit in self.open:
            self._log.info(
                "Claims resumed",
                cause=circuit.cause,
                after_seconds=round(self._clock() - (circuit.opened_at or 0), 1),
            )
        self._circuits.clear()

    def report(self) -> list[dict[str, JsonValue]]:
        """The open circuits, for /healthz and `gridwise status`."""
        return [
            {
                "cause": circuit.cause,
                "error": circuit.error,
                "since_seconds": round(self._clock() - (circuit.opened_at or 0), 1),
                "probe_in_seconds": round(max(0.0, circuit.probe_at - self._clock()), 1),
            }
            for circuit in self.open
        ]

    def _schedule(self, circuit: Circuit, fault: Fault) -> None:
        """Twice as late each time; what the service asked for counts up to the longest wait."""
        asked = min(getattr(fault, "retry_after_seconds", None) or 0.0, self._backoff.cap_seconds)
        delay = self._backoff.delay_seconds(circuit.probes + 1, self._random, at_least_seconds=asked)
        circuit.probe_at = self._clock() + delay
