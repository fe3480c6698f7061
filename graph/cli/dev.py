"""`gridwise dev`: LangGraph's development server on the configured database, or on the embedded one."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from graph.app.database import open_database
from graph.app.settings import ConfigurationError, Settings, load_settings

_CONFIG = Path(__file__).parents[2] / "langgraph.json"


def dev(
    port: Annotated[int, typer.Option(help="Where the server listens, on 127.0.0.1.")] = 2024,
    browser: Annotated[bool, typer.Option(help="Open Studio.")] = False,
) -> None:
    """Look inside the graph with LangGraph's development server: offline and without keys unless configured."""
    if find_spec("langgraph_api") is None or find_spec("langgraph_cli") is None:
        message = "gridwise dev needs LangGraph's development server. Fix: pip install 'gridwise[dev]'"
        raise ConfigurationError(message)
    settings = load_settings()
    if not _CONFIG.exists():
        message = "gridwise dev needs a checkout of the repository: langgraph.json is not installed with the package."
        raise ConfigurationError(message)
    raise typer.Exit(asyncio.run(_serve(settings, port=port, browser=browser)))


async def _serve(settings: Settings, *, port: int, browser: bool) -> int:
    """The server's exit code. The embedded database is ours to hold: the server loads the graph anew for each run."""
    async with open_database(settings) as url:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "langgraph",
            *("dev", "--no-reload", "--port", str(port), "--config", str(_CONFIG)),
            *([] if browser else ["--no-browser"]),
            cwd=_CONFIG.parent,
            env={**os.environ, **_environment(settings, url)},
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.terminate)
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


def _environment(settings: Settings, url: str) -> Mapping[str, str]:
    """For the server's process; the recorded day unless the sources were chosen by name."""
    chosen = "sources" in settings.model_fields_set
    return {"DATABASE_URL": url, "GRIDWISE_SOURCES": settings.sources if chosen else "recorded"}
