"""The graph and its checkpoints for LangGraph's development server: `langgraph dev`, `gridwise dev`, `make dev`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from langgraph.checkpoint.base import BaseCheckpointSaver
from pydantic import SecretStr

from graph.app.database_holder import hold_database
from graph.app.runtime import open_runtime
from graph.app.samples import sample_rows
from graph.app.settings import Settings, load_settings
from graph.state import STORED_TYPES
from graph.web.studio_graph import StudioGraph
from graph.web.studio_saver import StudioSaver
from persistence.connections.pool import open_pool

_CONNECTIONS: Final = 4

GraphFactory = Callable[[], AbstractAsyncContextManager[StudioGraph]]


def _factory(kind: type[StudioGraph]) -> GraphFactory:
    @asynccontextmanager
    async def opened() -> AsyncIterator[StudioGraph]:
        async with open_runtime(await asyncio.to_thread(_settings)) as runtime:
            yield kind(**vars(runtime.graph))

    return opened


@asynccontextmanager
async def checkpointer() -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """The production checkpoints: a poller's thread opens in Studio, to look at and to copy."""
    settings = await asyncio.to_thread(_settings)
    if settings.database_url is None:
        raise AssertionError  # _settings has filled it in
    async with open_pool(settings.database_url.get_secret_value(), name="studio", max_size=_CONNECTIONS) as pool:
        yield StudioSaver(pool, stored_types=STORED_TYPES)


def _sample(part_of_name: str) -> GraphFactory:
    """The same graph, which places one of the demo's workloads where it is given none."""

    class Sample(StudioGraph):
        def sample(self) -> Mapping[str, Any]:
            return _sample_row(part_of_name)

    return _factory(Sample)


def _sample_row(part_of_name: str) -> Mapping[str, Any]:
    rows = sample_rows(datetime.now(UTC), run="studio")
    row = next(row for row in rows if part_of_name in str(row["workload_name"]))
    return {name: value for name, value in row.items() if name not in {"id", "submitted_at"}}


graph = _factory(StudioGraph)
"""Place one workload: opened by the server for each run. Input: the columns of a row, and optionally a clock."""
sample_training = _sample("nightly fraud-model training")
sample_scotland = _sample("product embeddings refresh")
sample_infeasible = _sample("30 hours of work due in 20")


@cache
def _settings() -> Settings:
    """As configured; without a database the embedded one, and the recorded day unless the sources were chosen by
    name. Call it from a thread: it reads `.env` and may start a server, and the server refuses blocking calls."""
    settings = load_settings()
    sources = settings.sources if "sources" in settings.model_fields_set else "recorded"
    url = settings.database_url or SecretStr(hold_database())
    return settings.model_copy(update={"database_url": url, "sources": sources})
