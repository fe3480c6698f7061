"""From settings to everything that running workloads takes: models, sources, the graph."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph

from agents.models import Models
from graph.build import build_graph
from graph.places import StorePlaces
from graph.services import open_database, store_at
from graph.settings import Settings
from persistence.pool import Pool, open_pool
from persistence.source_cache import SourceCache
from persistence.store import Store
from tools.live import live_source
from tools.market import MarketSource
from tools.recorded import RecordedSource

_SPARE_CONNECTIONS: Final = 2
"""Beside one per run: for claims, a group of results, housekeeping, none of which takes long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What a poller shares among its runs."""

    settings: Settings
    database_url: str
    store: Store
    checkpoints: Pool
    models: Models
    source: MarketSource
    graph: CompiledStateGraph[Any, Any, Any, Any]
    """Compiled without a checkpointer."""

    def build(self, saver: BaseCheckpointSaver[Any]) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The graph with that checkpointer: a shallow copy, since compiling takes longer than a step."""
        return self.graph.copy({"checkpointer": saver})


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Everything for running workloads."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(open_database(settings))
        connections = settings.concurrency + _SPARE_CONNECTIONS
        store = await stack.enter_async_context(store_at(settings, url, max_connections=connections))
        checkpoints = await stack.enter_async_context(open_pool(url, name="checkpoints", max_size=connections))
        models = open_models(settings)
        stack.push_async_callback(models.aclose)
        source = open_source(settings, store)
        stack.push_async_callback(source.aclose)
        yield Services(
            settings=settings,
            database_url=url,
            store=store,
            checkpoints=checkpoints,
            models=models,
            source=source,
            graph=build_graph(models=models, source=source, places=StorePlaces(store)).compile(),
        )


def open_models(settings: Settings) -> Models:
    """Gemini or the offline planner, as configured; never one in place of the other."""
    if settings.model_kind == "offline":
        return Models.offline()
    if settings.gemini_api_key is None:
        raise AssertionError  # settings refuse gemini without a key
    return Models.gemini(
        api_key=settings.gemini_api_key.get_secret_value(),
        base_url=None if settings.gemini_base_url is None else str(settings.gemini_base_url),
        agent_model=settings.agent_model,
        head_model=settings.head_model,
        timeout_seconds=settings.model_timeout_seconds,
        requests_per_minute=settings.model_rpm,
    )


def open_source(settings: Settings, store: Store) -> MarketSource:
    """Live figures through the cache that all pollers share, or the recorded day."""
    if settings.sources == "recorded":
        return RecordedSource()
    return live_source(
        neso_base_url=str(settings.neso_base_url),
        octopus_base_url=str(settings.octopus_base_url),
        cache=SourceCache(store),
    )
