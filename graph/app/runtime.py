"""From settings to everything that running workloads takes: models, sources, the graph."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph

from agents.model.clients import Models
from agents.model.turns import Turns
from graph.app.database import open_database, store_at
from graph.app.policy import policy_of
from graph.app.settings import Settings
from graph.build import build_graph
from graph.catalogue import StoredCatalogue
from graph.state import STORED_TYPES, graph_input
from graph.worker.executor import ExecutorConfig
from graph.worker.handover import Server
from graph.worker.metrics import Metrics
from graph.worker.producer import ProducerOptions
from graph.worker.tasks import background
from graph.worker.webhook import Deliveries, Sender, Target
from graph.worker.worker import Worker, new_owner
from persistence.connections.pool import Pool, open_pool
from persistence.store.open import Store
from tools.market import MarketSource
from tools.sources.live import live_source
from tools.sources.recorded import RecordedSource

_TURNS: Final = 8
"""Runs that do anything but wait for a model; they share one thread, so that more would only be later each."""
_SPARE_CONNECTIONS: Final = 2
"""Beside one per run that has its turn: for claims, a group of results, housekeeping, none of which takes long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """What a poller shares among its runs."""

    settings: Settings
    database_url: str = field(repr=False)
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
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Everything for running workloads."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(open_database(settings))
        connections = min(settings.concurrency, _TURNS) + _SPARE_CONNECTIONS
        store = await stack.enter_async_context(store_at(settings, url, max_connections=connections))
        checkpoints = await stack.enter_async_context(open_pool(url, name="checkpoints", max_size=connections))
        models = open_models(settings)
        stack.push_async_callback(models.aclose)
        source = open_source(settings, store)
        stack.push_async_callback(source.aclose)
        yield Runtime(
            settings=settings,
            database_url=url,
            store=store,
            checkpoints=checkpoints,
            models=models,
            source=source,
            graph=build_graph(
                models=models, source=source, catalogue=StoredCatalogue(store.catalogue), policy=policy_of(settings)
            ).compile(),
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
        cache=store.source_cache,
    )


def make_worker(
    runtime: Runtime,
    *,
    until_empty: bool = False,
    poll_interval_seconds: float | None = None,
    metrics: Metrics | None = None,
    server: Server | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Worker:
    """The poller on an open runtime, yet to be run. `clock` is its runs' now."""
    settings = runtime.settings
    return Worker(
        store=runtime.store,
        open_store=lambda: store_at(settings, runtime.database_url, max_connections=1),
        config=ExecutorConfig(
            build=runtime.build,
            input_for=graph_input,
            checkpoints=runtime.checkpoints,
            new_thread=runtime.store.queue.new_thread,
            clock=clock,
            random=random.Random(),  # noqa: S311 (jitter)
            stored_types=STORED_TYPES,
            turn=Turns(_TURNS).one,
        ),
        options=ProducerOptions(
            owner=new_owner(),
            concurrency=settings.concurrency,
            poll_interval_seconds=poll_interval_seconds or settings.poll_interval_seconds,
            lease_seconds=settings.lease_seconds,
            max_attempts=settings.max_attempts,
            until_empty=until_empty,
        ),
        log=structlog.get_logger(),
        retention_seconds=settings.retention_hours * 3600,
        history_seconds=settings.history_days * 86400,
        metrics=metrics,
        server=server,
    )


@asynccontextmanager
async def telling_webhook(runtime: Runtime, *, until_empty: bool = False) -> AsyncIterator[None]:
    """Sends events while the worker runs, where a webhook is configured; at the end of an emptied queue the rest."""
    settings = runtime.settings
    if settings.webhook_url is None or settings.webhook_secret is None:
        yield
        return
    target = Target(
        url=str(settings.webhook_url),
        secret=settings.webhook_secret.get_secret_value(),
        allow_private=settings.webhook_allow_private,
    )
    sender = Sender(target)
    deliveries = Deliveries(
        outbox=runtime.store.outbox,
        sender=sender,
        random=random.Random(),  # noqa: S311 (jitter)
        log=structlog.get_logger(),
    )
    try:
        await deliveries.once()  # from now on there are events
        async with background(deliveries.run()):
            yield
        while until_empty and await deliveries.once():
            pass
    finally:
        await sender.aclose()


def banner(runtime: Runtime) -> list[str]:
    """Which of the interchangeable parts are in use."""
    settings = runtime.settings
    database = "embedded PostgreSQL" if settings.is_embedded else "DATABASE_URL"
    model = (
        f"Gemini ({settings.agent_model}, {settings.head_model})"
        if settings.model_kind == "gemini"
        else "offline planner (no GEMINI_API_KEY)"
        if settings.gemini_api_key is None
        else "offline planner (by GRIDWISE_MODEL)"
    )
    sources = {"recorded": "one recorded day (NESO, Octopus Agile)", "live": "NESO and Octopus Agile, live"}
    return [
        f"Store: {runtime.store.name}",
        f"Checkpoints: {database}",
        f"Model: {model}",
        f"Figures: {sources[settings.sources]}",
    ]
