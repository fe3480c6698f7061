"""A group of commands that are listed from a table and imported when they are used."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from graph.cli.commands import COMMANDS, PLUGINS, SECTIONS, Command

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


UsageError: Final[type[Any]] = next(k for k in typer.BadParameter.__mro__ if k.__name__ == "UsageError")
"""Typer carries its own click; the installed click's class is another one and catches nothing."""


class CommandUnavailable(Exception):  # noqa: N818  says what happened
    """The command exists but cannot be loaded here. The message says what to install."""


class LazyGroup(TyperGroup):
    """Lists the table and the plugins; loads the one command that was asked for."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  typer's
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=command.help) for name, command in COMMANDS.items()}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  typer's own context class is private
        return [*COMMANDS, *_plugins()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """A stand-in with the line of help; `resolve_command` gives the command itself."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        plugin = _plugins().get(cmd_name)
        return None if plugin is None else TyperCommand(cmd_name, help=_of_plugin(plugin).help)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        if args and not args[0].startswith("-"):
            name, found, rest = super().resolve_command(ctx, args)  # before typer loads what converts values
            if name in COMMANDS and found is not None:
                _refuse_unknown_option(COMMANDS[name].options, rest, typer.Context(found, info_name=name, parent=ctx))
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401
        name, found, rest = super().resolve_command(ctx, args)
        return name, None if name is None or found is None else load(name), rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        plugins = {name: _of_plugin(plugin) for name, plugin in _plugins().items()}
        for title, commands in (*SECTIONS.items(), ("Added by other packages", plugins)):
            if commands:
                with formatter.section(title):
                    formatter.write_dl([(name, command.help) for name, command in commands.items()])


def _refuse_unknown_option(options: str | None, args: Sequence[str], context: typer.Context) -> None:
    """Raises typer's error of wrong usage. What else may be wrong is the command's own to say."""
    if options is None:
        return
    known = {option.rstrip("="): option.endswith("=") for option in (*options.split(), "--help")}
    remaining = iter(args)
    for arg in remaining:
        name, equals, _ = arg.partition("=")
        if arg == "--":
            return
        if name in known:
            if known[name] and not equals:
                next(remaining, None)  # its value, whatever that looks like
        elif name.startswith("--"):
            raise UsageError(_no_such_option(name, known), context)


def _no_such_option(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=3)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"No such option: {name}.{meant}"


def load(name: str) -> Any:  # noqa: ANN401  typer's command class is private
    """Import a command of the table or of a plugin.

    Raises:
        CommandUnavailable: something that it needs is not installed, or a plugin is broken.
    """
    command = COMMANDS.get(name) or _of_plugin(_plugins()[name])
    module, _, function = command.target.partition(":")
    try:
        callback = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        raise CommandUnavailable(_missing(name, command, error)) from error
    except Exception as error:
        if name in COMMANDS:
            raise
        msg = f"gridwise {name} comes from another package and cannot be loaded: {error}"
        raise CommandUnavailable(msg) from error
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    command_class = getattr(callback, "command_class", None)  # one that reads its arguments in a way of its own
    app.command(name, cls=command_class, epilog=_examples(command))(callback)
    return typer.main.get_command(app)


def _plugins() -> "Mapping[str, EntryPoint]":
    from importlib.metadata import entry_points  # reads every installed package's metadata

    return {plugin.name: plugin for plugin in entry_points(group=PLUGINS) if plugin.name not in COMMANDS}


def _of_plugin(plugin: "EntryPoint") -> Command:
    package = "another package" if plugin.dist is None else plugin.dist.name
    target = f"{plugin.module}:{plugin.attr}"
    extra = next(iter(plugin.extras), "")
    return Command(target, f"Added by {package}.", (), extra)


def _examples(command: Command) -> str | None:
    """\\b keeps the lines as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in command.examples) if command.examples else None


def _missing(name: str, command: Command, error: ModuleNotFoundError) -> str:
    wanted = f"gridwise {name} needs the package {error.name}, which is not installed"
    fix = f"gridwise[{command.extra}]" if command.extra else "gridwise"
    return f"{wanted}. Fix: pip install '{fix}'"
