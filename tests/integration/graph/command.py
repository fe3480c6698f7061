"""Runs `gridwise` as a user would: as a process of its own, with an environment of its own."""

import asyncio
import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

OURS = ("SUPABASE_", "DATABASE_URL", "GEMINI_", "GRIDWISE_", "NESO_", "OCTOPUS_", "WORKLOAD_", "MAX_WORKLOADS", "LANG")


@dataclass(frozen=True)
class Answer:
    """How the command ended."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Process:
    """A running command, with what tests use of `asyncio.subprocess.Process`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin: asyncio.StreamWriter | None = None
        self.stdout: asyncio.StreamReader | None = None
        self.stderr: asyncio.StreamReader | None = None
        self._end: asyncio.Task[None] | None = None

    def watch(self, exit_code: asyncio.StreamReader) -> None:
        async def until_it_ends() -> None:
            self.returncode = int(await exit_code.read())

        self._end = asyncio.create_task(until_it_ends())

    async def wait(self) -> int:
        assert self._end is not None
        await asyncio.shield(self._end)
        assert self.returncode is not None
        return self.returncode

    async def communicate(self, given: bytes = b"") -> tuple[bytes, bytes]:
        async def read(stream: asyncio.StreamReader | None) -> bytes:
            return b"" if stream is None else await stream.read()

        _, out, err, _ = await asyncio.gather(self._feed(given), read(self.stdout), read(self.stderr), self.wait())
        return out, err

    async def _feed(self, given: bytes) -> None:
        assert self.stdin is not None
        with contextlib.suppress(ConnectionError):  # it did not read all of it
            self.stdin.write(given)
            await self.stdin.drain()
        self.stdin.close()

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def _zygote() -> socket.socket:
    """One for all tests of this process; it ends with it."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.integration.graph.zygote", str(its.fileno())],
            cwd=Path(__file__).parents[3],
            env={**_inherited(), "OPENBLAS_NUM_THREADS": "1"},
            stdin=DEVNULL,
            pass_fds=[its.fileno()],
        )

    def leave() -> None:
        ours.close()
        process.wait()

    atexit.register(leave)
    return ours


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


async def start(
    *arguments: str, cwd: Path, stdout: IO[str] | int = PIPE, stderr: IO[str] | int = PIPE, **environment: str
) -> Process:
    """`gridwise ARGUMENTS…` in that folder, with none of our settings but those given."""
    order = {
        "arguments": arguments,
        "cwd": str(cwd),
        "environment": {**_inherited(), "HOME": str(cwd), "COLUMNS": "200", **environment},
    }
    given, feed = os.pipe()
    out, its_out = _stream(stdout)
    err, its_err = _stream(stderr)
    code, its_code = os.pipe()
    line = _zygote()
    socket.send_fds(line, [json.dumps(order).encode()], [given, its_out, its_err, its_code])
    for one in (given, its_out, its_err, its_code):
        os.close(one)
    process = Process(int(await asyncio.to_thread(line.recv, 64)))
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(feed, "wb", 0))
    process.stdin = asyncio.StreamWriter(transport, protocol, None, loop)
    process.stdout = None if out is None else await _reader(out)
    process.stderr = None if err is None else await _reader(err)
    process.watch(await _reader(code))
    return process


def _stream(wanted: IO[str] | int) -> tuple[int | None, int]:
    """Our end, if any, and the command's."""
    if wanted == PIPE:
        return os.pipe()
    if wanted == DEVNULL:
        return None, os.open(os.devnull, os.O_WRONLY)
    return None, os.dup(wanted if isinstance(wanted, int) else wanted.fileno())


async def _reader(end: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(end, "rb", 0))
    return reader


async def gridwise(*arguments: str, cwd: Path, given: str = "", **environment: str) -> Answer:
    process = await start(*arguments, cwd=cwd, **environment)
    try:
        async with asyncio.timeout(400):
            out, err = await process.communicate(given.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Answer(process.returncode, out.decode(), err.decode())
