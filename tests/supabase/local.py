"""`make supabase-local`: a project to play with, kept between runs in var/supabase, until Ctrl-C."""

import asyncio
import contextlib
import secrets
import signal
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psycopg

from persistence.connections.embedded import Server, embedded_postgres
from persistence.migrate import migrate
from tests.supabase.project import Project, create_database, create_platform, missing, serve

FOLDER = Path(__file__).parents[2] / "var" / "supabase"
DATABASE = "local_project"
PORT = 54321
USER = UUID("00000000-0000-4000-8000-000000000001")

SHOWN = """\
SUPABASE_URL={url}
SUPABASE_KEY={service_key}
DATABASE_URL={database_url}

For a frontend: the anon key, and the token of a signed-in user ({user}):
{anon_key}
{user_token}

The sample catalogue is in; sql/optional/owner_policies.sql is applied. Ctrl-C stops it; the data stays in {folder}.
"""


async def main() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with embedded_postgres(FOLDER) as server:
        project = await _prepared(server)
        await migrate(project.database_url, extras=["sample_assets", "owner_policies"])
        async with serve(project, port=PORT) as running:
            print(
                SHOWN.format(
                    url=running.url, service_key=running.service_key, database_url=running.database_url, user=USER,
                    anon_key=running.anon_key, user_token=running.token("authenticated", user=USER), folder=FOLDER,
                ),
                flush=True,
            )  # fmt: skip
            await stop.wait()


async def _prepared(server: Server) -> Project:
    secret_file = FOLDER / "jwt-secret"
    with contextlib.suppress(psycopg.errors.DuplicateObject):
        await create_platform(server)
    try:
        project = await create_database(server, DATABASE)
        secret_file.write_text(secrets.token_hex(32))
    except psycopg.errors.DuplicateDatabase:
        project = Project(server=server, database=DATABASE)
    return replace(project, secret=secret_file.read_text())


if __name__ == "__main__":
    if reason := missing():
        raise SystemExit(reason)
    asyncio.run(main())
