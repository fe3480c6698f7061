"""What the command line itself promises: its commands, its exit codes, messages instead of tracebacks."""

import pytest

from graph.cli.main import exit_code

COMMANDS = ("run", "demo", "submit", "show", "status", "migrate", "doctor", "dev", "backtest", "explain", "eval")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    assert exit_code([command, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["backtest"], ["show", "not-a-uuid"], ["backtest", "--seeds", "x"]]
)
def test_wrong_usage_is_told_in_a_line_and_ends_with_2(arguments, capsys):
    assert exit_code(arguments) == 2
    assert "Error" in capsys.readouterr().err


def test_a_file_that_is_no_trace_ends_with_1_and_names_it(tmp_path, capsys):
    path = tmp_path / "trace.csv"
    path.write_text("a,b\n1,2\n")
    assert exit_code(["backtest", "--trace", str(path)]) == 1
    assert str(path) in capsys.readouterr().err
