"""What people do by hand: submit, list, cancel, purge, relax; ids by their first digits or by name."""

from typing import Any

import pytest

from tests.integration.graph.command import gridwise

pytestmark = pytest.mark.anyio


async def submitted(name: str, machine: dict[str, Any], *options: str) -> str:
    answer = await gridwise("submit", name, *options, "--json", **machine)
    assert answer.code == 0, answer.err
    return str(answer.records[0]["id"])


async def test_a_workload_is_found_by_digits_or_name_and_what_fits_several_is_refused(machine: dict[str, Any]) -> None:
    first = await submitted("night", machine)
    second = await submitted("night", machine)
    other = await submitted("Nightly training", machine)
    for reference in (other, other[:8], other.replace("-", "")[:12].upper(), "Nightly training"):
        answer = await gridwise("show", reference, "--json", **machine)
        assert answer.records[0]["id"] == other, answer.err
    several = await gridwise("cancel", "night", **machine)
    assert several.code == 1
    assert first[:8] in several.err
    assert second[:8] in several.err
    none = await gridwise("show", "training", **machine)
    assert none.code == 1
    assert f"Did you mean: {other[:8]} Nightly training?" in none.err


async def test_the_list_is_newest_first_and_filtered_and_finished_workloads_can_be_purged(
    machine: dict[str, Any],
) -> None:
    ids = [await submitted(name, machine) for name in ("one", "two", "three")]
    listed = (await gridwise("list", "--json", **machine)).records
    assert [row["id"] for row in listed] == ids[::-1]
    cancelled = await gridwise("cancel", ids[0][:8], "three", "--json", **machine)
    assert [row["id"] for row in cancelled.records] == [ids[0], ids[2]]
    again = await gridwise("cancel", ids[0], **machine)
    assert again.code == 1
    assert "left alone" in again.err
    assert [row["id"] for row in (await gridwise("list", "--state", "waiting", "--json", **machine)).records] == [
        ids[1]
    ]
    assert (await gridwise("list", "--name", "WO", "--json", **machine)).records[0]["id"] == ids[1]
    counted = await gridwise("purge", "--dry-run", "--json", **machine)
    assert counted.records == [{"deleted": 0, "matched": 2}]
    assert (await gridwise("purge", "--older-than", "1d", "--yes", "--json", **machine)).records[0]["deleted"] == 0
    assert (await gridwise("purge", "--yes", "--json", **machine)).records[0]["deleted"] == 2
    assert [row["id"] for row in (await gridwise("list", "--json", **machine)).records] == [ids[1]]


async def test_a_run_prints_a_line_per_workload_and_a_failure_can_be_relaxed(machine: dict[str, Any]) -> None:
    narrow = {**machine, "COLUMNS": "80"}
    failing = await submitted("too cheap", machine, "--hours", "3", "--deferral-mins", "600", "--max-price", "0.0001")
    await submitted("quiet night", machine, "--hours", "2", "--deferral-mins", "600")
    run = await gridwise("run", "--until-empty", **narrow)
    assert run.code == 0, run.err
    lines = run.out.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("too cheap  failed: ") for line in lines)
    assert "1 placed, 1 failed" in run.err
    shown = await gridwise("show", "too cheap", **machine)
    assert shown.code == 1
    assert "1. max_price_gbp" in shown.out
    assert (await gridwise("relax", "too cheap", "9", **machine)).code == 1
    relaxed = await gridwise("relax", failing[:8], "1", **machine)
    assert relaxed.code == 0, relaxed.err
    assert (await gridwise("run", "--until-empty", **narrow)).code == 0
    assert (await gridwise("show", "too cheap", **machine)).code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--gpu-mins", "-4"], "--gpu-mins: -4 is negative"),
        (["--hours", "0"], "--hours: 0 is not a duration"),
        (["--max-price", "nan"], "--max-price"),
        (["--deadline", "2020-01-01 09:00"], "--deadline: 2020-01-01 09:00 has passed"),
        (["--deadline", "whenever"], "--deadline"),
    ],
)
async def test_a_wrong_value_is_refused_at_its_option(machine: dict[str, Any], options: list[str], words: str) -> None:
    answer = await gridwise("submit", "x", *options, **machine)
    assert answer.code == 2
    assert words in answer.err
    assert len(answer.err.splitlines()) == 1


async def test_submit_says_what_it_assumes_and_how_it_read_a_local_time(machine: dict[str, Any]) -> None:
    answer = await gridwise("submit", "x", "--deadline", "2090-07-01 09:00", "--host-dc", "Atlantis", **machine)
    assert answer.code == 0, answer.err
    assert answer.out.strip().startswith(answer.err.split("gridwise show ")[1][:8])
    for words in ("09:00 BST (UK time)", "No duration was given", "host_dc", "Energy is estimated"):
        assert words in answer.err
