"""From settings to database and store. Whoever opens them closes them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from pydantic import SecretStr

from graph.app.settings import ConfigurationError, Settings
from persistence.connections.embedded import embedded_postgres, latest_database, new_database
from persistence.migrate import Scope, migrate, pending
from persistence.store.open import Store
from persistence.store.open import open_store as connect_store

SAMPLE_CATALOGUE: Final = "sample_assets"
_DEMO_PREFIX: Final = "gridwise_demo_"


@asynccontextmanager
async def database_server(settings: Settings) -> AsyncIterator[str]:
    """The address of the configured PostgreSQL; the embedded one is started for the while."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    async with embedded_postgres(settings.data_dir) as server:
        yield server.url()


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """The same, ready for use: the embedded one is migrated, and seeded where it is the store as well."""
    async with database_server(settings) as url:
        await _prepare(settings, url, "all" if settings.supabase_url is None else "checkpoints")
        yield url


async def _prepare(settings: Settings, url: str, scope: Scope) -> None:
    if settings.is_embedded and await pending(url, scope=scope):
        await migrate(url, scope=scope, extras=() if scope == "checkpoints" else (SAMPLE_CATALOGUE,))


@asynccontextmanager
async def new_demo(settings: Settings) -> AsyncIterator[Settings]:
    """Settings of a fresh database on the embedded server, with the sample sites in it: whatever the demo places there
    takes capacity from nobody."""
    async with embedded_postgres(settings.data_dir) as server:
        url = await new_database(server, _DEMO_PREFIX)
        await migrate(url, extras=(SAMPLE_CATALOGUE,))
        yield _at(settings, url)


@asynccontextmanager
async def last_demo(settings: Settings) -> AsyncIterator[Settings]:
    """Settings of the last demo's database.

    Raises:
        ConfigurationError: there was no demo yet.
    """
    async with embedded_postgres(settings.data_dir) as server:
        url = await latest_database(server, _DEMO_PREFIX)
        if url is None:
            msg = "there has been no demo on this machine yet; run: gridwise demo"
            raise ConfigurationError(msg)
        yield _at(settings, url)


def _at(settings: Settings, url: str) -> Settings:
    return settings.model_copy(
        update={"database_url": SecretStr(url), "supabase_url": None, "supabase_key": None, "sources": "recorded"}
    )


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The configured store, for a command that needs nothing else."""
    async with AsyncExitStack() as stack:
        url = None
        if settings.supabase_url is None:
            url = await stack.enter_async_context(database_server(settings))
            await _prepare(settings, url, "queue")
        yield await stack.enter_async_context(store_at(settings, url))


@asynccontextmanager
async def store_at(settings: Settings, database_url: str | None, *, max_connections: int = 8) -> AsyncIterator[Store]:
    """The configured store: Supabase's REST API, or the database at `database_url`, which is open already."""
    async with connect_store(
        database_url=database_url,
        supabase_url=None if settings.supabase_url is None else str(settings.supabase_url),
        supabase_key=None if settings.supabase_key is None else settings.supabase_key.get_secret_value(),
        max_connections=max_connections,
    ) as store:
        yield store
