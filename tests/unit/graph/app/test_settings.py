"""A wrong setting is named with its value and the fix; secrets never show."""

import os

import pytest

from graph.app.settings import ConfigurationError, load_settings, unknown_settings
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


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("GEMINI_BASE_URL=https://collector.example", "GEMINI_API_KEY"),
        ("gemini_base_url=https://collector.example", "GEMINI_API_KEY"),
        ("SUPABASE_URL=https://abc.example", "SUPABASE_KEY"),
        ("DATABASE_URL=postgresql://me@db.example/x", "PGPASSWORD"),
    ],
)
def test_a_key_is_not_sent_where_only_the_folder_says(monkeypatch, tmp_path, address, key):
    (tmp_path / ".env").write_text(address, encoding="utf-8")
    monkeypatch.setenv(key, "hunter2")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    name = address.split("=")[0].upper()
    assert str(caught.value).startswith(f"{name} comes from .env in this folder and {key} from the environment")
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("GRIDWISE_ENV_FILE", ".env")
    load_settings()


def test_a_key_of_the_environment_beside_the_files_pair_is_refused_too(monkeypatch, tmp_path):
    """The environment wins: its key would go to the file's address."""
    (tmp_path / ".env").write_text("GEMINI_BASE_URL=https://x.example\nGEMINI_API_KEY=theirs\n", encoding="utf-8")
    load_settings()
    monkeypatch.setenv("GEMINI_API_KEY", "ours")
    with pytest.raises(ConfigurationError, match=r"comes from \.env"):
        load_settings()


@pytest.mark.parametrize(
    ("dotenv", "environment"),
    [
        ("GEMINI_API_KEY=k", {"GEMINI_BASE_URL": "https://proxy.example"}),
        ("MAX_WORKLOADS_PER_CYCLE=7", {"GEMINI_BASE_URL": "https://proxy.example", "GEMINI_API_KEY": "k"}),
        ("GEMINI_BASE_URL=https://proxy.example", {}),
        ("DATABASE_URL=postgresql://me:secret@db.example/x", {"PGPASSWORD": "another"}),
        ("GEMINI_BASE_URL=https://a.example", {"GEMINI_BASE_URL": "https://b.example", "GEMINI_API_KEY": "k"}),
    ],
)
def test_what_gives_nothing_away_is_read_as_before(monkeypatch, tmp_path, dotenv, environment):
    (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    load_settings()


def test_a_file_that_is_named_and_missing_is_an_error(monkeypatch):
    monkeypatch.setenv("GRIDWISE_ENV_FILE", "nowhere.env")
    with pytest.raises(ConfigurationError, match=r"GRIDWISE_ENV_FILE='nowhere.env': there is no such file"):
        load_settings()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hunt/er2@db.example/x",
        "postgresql://me:hunt@er2@db.example/x",
        "postgresql://me:hunt%er2@db.example/x",
        "postgresql://me:hunter2@db.example:hunter2/x",
        "postgresql://me:hunter2@db.example/x?hunter2",
        "postgresql://me:hunter2@[db.example/x",
    ],
)
def test_no_part_of_a_password_that_tears_the_address_apart_is_shown(monkeypatch, address):
    monkeypatch.setenv("DATABASE_URL", address)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "hunt" not in str(caught.value)
    assert "er2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("variable", ["GEMINI_BASE_URL", "SUPABASE_URL", "NESO_BASE_URL"])
def test_credentials_in_an_address_are_masked(monkeypatch, variable):
    monkeypatch.setenv(variable, "https://me:hunter2@host:port/")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_no_secret_in_a_representation(monkeypatch):
    for name, value in {
        "DATABASE_URL": "postgresql://me:hunter2@db.example/x",
        "GEMINI_API_KEY": "hunter2",
        "GEMINI_BASE_URL": "https://me:hunter2@proxy.example",
        "SUPABASE_URL": "https://me:hunter2@abc.example",
        "SUPABASE_KEY": "hunter2",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings)


def test_a_misspelt_setting_is_told_with_the_nearest_name(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("WORKLOAD_POLL_INTERVALL=3\nSUPABASE_SERVICE_ROLE_KEY=x\n", encoding="utf-8")
    monkeypatch.setenv("GRIDWISE_LEASE_SECOND", "30")
    monkeypatch.setenv("GRIDWISE_SOURCES", "live")
    assert unknown_settings() == [
        "GRIDWISE_LEASE_SECOND is not a setting and has no effect. The nearest name is GRIDWISE_LEASE_SECONDS.",
        "WORKLOAD_POLL_INTERVALL is not a setting and has no effect. The nearest name is WORKLOAD_POLL_INTERVAL.",
    ]


def test_health_is_served_to_this_machine_alone_unless_said_otherwise(monkeypatch):
    assert load_settings().metrics_host == "127.0.0.1"
    monkeypatch.setenv("GRIDWISE_METRICS_HOST", "0.0.0.0")
    assert load_settings().metrics_host == "0.0.0.0"
