"""What `gridwise run` does, apart from its options."""

import asyncio
import gc
import sys
from contextlib import AsyncExitStack
from dataclasses import replace

import structlog

from agents.request.lexicon import lexicon
from agents.request.network import network
from graph.app.logs import configure_logs
from graph.app.runtime import Runtime, banner, make_worker, open_runtime, telling_webhook
from graph.app.settings import Settings, load_settings, unknown_settings
from graph.cli.output import Output
from graph.cli.results import ReportingQueue
from graph.views.placements import heading, placement_line
from graph.web.server import serving
from graph.worker.handover import Server
from persistence.workload import Row


def poll(*, until_empty: bool, metrics_port: int | None, verbose: bool, server: str | None, as_json: bool) -> None:
    """Until stopped, or until the queue is empty. Raises `KeyboardInterrupt` after Ctrl-C."""
    settings = load_settings()
    is_quiet = until_empty and not verbose and sys.stderr.isatty()
    configure_logs(settings.log_format, level="warning" if is_quiet else settings.log_level)
    output = Output(as_json=as_json)
    running = _run(settings, output, until_empty=until_empty, metrics_port=metrics_port, server=server)
    if asyncio.run(running):
        output.say("Interrupted. What had not finished is back in the queue; the next `gridwise run` continues it.")
        raise KeyboardInterrupt


async def _run(
    settings: Settings, output: Output, *, until_empty: bool, metrics_port: int | None, server: str | None
) -> bool:
    """Whether Ctrl-C ended it."""
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(open_runtime(settings))
        key = settings.langgraph_api_key.get_secret_value() if settings.langgraph_api_key else None
        handed_to = await stack.enter_async_context(Server.at(server, key)) if server else None
        log = structlog.get_logger()
        if settings.supabase_url is not None:
            log.info("Supabase client initialized")
        for line in unknown_settings():
            log.warning(line)
        for line in banner(runtime):
            log.info(line)
        lines = _Lines(output)
        if server:
            log.info("Runs are handed to a LangGraph Server", url=server)
        worker = make_worker(
            lines.reported_by(runtime) if until_empty else runtime, until_empty=until_empty, server=handed_to
        )
        with serving(worker.metrics, worker.health, port=metrics_port, log=log, host=settings.metrics_host):
            async with telling_webhook(runtime, until_empty=until_empty):
                lexicon()  # the first workload need not wait for them
                network()
                gc.collect()
                gc.freeze()  # what is loaded by now stays: to go through it at every collection is a seventh of a run
                await worker.run()
        if until_empty:
            lines.end()
        return worker.is_interrupted


class _Lines:
    """What is printed while the queue empties."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._placed = self._failed = 0

    def reported_by(self, runtime: Runtime) -> Runtime:
        queue = ReportingQueue(runtime.store.queue.rpc, self._show)
        return replace(runtime, store=replace(runtime.store, queue=queue))

    def _show(self, row: Row) -> None:
        if not self._placed + self._failed and not self._output.as_json:
            self._output.print(heading(self._output.width))
        self._output.records([row], lines=[placement_line(row, self._output.width)])
        if row.get("status") == "failed":
            self._failed += 1
        else:
            self._placed += 1

    def end(self) -> None:
        if self._placed + self._failed:
            self._output.say(f"{self._placed} placed, {self._failed} failed; `gridwise list` shows them again.")
        else:
            self._output.say("Nothing was waiting.")
