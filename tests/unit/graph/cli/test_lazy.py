"""What a command imports: nothing that it does not use, counted in a fresh interpreter."""

import json
import subprocess
import sys

import pytest

from graph.cli.commands import COMMANDS, Command
from graph.cli.lazy import load
from graph.cli.main import exit_code

HEAVY = {"agents", "evals", "google", "langchain_core", "langgraph", "numpy", "psycopg", "pydantic", "supabase"}
MODULES_OF_HELP = 130
"""Beyond `import typer, rich`; the standard library's included."""
PROGRAM = """
import json, sys, typer, rich
before = set(sys.modules)
from graph.cli.main import exit_code
try:
    {call}
finally:
    print("\\n" + json.dumps(sorted(set(sys.modules) - before)))
"""


def imported(call):
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(call=call)], capture_output=True, text=True, timeout=60
    )
    return json.loads(found.stdout.splitlines()[-1])


def test_help_version_and_wrong_usage_import_next_to_nothing():
    given = [["--help"], ["--version"], ["statsu"], ["--nonsense"], ["submit", "--nope"]]
    modules = imported(f"for arguments in {given}: exit_code(arguments)")
    assert not HEAVY & {name.partition(".")[0] for name in modules}
    assert len(modules) <= MODULES_OF_HELP


LIGHT = ("plan", "submit", "list", "status", "show", "run")
"""Commands whose help is asked for most."""


def test_the_help_of_a_common_command_imports_nothing_but_its_options():
    modules = imported(f"for name in {LIGHT}: exit_code([name, '--help'])")
    assert not (HEAVY - {"pydantic"}) & {name.partition(".")[0] for name in modules}  # typer converts values with it
    assert not [name for name in modules if name.startswith(("graph.app", "graph.views", "persistence.store"))]


def test_a_command_of_the_queue_loads_neither_langgraph_nor_a_model_nor_the_evals():
    modules = imported("from graph.cli.lazy import load; [load(c) for c in ('submit', 'show', 'status', 'retry')]")
    used = {name.partition(".")[0] for name in modules}
    assert "psycopg" in used
    assert not {"evals", "google", "langchain_core", "langchain_google_genai", "langgraph", "numpy"} & used


def test_every_command_can_be_loaded():
    assert {load(name).name for name in COMMANDS} == set(COMMANDS)


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.options is not None])
def test_the_listed_options_are_those_of_the_command(name):
    own = [option for option in load(name).params if option.param_type_name == "option"]
    spelled = {text + "=" * (not option.is_flag) for option in own for text in (*option.opts, *option.secondary_opts)}
    assert set(COMMANDS[name].options.split()) == spelled
    assert all(option.nargs == 1 for option in own)


def test_a_wrong_option_is_refused_with_the_near_ones_and_a_value_is_not_taken_for_one(capsys):
    assert exit_code(["submit", "x", "--request", "--nope", "--hour=3"]) == 2
    assert capsys.readouterr().err.startswith("Error: No such option: --hour. Did you mean --hours")


def test_what_follows_the_dashes_is_not_judged(capsys):
    assert exit_code(["wait", "--hours", "-1", "--", "true", "--nope"]) == 2
    assert "--hours: -1 is not a duration" in capsys.readouterr().err


def test_a_run_without_a_key_does_not_import_the_client_of_gemini():
    runs = "graph.app.runtime, graph.app.oneshot, graph.worker.worker"
    modules = imported(f"import {runs}; from agents.model.clients import Models; Models.offline()")
    assert not {name for name in modules if name.startswith(("langchain_google_genai", "google.genai"))}


def test_a_command_whose_extra_is_missing_says_so_and_leaves_the_others_alone(monkeypatch, capsys):
    monkeypatch.setitem(COMMANDS, "eval", Command("no_such_package.command:run", "Judge.", (), extra="dev"))
    assert exit_code(["eval"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no_such_package" in line
    assert "pip install 'gridwise[dev]'" in line
    assert exit_code(["submit", "--help"]) == 0


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A package that adds two commands, installed as pip leaves it."""
    (tmp_path / "their_package.py").write_text(
        "import typer\n"
        "def greet(name: str = typer.Option('you', help='Whom.')) -> None:\n"
        "    typer.echo(f'hello {name}')\n"
    )
    metadata = tmp_path / "their_package-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[gridwise.commands]\ngreet = their_package:greet\n"
        "broken = their_package:missing\nstatus = their_package:greet\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_another_package_adds_a_command_that_is_loaded_when_used(plugin, capsys):
    assert exit_code(["--help"]) == 0
    assert "Added by their-package" in capsys.readouterr().out
    assert "their_package" not in sys.modules
    assert exit_code(["greet", "--name", "grid"]) == 0
    assert "hello grid" in capsys.readouterr().out


def test_a_broken_plugin_is_one_line_and_cannot_take_the_place_of_a_command(plugin, capsys):
    assert exit_code(["broken"]) == 2
    assert "another package" in capsys.readouterr().err
    assert exit_code(["status", "--help"]) == 0
    assert "--watch" in capsys.readouterr().out
