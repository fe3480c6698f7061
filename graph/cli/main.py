"""The `gridwise` command. Exit codes: 0 done, 1 the thing asked about failed, 2 wrong usage or configuration,
130 interrupted."""

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Final

import typer

from graph.app.settings import ConfigurationError
from graph.cli import backtest, demo, dev, doctor, explain, history, migrate, retry, run, show, status, submit
from persistence.errors import AccessDenied, MigrationNeeded, SessionNeeded, StoreError
from tools.errors import GridwiseError

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

UsageError: Final[type[Exception]] = next(k for k in typer.BadParameter.__mro__ if k.__name__ == "UsageError")
"""Typer carries its own click; the installed click's class is another one and catches nothing."""

COMMANDS: Final = (
    run.run,
    demo.demo,
    submit.submit,
    show.show,
    status.status,
    history.history,
    retry.retry,
    migrate.migrate,
    doctor.doctor,
    dev.dev,
    backtest.backtest,
)
PLUGINS: Final = "gridwise.commands"
"""Entry points of commands that this package must not know, such as the evals'."""


def make_app() -> typer.Typer:
    app = typer.Typer(
        name="gridwise",
        help="Where in Great Britain, and when, should a compute workload run?",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    for command in COMMANDS:
        app.command()(command)
    app.command("explain")(explain.explain_workload)
    for plugin in entry_points(group=PLUGINS):
        app.command(plugin.name)(plugin.load())
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    sys.exit(exit_code(arguments))


def exit_code(arguments: Sequence[str] | None = None) -> int:
    try:
        result = make_app()(args=None if arguments is None else list(arguments), standalone_mode=False)
    except UsageError as error:
        error.show()  # type: ignore[attr-defined]  # what mypy cannot see of a class found by name
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (ConfigurationError, MigrationNeeded, AccessDenied, SessionNeeded) as error:
        return _explain(error, USAGE)
    except (GridwiseError, StoreError) as error:
        return _explain(error, FAILED)
    return result if isinstance(result, int) else DONE


def _explain(error: Exception, code: int) -> int:
    typer.echo(str(error), err=True)
    return code


if __name__ == "__main__":
    main()
