"""Small inputs whose right answers can be worked out by hand: `data/*.jsonl`, one capability a file.

A file whose cases are all right belongs here; `python -m tests.cases FILE…` runs any file and prints what is not.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases.run import faults_of

DATA = Path(__file__).with_name("data")
KINDS = ("workload", "sources", "problem", "backtest")
CASES = [json.loads(line) for file in sorted(DATA.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]


@pytest.mark.anyio
@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if c["kind"] in KINDS])
async def test_the_answer_is_right(case: dict[str, Any]) -> None:
    assert await faults_of(case) == [], case["why"]
