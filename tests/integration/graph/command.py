"""Runs `gridwise` as a user would: as a process of its own, with an environment of its own."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
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


async def start(
    *arguments: str, cwd: Path, stdout: IO[str] | int = PIPE, stderr: IO[str] | int = PIPE, **environment: str
) -> Process:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "graph.cli",
        *arguments,
        cwd=cwd,
        env={**inherited, "HOME": str(cwd), "COLUMNS": "200", **environment},
        stdin=PIPE,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=_heed_interrupts,
    )


def _heed_interrupts() -> None:
    """A test run in a shell's background ignores SIGINT, and its children would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


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
