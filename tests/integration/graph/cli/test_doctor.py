"""`gridwise doctor` and `gridwise migrate` by what DATABASE_URL leads to."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.cli.main import exit_code
from persistence.connections import pooler
from tests.conftest import Cluster
from tests.pgbouncer import pooled


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Recorded figures, a quick pooler test, and that database."""

    def configure(url: str) -> None:
        for name, value in {"GRIDWISE_SOURCES": "recorded", "WORKLOAD_POLL_INTERVAL": "7", "DATABASE_URL": url}.items():
            monkeypatch.setenv(name, value)
        for name in ("SUPABASE_URL", "SUPABASE_KEY", "GEMINI_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(pooler, "PATIENCE_SECONDS", 1)

    return configure


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    exit_code(["doctor", "--json"])
    return {finding["part"]: finding for finding in map(json.loads, capsys.readouterr().out.splitlines())}


def test_the_doctor_says_what_a_transaction_pooler_costs_and_migrate_refuses_it(
    cluster: Cluster, database_url: str, configured: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pooled(cluster, database_url) as url:
        configured(url)
        found = findings(capsys)
        assert exit_code(["migrate"]) == 2
        assert "is a transaction pooler" in capsys.readouterr().err
        assert exit_code(["migrate", "--check"]) == 0
    assert found["pooler"]["state"] == "warning"
    assert "waits for the next poll, up to 7 s" in found["pooler"]["found"]
    assert found["migrations"] == {"part": "migrations", "state": "ok", "found": "current", "fix": ""}


def test_the_doctor_has_nothing_to_say_about_a_direct_connection(
    database_url: str, configured: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    configured(database_url)
    found = findings(capsys)
    assert "checkpoints" in found
    assert "pooler" not in found
