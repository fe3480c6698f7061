"""LangSmith gets the results where its key is set, and hears nothing otherwise."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from langsmith.utils import get_env_var

from graph.cli.main import exit_code
from tests.integration.evals.langsmith_server import serve


@pytest.fixture(autouse=True)
def environment_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """langsmith remembers its environment variables."""
    for name in ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY", "LANGSMITH_ENDPOINT", "LANGSMITH_TRACING"):
        monkeypatch.delenv(name, raising=False)
    get_env_var.cache_clear()
    yield
    monkeypatch.undo()
    get_env_var.cache_clear()


def evaluate(out: Path) -> int:
    return exit_code(["eval", "price cap", "--suite", "decisions", "--json", "--out", str(out)])


def test_without_a_key_nobody_is_contacted(tmp_path: Path, no_network: list[object]) -> None:
    assert evaluate(tmp_path) == 0


def test_with_a_key_cases_become_examples_and_results_an_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve() as (address, langsmith):
        monkeypatch.setenv("LANGSMITH_ENDPOINT", address)
        monkeypatch.setenv("LANGSMITH_API_KEY", "not-a-key")
        for run in (1, 2):
            assert evaluate(tmp_path) == 0
            report = json.loads((tmp_path / "report.json").read_text())
            expected = run * sum(len(case["scores"]) for case in report["cases"])
            scored = langsmith.feedback(expected, timeout_seconds=20)
    assert langsmith.dataset is not None
    assert langsmith.dataset["name"] == "gridwise evals"
    assert len(langsmith.examples) == 2, "the second run adds none"
    assert len(langsmith.sessions) == 2
    assert len(scored) == expected
    assert {feedback["key"] for feedback in scored} >= {"outcome", "regret", "limits told"}
    assert all(json.loads(line) for line in capsys.readouterr().out.splitlines())
