"""One line when the database goes, one when it is back: an outage is not a line per second."""

import threading
import time
from typing import Protocol


class Log(Protocol):
    """The part of structlog's bound logger that is used here."""

    def bind(self, **values: object) -> "Log": ...
    def debug(self, event: str, **values: object) -> object: ...
    def info(self, event: str, **values: object) -> object: ...
    def warning(self, event: str, **values: object) -> object: ...
    def error(self, event: str, **values: object) -> object: ...


class Outage:
    """Shared by all parts of one process that talk to the database; safe to use from several threads."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._failing: set[str] = set()
        self._since = 0.0

    @property
    def is_on(self) -> bool:
        return bool(self._failing)

    def begin(self, part: str, error: Exception) -> None:
        """`part` could not reach the database."""
        with self._lock:
            is_first = not self._failing
            self._failing.add(part)
            if is_first:
                self._since = time.monotonic()
        if is_first:
            reason = str(error) or "no answer in time"
            self._log.warning("Database unreachable, retrying until it is back", part=part, error=reason)

    def end(self, part: str) -> None:
        """`part` reached the database."""
        if not self._failing:
            return
        with self._lock:
            self._failing.discard(part)
            is_over = not self._failing
            seconds = time.monotonic() - self._since
        if is_over:
            self._log.info("Database reachable again", after_seconds=round(seconds, 1))
