"""When a failed workload is tried again."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: those who failed together do not return together."""

    base_seconds: float = 2.0
    cap_seconds: float = 300.0

    def delay_seconds(self, attempt: int, random: Random, *, at_least_seconds: float | None = None) -> float:
        """Wait after the `attempt`-th failure (from 1).

        `at_least_seconds` is what the service asked for (`RetryInfo`, `Retry-After`): the jitter then comes on top,
        since to return before it is to fail again.
        """
        ceiling = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt - 1, 30))
        return random.uniform(0, ceiling) + (at_least_seconds or 0)
