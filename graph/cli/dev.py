"""`gridwise dev`: LangGraph's development server with the graph in it."""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Final

import typer

from graph.app.settings import ConfigurationError, load_settings

_CHECKOUT: Final = Path(__file__).parents[2]
GRAPHS: Final = {
    "placement": (
        "graph",
        "Where in Great Britain, and when, should this workload run? Give the columns of its row.",
    ),
    "sample-training": (
        "sample_training",
        "Sample: four hours of nightly training in London that may wait until tomorrow. Needs no input.",
    ),
    "sample-scotland": (
        "sample_scotland",
        "Sample: a request in plain English, 'greenest, it must stay in Scotland'. Needs no input.",
    ),
    "sample-infeasible": (
        "sample_infeasible",
        "Sample: 30 hours of work due in 20 hours, which says what binds and what would do. Needs no input.",
    ),
}
"""Name → what `graph.web.studio` calls it, and its description."""


def dev(
    port: Annotated[int, typer.Option(help="Where the server listens, on 127.0.0.1.", min=1, max=65535)] = 2024,
    browser: Annotated[bool, typer.Option("--browser", help="Open Studio.")] = False,
) -> None:
    """Look inside the graph with LangGraph's development server: offline and without keys unless configured.

    The same as `langgraph dev` in a checkout.
    """
    if find_spec("langgraph_api") is None or find_spec("langgraph_cli") is None:
        message = "gridwise dev needs LangGraph's development server. Fix: pip install 'gridwise[dev]'"
        raise ConfigurationError(message)
    load_settings()  # what is wrong is said before the server starts
    checkout = _CHECKOUT / "langgraph.json"
    path = checkout if checkout.exists() else _written()
    program = str(Path(sys.executable).parent / "langgraph")
    arguments = ["dev", "--no-reload", "--port", str(port), "--config", str(path)]
    os.execv(program, [program, *arguments, *([] if browser else ["--no-browser"])])  # noqa: S606 (no shell is meant)


def config(studio: str) -> dict[str, object]:
    """What `langgraph.json` says; `studio` is the path of `graph/web/studio.py`."""
    return {
        "dependencies": ["."],
        "graphs": {
            name: {"path": f"{studio}:{variable}", "description": description}
            for name, (variable, description) in GRAPHS.items()
        },
        "checkpointer": {"path": f"{studio}:checkpointer"},
    }


def _written() -> Path:
    """The configuration for an installed package, which has no `langgraph.json`."""
    spec = find_spec("graph.web.studio")
    if spec is None or spec.origin is None:
        raise AssertionError  # it is a part of this package
    path = Path(mkdtemp(prefix="gridwise-dev-")) / "langgraph.json"
    path.write_text(json.dumps(config(spec.origin)), encoding="utf-8")
    return path
