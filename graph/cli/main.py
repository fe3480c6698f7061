"""The `gridwise` command. Exit codes: 0 done, 1 the thing asked about failed, 2 wrong usage or configuration,
130 interrupted."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from graph.cli.lazy import CommandUnavailable, LazyGroup, UsageError

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"gridwise {version('gridwise')}")
        raise typer.Exit


def make_app() -> typer.Typer:
    app = typer.Typer(
        name="gridwise",
        cls=LazyGroup,
        help="Where in Great Britain, and when, should a compute workload run?",
        epilog="`gridwise COMMAND --help` has the options of a command, with examples.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def root(
        version: Annotated[
            bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
        ] = False,
    ) -> None:
        pass

    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    code = exit_code(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_pipe()
    sys.exit(code)


def exit_code(arguments: Sequence[str] | None = None) -> int:
    try:
        result = make_app()(args=None if arguments is None else list(arguments), standalone_mode=False)
    except UsageError as error:
        return _wrong_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except CommandUnavailable as error:
        return _explain(str(error), USAGE)
    except BrokenPipeError:
        return _leave_pipe()
    except SystemExit as left:
        if isinstance(left.__context__, BrokenPipeError):  # typer ends so, with 1
            return _leave_pipe()
        raise
    except Exception as error:
        code = _code_of(error)
        if code is None:
            raise
        return _explain(str(error), code)
    return result if isinstance(result, int) else DONE


def _code_of(error: Exception) -> int | None:
    """Of an error with a message for people; None for one that is a fault of the program."""
    from graph.app.settings import ConfigurationError
    from persistence.errors import AccessDenied, InvalidWorkload, MigrationNeeded, SessionNeeded, StoreError
    from tools.errors import GridwiseError

    if isinstance(error, (ConfigurationError, MigrationNeeded, AccessDenied, SessionNeeded)):
        return USAGE
    return FAILED if isinstance(error, (GridwiseError, StoreError, InvalidWorkload)) else None


def _wrong_usage(error: Exception) -> int:
    """One line; without any argument, the help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()  # type: ignore[attr-defined]  # what mypy cannot see of a class found by name
        return USAGE
    command = "gridwise" if context is None else context.command_path
    message = error.format_message()  # type: ignore[attr-defined]
    stop = "" if message.endswith((".", "?")) else "."
    return _explain(f"Error: {message}{stop} See `{command} --help`.", USAGE)


def _leave_pipe() -> int:
    """Whoever read our output (`| head`) has read enough: what is left goes nowhere, quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _explain(message: str, code: int) -> int:
    typer.echo(message, err=True)
    return code
