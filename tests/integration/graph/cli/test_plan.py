"""`gridwise plan` as a user calls it: from an empty folder, with nothing set up."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.graph.command import gridwise

pytestmark = pytest.mark.anyio


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, Any]:
    return {"cwd": tmp_path, "GRIDWISE_SOURCES": "recorded", "COLUMNS": "80"}


async def test_an_answer_from_an_empty_folder_leaves_nothing_behind(empty: dict[str, Any]) -> None:
    answer = await gridwise("plan", "--hours", "4", "--gpus", "2", "--by", "tomorrow 09:00", "--chart", **empty)
    assert answer.code == 0, answer.err
    assert "(UK time)" in answer.out.splitlines()[0]
    assert max(len(line) for line in answer.out.splitlines()) <= 80
    assert "Alternatives" in answer.out
    assert "*" in answer.out.split("by the hour")[1]
    assert list(empty["cwd"].iterdir()) == []


async def test_json_has_the_columns_the_alternatives_and_the_reading(empty: dict[str, Any]) -> None:
    answer = await gridwise(
        "plan", "--hours", "2", "--request", "It must stay in Scotland.", "--top", "5", "--json", **empty
    )
    (record,) = answer.records
    assert record["recommended_region"] in ("North Scotland", "South Scotland")
    assert record["recommended_time_window_start"] < record["recommended_time_window_end"]
    assert record["alternatives"]
    assert {"region", "start", "end", "cost_gbp"} <= record["alternatives"][0].keys()
    assert json.dumps(record["request_reading"]["constraints"]).count("Scotland")
    assert len(record["options"]) == 5
    assert answer.err == ""


@pytest.mark.parametrize("place", ["London", "SW1A 1AA", "E1"])
async def test_one_place_is_enough_for_when(empty: dict[str, Any], place: str) -> None:
    answer = await gridwise("plan", "--hours", "1", "--region", place, "--json", **empty)
    (record,) = answer.records
    assert record["recommended_region"] == "London"
    assert {one["region"] for one in record["alternatives"]} == {"London"}


async def test_where_nothing_fits_the_relaxations_are_numbered(empty: dict[str, Any]) -> None:
    limits = ("--hours", "6", "--by", "in 3 hours")
    answer = await gridwise("plan", *limits, **empty)
    assert answer.code == 1
    assert "\n1. deadline" in answer.out
    (record,) = (await gridwise("plan", *limits, "--json", **empty)).records
    assert (record["status"], record["binding"]) == ("failed", "deadline")
    assert [one["n"] for one in record["relaxations"]] == list(range(1, len(record["relaxations"]) + 1))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--by", "someday"), "--deadline"),
        (("--region", "Atlantis"), "Atlantis"),
        (("--hours", "-3"), "--hours"),
        (("--gpus", "2"), "--gpus"),
    ],
)
async def test_wrong_usage_is_named(empty: dict[str, Any], arguments: tuple[str, ...], named: str) -> None:
    answer = await gridwise("plan", *arguments, **empty)
    assert answer.code == 2
    assert named in answer.err
    assert "Traceback" not in answer.err


async def test_a_format_is_all_that_is_printed(empty: dict[str, Any]) -> None:
    answer = await gridwise("plan", "Nightly", "--hours", "4", "--format", "sbatch", **empty)
    assert answer.out.startswith("#!/bin/bash\n#SBATCH --job-name=nightly\n#SBATCH --begin=20")


async def test_a_page_is_written(empty: dict[str, Any]) -> None:
    answer = await gridwise("plan", "--hours", "1", "--html", "plan.html", **empty)
    assert answer.code == 0, answer.err
    assert (empty["cwd"] / "plan.html").read_text().startswith("<!doctype html>")
