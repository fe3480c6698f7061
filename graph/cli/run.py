"""`gridwise run`: the poller."""

import asyncio
from typing import Annotated

import structlog
import typer

from graph.app.logs import configure_logs
from graph.app.runtime import banner, make_worker, open_runtime
from graph.app.settings import Settings, load_settings, unknown_settings
from graph.web.server import serving


def run(
    until_empty: Annotated[bool, typer.Option(help="Stop when the queue is empty.")] = False,
    metrics_port: Annotated[int | None, typer.Option(help="Serve /metrics and /healthz on this port.")] = None,
) -> None:
    """Claim pending workloads, place them, write the recommendations back; until stopped."""
    settings = load_settings()
    configure_logs(settings.log_format)
    asyncio.run(_run(settings, until_empty=until_empty, metrics_port=metrics_port))


async def _run(settings: Settings, *, until_empty: bool, metrics_port: int | None) -> None:
    async with open_runtime(settings) as runtime:
        log = structlog.get_logger()
        if settings.supabase_url is not None:
            log.info("Supabase client initialized")
        for line in unknown_settings():
            log.warning(line)
        for line in banner(runtime):
            log.info(line)
        worker = make_worker(runtime, until_empty=until_empty)
        with serving(worker.metrics, worker.health, port=metrics_port, log=log, host=settings.metrics_host):
            await worker.run()
