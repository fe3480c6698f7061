"""From the row that was claimed to the graph's input."""

from datetime import datetime
from typing import Final

from graph.state import GraphInput
from persistence.store import Row
from persistence.workload import Workload, parse_workload

_ENOUGH: Final = ("id", *sorted(set(Workload.model_fields) - {"id", "finish_by", "request_text"}))
_DEADLINES: Final = ("deadline", "latest_completion")


def graph_input(row: Row, now: datetime) -> GraphInput:
    """The row's input columns and the run's clock, without what others keep in the row.

    Raises `InvalidWorkload` before a thread is opened: what cannot be worked on leaves no checkpoint.
    """
    parse_workload(row)
    metadata = row.get("metadata")
    request = metadata.get("user_request") if isinstance(metadata, dict) else None
    columns = {name: row[name] for name in (*_ENOUGH, *_DEADLINES) if row.get(name) is not None}
    return {"row": {**columns, "metadata": {"user_request": request}}, "clock": now}
