"""The graph for LangGraph's development server (`make dev`): the configured parts, no checkpointer of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from graph.runtime import open_services
from graph.settings import load_settings


@asynccontextmanager
async def graph() -> AsyncIterator[CompiledStateGraph[Any, Any, Any, Any]]:
    """Opened by the server for each run. Give it `{"row": {…}}`, keys as the columns are called."""
    async with open_services(load_settings()) as services:
        yield services.graph
