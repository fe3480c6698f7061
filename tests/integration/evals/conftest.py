"""The eval suites as tests: from recordings, with LangSmith told to stay out of it."""

import os
import socket
from collections.abc import Iterator

import pytest

if not any(os.environ.get(name) for name in ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY")):
    os.environ.setdefault("LANGSMITH_TEST_TRACKING", "false")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Every attempt to connect anywhere, 127.0.0.1 included, fails and is noted."""
    attempts: list[object] = []

    def refuse(_socket: socket.socket, address: object) -> None:
        attempts.append(address)
        msg = f"a connection to {address} was tried"
        raise OSError(msg)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    yield attempts
    assert attempts == []
