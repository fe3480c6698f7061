"""The shell blocks of the documentation, run as a reader would, in an empty folder with nothing installed but us."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.graph.command import OURS

ROOT = Path(__file__).parents[4]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
WALKS = [
    ("README.md", ["gridwise submit"]),
    ("docs/data-scientists.md", ["gridwise plan", 'submit "Nightly']),
    ("docs/data-scientists.md", ["rows.csv"]),
    ("docs/data-scientists.md", ["gridwise relax"]),
    ("docs/operations.md", ["kill -9"]),
]
"""The blocks that need neither a project nor a checkout, by a word in each, in their order; those of one walk in one
folder."""


def blocks(page: str, words: list[str]) -> str:
    found = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    chosen = [block for block in found if any(word in block for word in words) and "make " not in block]
    assert len(chosen) >= len(words), f"{page} no longer has what is walked through here"
    return "\n".join(chosen)


@pytest.mark.parametrize(("page", "words"), WALKS)
def test_what_is_printed_works(page: str, words: list[str], home: dict[str, Any]) -> None:
    script = blocks(page, words).replace(". .venv/bin/activate\n", "")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=home["cwd"],
        env={
            **inherited,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home["cwd"]),
            "GRIDWISE_DATA_DIR": home["GRIDWISE_DATA_DIR"],
            "GRIDWISE_SOURCES": "recorded",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
