"""What a case is: a row, a market, and what must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import JsonValue

from agents.model.errors import FailureKind
from evals.cases.world import HOME
from evals.standin.script import Script, always_honest
from tools.placement import Commitment

Suite: TypeAlias = Literal["decisions", "selection", "misbehaviour", "reading", "paraphrases", "resume"]
Row: TypeAlias = dict[str, JsonValue]

NOW = datetime(2026, 11, 24, 10, 37, tzinfo=UTC)
"""A Tuesday in winter: UK time is UTC."""
MAX_CALLS = 6
MAX_INPUT_TOKENS = 8_000


CPU_ONLY: Mapping[str, JsonValue] = {"required_gpu_mins": None, "workload_type": "DATA_PROCESSING"}
"""Columns with which sites differ by their grids alone, so that the three options trade carbon against cost."""


@dataclass(frozen=True)
class Expected:
    """What must come of a case; the general scores hold besides."""

    is_placed: bool = True
    error_words: tuple[str, ...] = ()
    """In the message of the failure."""
    failure: FailureKind | None = None
    """Kind of the model's failure, where that is what happens."""
    constraints: tuple[str, ...] | None = None
    """Kinds of what is read in the request, wishes that are given up too; exactly these, in any order."""
    may_read: frozenset[str] | None = None
    """Kinds that may be read in a text that means no good: no others, and they can only tighten."""
    regions: frozenset[int] | None = None
    """Every recommended option is in one of them."""
    runs_now: bool | None = None
    """Whether running now is recommended."""
    says: tuple[str, ...] = ()
    """In the decision's summary."""
    says_not: tuple[str, ...] = ()
    """In no stored text at all."""
    max_calls: int = MAX_CALLS
    calls: int | None = None
    """Exactly so many: six, and one more for an answer that was sent back."""
    reordered: bool = False
    """The model's ranking was put right."""
    unread: bool = False
    """The model saw a limit that the request does not state."""


@dataclass(frozen=True)
class Case:
    """One workload in one market."""

    name: str
    about: str
    columns: Mapping[str, JsonValue] = field(default_factory=dict)
    expected: Expected = Expected()
    now: datetime = NOW
    market: str = "live"
    taken: tuple[Commitment, ...] = ()
    renamed: Mapping[int, str] = field(default_factory=dict)
    """Other names for assets, by their place in the catalogue from 1."""
    sites: int | None = None
    """Only so many assets of the catalogue, which lie in as many regions."""
    script: Script = always_honest
    """How the stand-in answers when the case is recorded from it."""
    suite: Suite = "decisions"

    @property
    def row(self) -> Row:
        """As the store hands it to the graph."""
        base: Row = {
            "id": str(self.workload_id),
            "workload_name": "nightly training",
            "workload_type": "TRAINING_RUN",
            "urgency": "MEDIUM",
            "host_dc": HOME,
            "required_gpu_mins": 960,
            "required_cpu_cores": 16,
            "required_memory_gb": 128,
            "estimated_duration_hours": 2,
            "is_deferrable": True,
            "deferral_window_mins": 1200,
            "submitted_at": self.now.isoformat(),
        }
        return {**base, **self.columns}

    @property
    def workload_id(self) -> UUID:
        return uuid5(NAMESPACE_URL, f"gridwise/evals/{self.suite}/{self.name}")


def asks(text: str, **columns: JsonValue) -> Row:
    """Columns with a free-text request."""
    return {"metadata": {"user_request": text}, **columns}


def at(hours: float, now: datetime = NOW) -> str:
    """A time that many hours after the case's clock."""
    return (now + timedelta(hours=hours)).isoformat()
