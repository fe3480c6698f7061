"""The `gridwise` command. Exit codes: 0 done, 1 the thing asked about failed, 2 wrong usage or configuration,
130 interrupted."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from importlib.metadata import entry_points
from typing import Any, TypeVar

os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")  # read by langgraph at import: stored types are allow-listed

import typer

from graph.commands import demo, doctor, migrate, run, show, status, submit
from graph.settings import ConfigurationError
from tools.errors import GridwiseError

T = TypeVar("T")

app = typer.Typer(
    name="gridwise",
    help="Where in Great Britain, and when, should a compute workload run?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (run.run, demo.demo, submit.submit, show.show, status.status, migrate.migrate, doctor.doctor):
    app.command()(command)
