"""A real pgbouncer in front of the session's server."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from psycopg.conninfo import conninfo_to_dict

from persistence.connections.embedded import Server
from tests.conftest import Cluster, temporary_folder

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
CONFIGURATION = """
[databases]
* = host={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
query_wait_timeout = {wait_seconds}
logfile = {folder}/log
pidfile = {folder}/pid
"""


@contextlib.contextmanager
def pooled(
    cluster: Cluster,
    url: str,
    *,
    mode: Literal["transaction", "session"] = "transaction",
    size: int = 3,
    wait_seconds: int = 120,
) -> Iterator[str]:
    """The database at `url` through pgbouncer: `size` server connections for however many clients."""
    configuration = {"mode": mode, "size": size, "wait_seconds": wait_seconds}
    if PROGRAM is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    with temporary_folder() as folder, _running(cluster.server, folder, configuration) as port:
        yield f"postgresql://postgres@127.0.0.1:{port}/{conninfo_to_dict(url)['dbname']}"


@contextlib.contextmanager
def _running(server: Server, folder: Path, configuration: dict[str, object]) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = folder / "pgbouncer.ini"
    file.write_text(CONFIGURATION.format(server=server.socket, port=port, folder=folder, **configuration))
    account = server.account or pwd.getpwuid(os.geteuid()).pw_name
    if server.account:
        shutil.chown(folder, account)
    process = subprocess.Popen(
        [str(PROGRAM), *(["-u", account] if server.account else []), "-q", str(file)], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait()
