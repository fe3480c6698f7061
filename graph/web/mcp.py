"""gridwise as tools of the Model Context Protocol: plan at once, and the queue."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version
from typing import Annotated, Any, Final
from uuid import UUID

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field, JsonValue

from graph.api import plan_async, submit_async
from graph.app.database import open_store
from graph.app.reference import resolve
from graph.app.request import Request
from graph.app.settings import load_settings
from persistence.errors import InvalidWorkload, StoreError
from persistence.store.directory import Filter
from persistence.store.open import Store
from tools.errors import GridwiseError, Infeasible

INSTRUCTIONS: Final = (
    "Finds where in Great Britain and when a compute workload emits least for what it costs, from the carbon-intensity "
    "forecast of NESO and half-hourly prices. `plan` answers at once and changes nothing. `submit` puts a workload "
    "into a queue that a poller works on; `show` has its answer after some seconds. Times are UTC in answers."
)


class Planned(BaseModel):
    """Where and when to run."""

    region: str
    start: datetime
    end: datetime
    segments: list[tuple[datetime, datetime]]
    """The intervals in which it runs: one, unless it pauses."""
    carbon_intensity_gco2_kwh: float | None
    renewable_pct: float | None
    cost_gbp: float | None
    confidence: float
    """That it beats running now, 0-1."""
    summary: str
    alternatives: list[dict[str, JsonValue]]
    request_reading: dict[str, JsonValue]
    """What was read from the request's words, and what was not understood."""


class Submitted(BaseModel):
    """A workload that waits for a poller."""

    id: UUID


class Listed(BaseModel):
    """One workload of the queue."""

    id: UUID
    workload_name: str | None = None
    status: str | None = None
    recommended_region: str | None = None
    recommended_time_window_start: datetime | None = None
    recommended_time_window_end: datetime | None = None
    agent_error: str | None = None


class Workloads(BaseModel):
    """Newest first."""

    workloads: list[Listed]


class Shown(Listed):
    """One workload and its answer."""

    decision_summary: str | None = None
    recommended_carbon_intensity: float | None = None
    recommended_renewable_mix: float | None = None
    recommended_cost_gbp: float | None = None
    recommendation_confidence: float | None = None
    relaxations: list[dict[str, JsonValue]] = []
    """Of a failed one: what would make it feasible, by number `n`; `relax` accepts one."""


class Cancelled(BaseModel):
    """False: it does not exist, or it has failed or been cancelled already."""

    id: UUID
    cancelled: bool


Name = Annotated[str, Field(description="What the workload is called.", max_length=500)]
Reference = Annotated[str, Field(description="The workload's id, the first digits of the id, or its name.")]
Where = Annotated[
    str | None, Field(description="Only there: regions, cities or postcodes of Great Britain, joined by commas.")
]


def make_server() -> MCPServer[Any]:
    """Its tools work with what is configured where the server runs."""
    server: MCPServer[Any] = MCPServer("gridwise", instructions=INSTRUCTIONS, version=version("gridwise"))

    @server.tool()
    async def plan(name: Name = "workload", region: Where = None, workload: Request = Request()) -> Planned:  # noqa: B008
        """Where and when a workload should run, at once. Changes nothing and needs no database."""
        async with _told():
            found = await plan_async(name, region=region, **_stated(workload))
            return Planned.model_validate(found, from_attributes=True)

    @server.tool()
    async def submit(name: Name, workload: Request = Request()) -> Submitted:  # noqa: B008
        """Put a workload into the queue; a poller places it. `show` has the answer."""
        async with _told():
            return Submitted(id=await submit_async(name, **_stated(workload)))

    @server.tool(name="list")
    async def list_workloads(
        status: Annotated[
            list[str] | None, Field(description="Only these: pending, processing, queued (answered), failed, …")
        ] = None,
        limit: Annotated[int, Field(ge=1, le=200)] = 20,
    ) -> Workloads:
        """The queue's workloads, newest first."""
        async with _told(), open_store(load_settings()) as store:
            rows = await store.directory.recent(Filter(states=status), limit=limit)
            return Workloads(workloads=[Listed.model_validate(row) for row in rows])

    @server.tool()
    async def show(workload: Reference) -> Shown:
        """One workload of the queue with its recommendation, or why it failed and what would help."""
        async with _told(), open_store(load_settings()) as store:
            return await _shown(store, await resolve(store, workload))

    @server.tool()
    async def relax(workload: Reference, n: Annotated[int, Field(description="The relaxation's number.")]) -> Shown:
        """Accept one relaxation of a failed workload: it is submitted again with that limit loosened."""
        async with _told(), open_store(load_settings()) as store:
            workload_id = await resolve(store, workload)
            await store.operations.relax(workload_id, n)
            return await _shown(store, workload_id)

    @server.tool()
    async def cancel(workload: Reference) -> Cancelled:
        """Cancel a workload that waits, is worked on or has an answer."""
        async with _told(), open_store(load_settings()) as store:
            workload_id = await resolve(store, workload)
            return Cancelled(id=workload_id, cancelled=workload_id in await store.directory.cancel([workload_id]))

    return server


def _stated(workload: Request) -> Any:  # noqa: ANN401  keyword arguments
    return workload.model_dump(exclude_unset=True, exclude_none=True)


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """Faults that a caller can do something about, as the protocol's tool errors."""
    try:
        yield
    except Infeasible as error:
        numbered = [f"{n}. {one.sentence()}" for n, one in enumerate(error.relaxations, start=1)]
        raise ToolError("\n".join([str(error), *numbered])) from error
    except (GridwiseError, InvalidWorkload, StoreError) as error:
        raise ToolError(str(error)) from error


async def _shown(store: Store, workload_id: UUID) -> Shown:
    row = await store.operations.read(workload_id)
    if row is None:
        msg = f"There is no workload {workload_id}."
        raise ToolError(msg)
    metadata = row.get("metadata")
    listed = metadata.get("relaxations") if isinstance(metadata, Mapping) else None
    relaxations = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return Shown.model_validate({**row, "relaxations": relaxations})
