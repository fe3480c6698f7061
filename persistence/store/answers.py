"""What the functions' JSON has in common, read back."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from pydantic import JsonValue

from persistence.errors import LeaseLost
from persistence.workload import Row


def lost(workload_id: UUID, token: int | None) -> LeaseLost:
    return LeaseLost(f"The lease of workload {workload_id} (token {token}) is held by somebody else now.")


def texts(ids: Sequence[UUID]) -> list[JsonValue]:
    return [str(one) for one in ids]


def uuids(value: JsonValue) -> list[UUID]:
    return [UUID(str(one)) for one in cast("list[str]", value)]


def rows(value: JsonValue) -> list[Row]:
    return cast("list[Row]", value)
