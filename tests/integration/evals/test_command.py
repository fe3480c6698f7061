"""`gridwise eval` as people and scripts run it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agents.text import summary
from evals.recordings.compare import compare
from evals.report.page import page
from evals.runner.suites import Options
from evals.runner.suites import run as run_suites
from graph import build
from graph.cli.main import exit_code


def run(*arguments: str, out: Path) -> int:
    return exit_code(["eval", *arguments, "--out", str(out)])


def test_all_passed_is_exit_code_0_and_writes_both_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], no_network: list[object]
) -> None:
    assert run("horizon", "--suite", "decisions", out=tmp_path) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert [case["verdict"] for case in report["cases"]] == ["passed"] * 4
    assert report["tokens_are_estimated"]
    assert report["cost"]["by_horizon"].keys() == {"12 h horizon", "24 h horizon", "48 h horizon"}
    html = (tmp_path / "report.html").read_text()
    assert "estimated" in html
    assert "<script" not in html
    assert "decisions\t4\t4\t0\t0" in capsys.readouterr().out


def test_json_is_one_object_a_case_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], no_network: list[object]
) -> None:
    assert run("cap", "--json", "--suite", "decisions", out=tmp_path) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all("cap" in record["case"] for record in records)
    assert {"suite", "case", "verdict", "calls", "input_tokens", "scores"} <= records[0].keys()


def test_a_changed_prompt_is_exit_code_2_with_the_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_network: list[object]
) -> None:
    chief = replace(build.HEAD, prompt=build.HEAD.prompt.replace("head agent", "chief agent"))
    monkeypatch.setattr(build, "HEAD", chief)
    assert run("medium urgency", "--suite", "decisions", out=tmp_path) == 2
    shown = capsys.readouterr().out
    assert "STALE decisions: medium urgency" in shown
    assert "chief agent" in shown
    assert "gridwise eval --record" in shown


def test_a_failed_case_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_network: list[object]
) -> None:
    monkeypatch.setattr(summary, "limits_kept", lambda *_arguments: None)
    assert run("all caps", "--suite", "decisions", out=tmp_path) == 1
    assert "limits told: " in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--suite", "nonsense"], ["no such case"], ["--compare", "main", "nowhere"]])
def test_wrong_usage_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], no_network: list[object]
) -> None:
    assert run(*arguments, out=tmp_path) == 2
    assert capsys.readouterr().err


@pytest.mark.anyio
async def test_two_recorded_sets_are_compared_case_by_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded from the stand-in, with one prompt and with another."""

    async def record(name: str) -> None:
        options = Options(suites=("decisions",), names=("medium urgency",), set_name=name, record=True, root=tmp_path)
        assert [result.passed async for result in run_suites(options)] == [True]

    await record("long")
    shorter = replace(build.HEAD, prompt=build.HEAD.prompt.partition("Everything after")[0])
    monkeypatch.setattr(build, "HEAD", shorter)
    await record("short")
    [difference] = compare("long", "short", tmp_path)
    assert difference.case == "medium urgency"
    assert difference.changed == ("input_tokens",)
    before, after = difference.before["input_tokens"], difference.after["input_tokens"]
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after < before


def test_the_page_escapes_what_others_wrote() -> None:
    bad = "<script>alert(1)</script>"
    case = {
        "suite": "misbehaviour", "case": bad, "about": bad, "verdict": "failed", "calls": 1, "input_tokens": 2,
        "output_tokens": 3, "stale": None, "error": bad, "summary": bad,
        "scores": [{"name": bad, "passed": False, "detail": bad}],
    }  # fmt: skip
    report = {
        "set": bad, "answered_by": [bad], "tokens_are_estimated": True, "cost": {}, "cases": [case],
        "totals": [{"suite": bad, "cases": 1, "passed": 0, "failed": 1, "stale": 0, "checks": 1, "seconds": 0}],
    }  # fmt: skip
    assert "<script" not in page(report)
