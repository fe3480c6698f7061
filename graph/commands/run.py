"""`gridwise run`: the poller."""

import asyncio
import random
from datetime import UTC, datetime
from typing import Annotated

import structlog
import typer

from graph.claim_loop import PollerOptions
from graph.inputs import graph_input
from graph.logs import configure_logs
from graph.metrics import Metrics
from graph.poller import new_owner, run_poller
from graph.run import RunServices
from graph.runtime import Services, open_services
from graph.services import store_at
from graph.settings import Settings, load_settings
from graph.state import STORED_TYPES


def run(
    until_empty: Annotated[bool, typer.Option(help="Stop when the queue is empty.")] = False,
    metrics_port: Annotated[int | None, typer.Option(help="Serve /metrics and /healthz on this port.")] = None,
) -> None:
    """Claim pending workloads, place them, write the recommendations back; until stopped."""
    settings = load_settings()
    configure_logs(settings.log_format)
    asyncio.run(_run(settings, until_empty=until_empty, metrics_port=metrics_port))


async def _run(settings: Settings, *, until_empty: bool, metrics_port: int | None) -> None:
    async with open_services(settings) as services:
        log = structlog.get_logger()
        if settings.supabase_url is not None:
            log.info("Supabase client initialized")
        for line in banner(services):
            log.info(line)
        await poll(services, until_empty=until_empty, metrics_port=metrics_port)


async def poll(
    services: Services,
    *,
    until_empty: bool = False,
    metrics_port: int | None = None,
    poll_interval_seconds: float | None = None,
    metrics: Metrics | None = None,
) -> None:
    """The poller on open services; see `run_poller`."""
    settings = services.settings
    await run_poller(
        store=services.store,
        open_store=lambda: store_at(settings, services.database_url, max_connections=1),
        services=RunServices(
            build=services.build,
            input_for=graph_input,
            checkpoints=services.checkpoints,
            new_thread=services.store.new_thread,
            clock=lambda: datetime.now(UTC),
            random=random.Random(),  # noqa: S311 (jitter)
            stored_types=STORED_TYPES,
        ),
        options=PollerOptions(
            owner=new_owner(),
            concurrency=settings.concurrency,
            poll_interval_seconds=poll_interval_seconds or settings.poll_interval_seconds,
            lease_seconds=settings.lease_seconds,
            max_attempts=settings.max_attempts,
            until_empty=until_empty,
        ),
        log=structlog.get_logger(),
        metrics_port=metrics_port,
        retention_seconds=settings.retention_hours * 3600,
        history_seconds=settings.history_days * 86400,
        metrics=metrics,
    )


def banner(services: Services) -> list[str]:
    """Which of the interchangeable parts are in use."""
    settings = services.settings
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
        f"Store: {services.store.name}",
        f"Checkpoints: {database}",
        f"Model: {model}",
        f"Figures: {sources[settings.sources]}",
    ]
