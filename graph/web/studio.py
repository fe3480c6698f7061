"""The graph and its checkpoints for LangGraph's development server (`gridwise dev`, `make dev`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph

from graph.app.runtime import open_runtime
from graph.app.settings import ConfigurationError, Settings, load_settings
from graph.state import STORED_TYPES
from persistence.checkpoint import PooledSaver
from persistence.connections.pool import open_pool

_CONNECTIONS = 4


@asynccontextmanager
async def graph() -> AsyncIterator[CompiledStateGraph[Any, Any, Any, Any]]:
    """Opened by the server for each run. Give it `{"row": {…}, "clock": null}`, keys as the columns are called."""
    async with open_runtime(await _settings()) as runtime:
        yield runtime.graph


@asynccontextmanager
async def checkpointer() -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """The production checkpoints, unfenced: a thread of the poller's opens in Studio and can be stepped through."""
    settings = await _settings()
    if settings.database_url is None:
        raise AssertionError  # _settings has refused
    url = settings.database_url.get_secret_value()
    async with open_pool(url, name="studio", max_size=_CONNECTIONS) as pool:
        yield PooledSaver(pool, stored_types=STORED_TYPES)


async def _settings() -> Settings:
    settings = await asyncio.to_thread(load_settings)  # reads .env, and the server refuses blocking calls
    if settings.is_embedded:
        message = "The development server needs DATABASE_URL; `gridwise dev` starts it on the embedded database."
        raise ConfigurationError(message)
    return settings
