"""A Python that has imported the commands, and forks one off whenever it is asked to: each is a process with arguments,
environment, folder, streams and signals of its own, and only the second of importing is saved."""

import atexit
import contextlib
import gc
import io
import json
import os
import signal
import socket
import sys
import time
import traceback
from typing import Any

from graph.cli.commands import COMMANDS
from graph.cli.lazy import load
from graph.cli.main import main

LARGEST_ORDER = 1 << 20


def serve(line: socket.socket) -> None:
    """Orders are JSON with four descriptors: the command's standard streams, and where its exit code is written to."""
    waiting: dict[int, int] = {}
    signal.signal(signal.SIGCHLD, lambda *_: _reap(waiting))
    while True:
        order, streams, _, _ = socket.recv_fds(line, LARGEST_ORDER, 4)
        if not order:
            return
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            line.close()
            _become(json.loads(order), streams)
        waiting[pid] = streams[3]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        for stream in streams[:3]:
            os.close(stream)
        line.send(str(pid).encode())


def _reap(waiting: dict[int, int]) -> None:
    for pid in list(waiting):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            answer = waiting.pop(pid)
            with contextlib.suppress(BrokenPipeError):  # nobody wants to know
                os.write(answer, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(answer)


def _become(order: dict[str, Any], streams: list[int]) -> None:
    """The command. Does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
    os.closerange(3, max(streams) + 1)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    sys.argv = ["gridwise", *order["arguments"]]
    sys.modules["__main__"].__package__ = ""  # messages call the program by its name
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace", line_buffering=True
    )
    code: object = 1
    try:
        main(order["arguments"])
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else code is not None)


if __name__ == "__main__":
    for name in COMMANDS:
        load(name)
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as line:
        serve(line)
