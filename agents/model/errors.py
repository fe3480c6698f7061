"""What can go wrong when a model is asked, in words a user reads in `agent_error`."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

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


_SYSTEM_FAULTS: Final[Mapping[FailureKind, tuple[str, bool]]] = {
    "unauthenticated": ("model_access", True),
    "forbidden": ("model_access", True),
    "unknown_model": ("model_name", True),
    "quota_exhausted": ("model_quota", True),
    "rate_limited": ("model_quota", False),
    "unreachable": ("model_unreachable", False),
    "timeout": ("model_unavailable", False),
    "server_error": ("model_unavailable", False),
}
"""Failures that another workload would meet as well: the cause, and whether that is certain. What a request can bring
about by itself is not."""


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
        self.cause, self.is_certain = _SYSTEM_FAULTS.get(kind, (None, False))


def is_retryable(error: Exception) -> bool:
    """For `RetryPolicy(retry_on=…)`: worth another try at once, inside the run.

    A failure with a time to wait is not: the run ends, and the workload is leased again when that time has passed.
    """
    return isinstance(error, ModelError) and error.retryable and error.retry_after_seconds is None


def failure(
    kind: FailureKind, text: str, *, retryable: bool = False, retry_after_seconds: float | None = None
) -> ModelError:
    """With the opening words that every failure of a model has in common."""
    return ModelError(
        f"The language model could not be used: {text}.",
        kind=kind,
        retryable=retryable,
        retry_after_seconds=retry_after_seconds,
    )
