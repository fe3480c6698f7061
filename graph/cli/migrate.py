"""`gridwise migrate`: bring the database up to date, or say whether it is."""

import asyncio
from typing import Annotated

import typer
from pydantic import JsonValue

from graph.app.database import SAMPLE_CATALOGUE, database_server
from graph.app.settings import ConfigurationError, Settings, load_settings
from graph.cli.options import AsJson
from graph.cli.output import Output
from persistence.migrate import Step, pending, printed
from persistence.migrate import migrate as apply


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 if something is missing.")
    ] = False,
    print_sql: Annotated[bool, typer.Option("--print", help="Print the SQL, to paste into an editor.")] = False,
    sample_assets: Annotated[bool, typer.Option(help="Also add the made-up sample sites.")] = False,
    owner_policies: Annotated[bool, typer.Option(help="Also let users see only their own rows.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database up to date; safe to repeat, and while others use it."""
    output = Output(as_json=as_json)
    if print_sql:
        output.records([{"sql": printed()}], lines=[printed()])
        return
    settings = load_settings()
    if settings.supabase_url is not None and settings.database_url is None:
        message = (
            "SUPABASE_URL alone does not allow migrations: set DATABASE_URL to the project's PostgreSQL "
            "(Project settings, Database), or paste the output of `gridwise migrate --print` into the SQL editor."
        )
        raise ConfigurationError(message)
    if check:
        missing = asyncio.run(_pending(settings))
        output.records([{"pending": list(missing)}], lines=missing or ["The database is current."])
        if missing:
            raise typer.Exit(1)
        return
    extras = [SAMPLE_CATALOGUE] if sample_assets or settings.is_embedded else []
    asyncio.run(_apply(settings, [*extras, *(["owner_policies"] if owner_policies else [])], output))


async def _pending(settings: Settings) -> list[str]:
    async with database_server(settings) as url:
        return await pending(url)


async def _apply(settings: Settings, extras: list[str], output: Output) -> None:
    def report(step: Step) -> None:
        record: dict[str, JsonValue] = {"step": step.name, "state": step.state, "seconds": round(step.seconds, 3)}
        line = f"{step.name}: {step.state}" + (f" in {step.seconds:.1f} s" if step.state == "applied" else "")
        output.records([record], lines=[line])

    async with database_server(settings) as url:
        await apply(url, extras=extras, report=report)
