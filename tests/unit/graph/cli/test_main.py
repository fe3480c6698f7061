"""What the command line itself promises: its commands, its exit codes, messages instead of tracebacks."""

import os
import subprocess
import sys

import pytest

from graph.cli.commands import COMMANDS
from graph.cli.lazy import load
from graph.cli.main import exit_code


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself_with_an_example(command, capsys):
    assert exit_code([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Usage" in shown
    assert f"  gridwise {command}" in shown


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_and_argument_has_help(command):
    assert [parameter.name for parameter in load(command).params if not parameter.help] == []


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["backtest"], ["show"], ["backtest", "--seeds", "x"], ["backtest", "--no-such-option"]]
)
def test_wrong_usage_is_one_line_and_ends_with_2(arguments, capsys):
    assert exit_code(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: ")
    assert "--help" in line


def test_a_mistyped_command_is_suggested(capsys):
    assert exit_code(["statsu"]) == 2
    assert "'status'" in capsys.readouterr().err


def test_a_file_that_is_not_a_trace_ends_with_1_and_names_it(tmp_path, capsys):
    path = tmp_path / "trace.csv"
    path.write_text("a,b\n1,2\n")
    assert exit_code(["backtest", "--trace", str(path)]) == 1
    assert str(path) in capsys.readouterr().err


def test_output_into_a_pipe_that_is_closed_ends_quietly():
    command = f"set -o pipefail; {sys.executable} -W error -m graph.cli migrate --print | head -1"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert found.stderr == ""
    assert found.returncode == 0
    assert len(found.stdout.splitlines()) == 1


def test_colour_is_left_out_where_no_color_is_set():
    found = subprocess.run(
        [sys.executable, "-m", "graph.cli", "nonsense"],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert "\x1b" not in found.stderr
