"""The real Gemini client against a server on this machine."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
