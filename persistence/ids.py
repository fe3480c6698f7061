"""How a workload's id is written where a person reads it."""

from typing import Final

SHORT_ID: Final = 8
"""Digits that tell the workloads of a queue apart, as git shortens."""


def short_id(workload_id: object) -> str:
    return str(workload_id)[:SHORT_ID]
