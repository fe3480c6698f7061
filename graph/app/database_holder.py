"""`python -m graph.app.database_holder`: keeps the embedded database running for the process that reads our output.

A process of its own, for a server whose event loop allows no blocking call. It ends when its standard input does,
however the other process ended. Prints one line: the database's URL, or `error: ` and why there is none.
"""

import asyncio
import subprocess
import sys
from typing import Final

from graph.app.database import open_database
from graph.app.settings import ConfigurationError, load_settings
from persistence.errors import StoreError

_ERROR: Final = "error: "


def hold_database() -> str:
    """Start the holder; the URL. It lives as long as this process, or until nobody holds what this returns.

    Raises:
        ConfigurationError: the embedded database does not start.
    """
    holder = subprocess.Popen(
        [sys.executable, "-m", "graph.app.database_holder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C ends the server first
    )
    _HOLDERS.append(holder)
    line = "" if holder.stdout is None else holder.stdout.readline().strip()
    if not line or line.startswith(_ERROR):
        raise ConfigurationError(line.removeprefix(_ERROR) or "The embedded database did not start.")
    return line


_HOLDERS: Final[list[subprocess.Popen[str]]] = []
"""Alive as long as their standard input is open: until this process ends."""


async def _hold() -> None:
    try:
        async with open_database(load_settings()) as url:
            print(url, flush=True)  # noqa: T201 (for the process that started us)
            await asyncio.to_thread(sys.stdin.read)
    except (StoreError, ConfigurationError) as error:
        print(f"{_ERROR}{error}".replace("\n", " "), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_hold())
