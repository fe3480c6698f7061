"""A user's machine on which nothing has run yet."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest


@pytest.fixture
def home() -> Iterator[dict[str, Any]]:
    """An empty home; not below pytest's folder, which the account that PostgreSQL runs under (as root) cannot enter."""
    with TemporaryDirectory(prefix="gridwise-home-") as folder:
        Path(folder).chmod(0o755)
        yield {"cwd": Path(folder), "GRIDWISE_DATA_DIR": f"{folder}/data"}
