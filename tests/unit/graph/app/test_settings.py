"""A wrong setting is named with its value and the fix; secrets never show."""

import os

import pytest

from graph.app.settings import ConfigurationError, load_settings
from tests.integration.graph.command import OURS


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("WORKLOAD_POLL_INTERVAL", "soon", "WORKLOAD_POLL_INTERVAL='soon'"),
        ("MAX_WORKLOADS_PER_CYCLE", "0", "MAX_WORKLOADS_PER_CYCLE='0'"),
        ("GRIDWISE_LEASE_SECONDS", "1", "GRIDWISE_LEASE_SECONDS='1'"),
        ("GRIDWISE_SOURCES", "guess", "GRIDWISE_SOURCES='guess'"),
        ("SUPABASE_URL", "my-project", "SUPABASE_URL='my-project'"),
        ("GRIDWISE_MODEL_RPM", "-3", "GRIDWISE_MODEL_RPM='-3'"),
    ],
)
def test_a_wrong_value_is_named_with_its_fix(monkeypatch, variable, value, shown):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    lines = [line for line in str(caught.value).splitlines() if line.startswith(shown)]
    assert len(lines) == 1
    assert "Fix: " in lines[0]


def test_a_secret_is_masked(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db/x")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    assert "DATABASE_URL=(hidden)" in str(caught.value)


def test_a_supabase_address_without_its_key_is_refused(monkeypatch):
    monkeypatch.setenv("SUPABASE_URL", "https://abc.supabase.co")
    with pytest.raises(ConfigurationError, match="SUPABASE_KEY is missing"):
        load_settings()


def test_gemini_by_name_needs_a_key(monkeypatch):
    monkeypatch.setenv("GRIDWISE_MODEL", "gemini")
    with pytest.raises(ConfigurationError, match="needs GEMINI_API_KEY"):
        load_settings()


def test_auto_means_gemini_exactly_where_a_key_is_set(monkeypatch):
    assert load_settings().model_kind == "offline"
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    assert load_settings().model_kind == "gemini"
    monkeypatch.setenv("GRIDWISE_MODEL", "offline")
    assert load_settings().model_kind == "offline"


def test_dotenv_is_read_and_the_environment_wins(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("MAX_WORKLOADS_PER_CYCLE=7\nWORKLOAD_POLL_INTERVAL=3\n", encoding="utf-8")
    monkeypatch.setenv("WORKLOAD_POLL_INTERVAL", "4")
    settings = load_settings()
    assert (settings.concurrency, settings.poll_interval_seconds) == (7, 4)
