"""`gridwise run`: the poller."""

from typing import Annotated

import typer

from graph.cli.options import AsJson


def run(
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="Print a line per workload, and stop when the queue is empty.")
    ] = False,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics and /healthz on this port.", min=0, max=65535)
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="With --until-empty on a terminal: show the log as well.")
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Hand runs to the LangGraph Server at this address, on the same database; sends LANGGRAPH_API_KEY.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Claim pending workloads, place them, write the recommendations back; until stopped.

    Ctrl-C and SIGTERM: each run finishes its step, the rest goes back to the queue unharmed; a second one stops at
    once. Exit code 130 after Ctrl-C, 0 after SIGTERM.
    """
    if server is not None and not server.startswith(("http://", "https://")):
        msg = f"--server: {server!r} is not an address such as http://127.0.0.1:2024."
        raise typer.BadParameter(msg)
    from graph.cli.polling import poll

    poll(until_empty=until_empty, metrics_port=metrics_port, verbose=verbose, server=server, as_json=as_json)
