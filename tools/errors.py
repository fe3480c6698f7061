"""What can go wrong in the facts, in words that a user of the workload understands."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

if TYPE_CHECKING:
    from tools.placement import Option


class GridwiseError(Exception):
    """Root of every error that a user may read: what was wrong, with which value, what to do. Holds no secret."""

    retryable: bool = False
    """Whether another attempt at the same may succeed."""
    retry_after_seconds: float | None = None
    """When, where a service said so."""
    cause: str | None = None
    """What is wrong with the system, by name; None where it is the workload's own fault."""
    is_certain: bool = False
    """With a cause: one such failure is enough to know that other workloads would fail alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A limit from what it is to what it would have to be."""

    kind: str
    """As `agents.constraints` calls it; `capacity` and `site_limits` are not the owner's to give up."""
    limit: str
    """The field of `Limits` or `Job`; empty where there is none."""
    given: JsonValue
    needed: JsonValue
    """In the field's unit, times in ISO 8601; None: no limit. Of places those to be allowed besides, of hours the
    intervals."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Relaxation:
    """One limit, or several that only help together, loosened just enough (all others kept) that a placement exists."""

    limit: str
    """Name of the input column, or `capacity`."""
    given: str
    needed: str
    alternative: str
    """The placement that becomes possible, in words."""
    extra_gbp: float | None = None
    """Its objective above that of the best placement without any of the limits; None where that is unknown."""
    changes: tuple[Change, ...] = ()
    option: "Option | None" = None
    """The placement that becomes possible."""

    @property
    def by_owner(self) -> bool:
        """Whether the owner of the workload can give this up; capacity and sites' own limits are the operator's."""
        return bool(self.changes) and all(change.limit for change in self.changes)

    def sentence(self) -> str:
        return f"{self.limit} {self.given} → {self.needed}: {self.alternative}"


class Infeasible(GridwiseError):  # noqa: N818  the field's own word for it; callers read better
    """No placement satisfies every hard limit."""

    def __init__(self, message: str, *, binding: str, relaxations: tuple[Relaxation, ...] = ()) -> None:
        super().__init__(message)
        self.binding = binding
        """The limit that binds, by its column's name; several are joined with ` + `."""
        self.relaxations = relaxations
        self.request_reading: dict[str, JsonValue] | None = None
        """What was read in the request, as `metadata.request_reading` has it; None before it is read."""
        """Cheapest first."""

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_infeasible, (str(self), self.binding, self.relaxations)


def _rebuild_infeasible(message: str, binding: str, relaxations: tuple[Relaxation, ...]) -> Infeasible:
    return Infeasible(message, binding=binding, relaxations=relaxations)


class NoDataError(GridwiseError):
    """The figures that a statement needs are missing; they are never replaced by 0."""


class UnknownOptionError(GridwiseError):
    """An option id that the problem does not have."""


class SourceError(GridwiseError):
    """A source of carbon or price figures answered wrongly, late or not at all."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason


class SystemFault(GridwiseError):  # noqa: N818  what it is
    """Work ended because an operator has to mend something first."""


class PowerTaken(GridwiseError):  # noqa: N818  what happened, not a fault
    """Others were promised the power of the chosen site and time while this run decided. It has to be planned again."""

    retryable = True

    def __init__(self) -> None:
        super().__init__(
            "Other workloads were promised the power of the chosen site and time meanwhile, several times."
        )
