"""What can go wrong when a model is asked, in words a user reads in `agent_error`."""

from typing import Literal, TypeAlias

from tools.errors import GridwiseError

FailureKind: TypeAlias = Literal[
    "rate_limited",
    "quota_exhausted",
    "bad_request",
    "unauthenticated",
    "forbidden",
    "unknown_model",
    "too_long",
    "timeout",
    "unreachable",
    "server_error",
    "blocked",
    "truncated",
    "malformed_call",
    "empty",
    "invalid_answer",
]


class ModelError(GridwiseError):
    """A call to the model failed, or its answer cannot be used.

    `retryable`: another attempt of the same call may succeed. `retry_after_seconds`: when, where the service
    said so; the workload is then rescheduled instead of waiting inside the run.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: FailureKind,
        retryable: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds


def is_retryable(error: Exception) -> bool:
    """For `RetryPolicy(retry_on=…)`: worth another try at once, inside the run.

    A failure with a time to wait is not: the run ends, and the workload is leased again when that time has passed.
    """
    return isinstance(error, ModelError) and error.retryable and error.retry_after_seconds is None
