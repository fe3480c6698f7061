"""What can come of one run of a workload."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from persistence.retry import Fault
from persistence.store.queue import Lease
from persistence.workload import Recommendation, Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommended:
    """The state holds a recommendation."""

    recommendation: Recommendation


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """Trying again cannot help; `error` is for the user."""

    error: str
    details: Row | None = None
    kind: str = field(default="failed", compare=False)
    """What failed, in one word, for counting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """Another attempt may succeed; the checkpoint stays."""

    error: str
    after_seconds: float | None = None
    """What the service asked for, if it did."""
    cause: Exception | None = None
    """An exception that nobody foresaw; the log gets its traceback."""
    kind: str = field(default="retry", compare=False)
    """What failed, in one word, for counting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drained:
    """Stopped between two steps because the process shuts down."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspended:
    """The system is at fault, not the workload: it goes back as it came, without a used attempt."""

    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """Somebody else holds the thread: there is nothing to write."""


Outcome: TypeAlias = Recommended | Failed | Retry | Drained | Suspended | Lost
Begun: TypeAlias = Literal["started", "resumed", "read back"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The outcome, under which lease (its thread changes when a run is planned again), and how the run began."""

    lease: Lease
    outcome: Outcome
    begun: Begun | None = None
    fault: Fault | None = None
    """What the run met, where that may be the system's and not the workload's."""
