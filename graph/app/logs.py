"""Log lines on standard error: text for a person, JSON for a collector."""

import logging
import sys
from typing import Literal

import structlog

from graph.views.text import one_line


def configure_logs(log_format: Literal["auto", "text", "json"], *, level: str = "info") -> None:
    """`auto` is text on a terminal and in a pipe alike: the description's lines stay greppable either way."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,  # the others show local variables, and so passwords
        )
    )
    tail = [structlog.processors.format_exc_info] if log_format == "json" else []
    shared: list[structlog.typing.Processor] = [
        _clean,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, *tail, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[*tail, renderer], foreign_pre_chain=shared))
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # a line per connection, where the poller says it once
    libraries = logging.CRITICAL if level == "critical" else logging.WARNING
    logging.basicConfig(level=libraries, handlers=[handler], force=True)


def _clean(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Names and errors that users wrote stay on their line and in their field."""
    return {key: one_line(value) if isinstance(value, str) else value for key, value in event.items()}
