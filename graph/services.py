"""From settings to running parts: database, store, models, sources. Whoever opens them closes them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph

from agents.models import Models, gemini_models, offline_models
from graph.build import build_graph
from graph.places import StorePlaces
from graph.settings import Settings
from persistence.connect import open_store as connect_store
from persistence.embedded import embedded_postgres
from persistence.migrate import Scope, migrate, pending
from persistence.pool import Pool, open_pool
from persistence.source_cache import SourceCache
from persistence.store import Store
from tools.live import LiveSource
from tools.market import MarketSource
from tools.recorded import RecordedSource

SAMPLE_CATALOGUE: Final = "sample_assets"
_SPARE_CONNECTIONS: Final = 2
"""Beside one per run in flight: housekeeping and status."""


@asynccontextmanager
async def database_server(settings: Settings) -> AsyncIterator[str]:
    """The address of the configured PostgreSQL; the embedded one is started for the while."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    async with embedded_postgres(settings.data_dir) as server:
        yield server.url()


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """The same, ready for use: the embedded one is migrated, and seeded where it is the store as well."""
    async with database_server(settings) as url:
        scope: Scope = "all" if settings.supabase_url is None else "checkpoints"
        if settings.is_embedded and await pending(url, scope=scope):
            await migrate(url, scope=scope, extras=(SAMPLE_CATALOGUE,) if scope == "all" else ())
        yield url


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The configured store, for a command that needs nothing else."""
    async with open_database(settings) as url, store_at(settings, url) as store:
        yield store


@asynccontextmanager
async def store_at(settings: Settings, database_url: str, *, max_connections: int = 8) -> AsyncIterator[Store]:
    """Another store on a database that is open already."""
    async with connect_store(database_url=database_url, max_connections=max_connections) as store:
        yield store


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
        return offline_models()
    if settings.gemini_api_key is None:
        raise AssertionError  # settings refuse gemini without a key
    return gemini_models(
        api_key=settings.gemini_api_key,
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
    return LiveSource(
        neso_base_url=str(settings.neso_base_url),
        octopus_base_url=str(settings.octopus_base_url),
        cache=SourceCache(store),
    )
