"""What can go wrong between us and the database, in words for its reader."""

from uuid import UUID


class StoreError(Exception):
    """The store could not do what it was asked.

    `retryable`: the same call may succeed later. `cause`: what is wrong with the database or our access to it, by name;
    None where it is this call's own fault.
    """

    cause: str | None = None
    is_certain = True
    """One such failure is enough to know that others would fail alike."""

    def __init__(self, message: str, *, retryable: bool = False, cause: str | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        if cause is not None:
            self.cause = cause


class Unreachable(StoreError):  # noqa: N818  says what happened
    """Nobody answered in the time given. Always retryable, by whoever can wait longer than one call."""

    cause = "database_unreachable"

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class RowBusy(StoreError):  # noqa: N818  says what happened
    """Another transaction has the workload's row locked; nothing was written. Retryable: it ends some time."""

    def __init__(self, workload_id: UUID) -> None:
        super().__init__(f"The row of workload {workload_id} is locked by another transaction.", retryable=True)


class MigrationNeeded(StoreError):  # noqa: N818  says what happened
    """The database lacks a function, table or column of this version."""

    cause = "database_schema"


class AccessDenied(StoreError):  # noqa: N818  says what happened
    """The credentials are wrong or do not suffice."""

    cause = "database_access"


class LeaseLost(StoreError):  # noqa: N818  says what happened
    """Somebody else holds the lease now; whatever we have must not be written."""


class DamagedCheckpoint(StoreError):  # noqa: N818  says what happened
    """What is stored of a thread is incomplete or was changed: it cannot be continued, the run starts again."""


class MigrationFailed(StoreError):  # noqa: N818  says what happened
    """A migration could not be applied; the database is as it was before that file."""


class SessionNeeded(StoreError):  # noqa: N818  says what happened
    """The address is a transaction pooler's, which does not keep a session for its client."""


class EmbeddedPostgresError(StoreError):
    """The embedded server is not installed or does not start."""


class InvalidWorkload(ValueError):  # noqa: N818  says what happened
    """The row cannot be worked on as it is. `problems`: one sentence per bad column, as its user should read it."""

    retryable = False
    cause = None
    is_certain = False

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems
