"""`gridwise mcp`: the tools of the Model Context Protocol, over standard input and output or HTTP."""

import asyncio
from typing import Annotated

import typer

from graph.app.settings import load_settings
from graph.web.mcp import make_server


def mcp(
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP on 127.0.0.1 instead of standard input and output.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="For --http.")] = 8765,
) -> None:
    """Serve plan, submit, list, show, relax and cancel to assistants and editors."""
    load_settings()  # a wrong setting is reported now, not at the first call
    server = make_server()
    if http:
        typer.echo(f"http://127.0.0.1:{port}/mcp", err=True)
        asyncio.run(server.run_streamable_http_async(host="127.0.0.1", port=port))
    else:
        asyncio.run(server.run_stdio_async())
