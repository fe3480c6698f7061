"""A user's machine on which nothing has run yet; a poller's machine and database; a claim loop in this process."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from persistence.migrate import migrate
from tests.integration.graph.rig import Log, Rig


@pytest.fixture
def home() -> Iterator[dict[str, Any]]:
    """An empty home; not below pytest's folder, which the account that PostgreSQL runs under (as root) cannot enter."""
    with TemporaryDirectory(prefix="gridwise-home-") as folder:
        Path(folder).chmod(0o755)
        yield {"cwd": Path(folder), "GRIDWISE_DATA_DIR": f"{folder}/data"}


@pytest.fixture
async def machine(database_url: str, tmp_path: Path) -> dict[str, Any]:
    """For commands: the test's own database with the sample sites in it, and the recorded day."""
    await migrate(database_url, extras=("sample_assets",))
    return {"cwd": tmp_path, "DATABASE_URL": database_url, "GRIDWISE_SOURCES": "recorded"}


@pytest.fixture
async def log() -> Log:
    return Log()


@pytest.fixture
def rig(database_url: str, log: Log) -> Rig:
    return Rig(database_url, log)
