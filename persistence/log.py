"""A logger for code that is handed none; the package behind it is imported at the first line that is written."""

import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def default_log() -> "FilteringBoundLogger":
    """The program's, or lines on standard error where the program has configured none: standard output is answers."""
    import structlog

    if structlog.is_configured():
        return cast("FilteringBoundLogger", structlog.get_logger())
    silent = structlog.make_filtering_bound_logger("warning")
    return cast("FilteringBoundLogger", structlog.wrap_logger(structlog.PrintLogger(sys.stderr), wrapper_class=silent))
