"""What a user wrote cannot forge, hide or colour a log line."""

import json
import subprocess
import sys

import pytest

HOSTILE = "evil\x1b[31m owner=me attempt=9\n2026-01-01 [info] forged \u202egnp\u202c \ud800"


def lines(log_format: str) -> list[str]:
    program = f"""
import structlog
from graph.app.logs import configure_logs
configure_logs({log_format!r})
log = structlog.get_logger().bind(name={HOSTILE!r})
log.info("Processing workload 1...", region="North Scotland", attempt=1)
log.info({HOSTILE!r})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return done.stderr.decode().splitlines()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_name_is_one_clean_value_on_one_line(log_format: str) -> None:
    found = lines(log_format)
    assert len(found) == 2
    for line in found:
        assert not {"\x1b", "\u202e", "\ud800", "\n"} & set(line)


def test_a_value_with_an_equals_sign_is_no_field_of_its_own() -> None:
    line = lines("text")[0]
    assert " attempt=1 " in f"{line} "
    assert "owner=me" in line.split("name='")[1].split("'")[0], "inside the quotes"
    assert "region='North Scotland'" in line


def test_json_keeps_names_as_values() -> None:
    entry = json.loads(lines("json")[0])
    assert entry["event"] == "Processing workload 1..."
    assert entry["name"].startswith("evil")
    assert entry["attempt"] == 1
    assert "owner" not in entry
