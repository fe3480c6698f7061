"""The store and which transport it uses, from values that the settings pass in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from persistence.store.catalogue import AssetCatalogue
from persistence.store.directory import Directory
from persistence.store.operations import Operations
from persistence.store.outbox import Outbox
from persistence.store.pollers import Pollers
from persistence.store.queue import Queue
from persistence.store.retention import Retention
from persistence.store.source_cache import SourceCache
from persistence.transports.rpc import Rpc, Transport


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """The typed calls to one database, by topic. A user of one topic takes that part alone."""

    name: str
    """Host and database or project, without credentials; for the banner and for provenance."""
    queue: Queue
    operations: Operations
    directory: Directory
    pollers: Pollers
    catalogue: AssetCatalogue
    retention: Retention
    source_cache: SourceCache
    outbox: Outbox

    @classmethod
    def over(cls, transport: Transport) -> "Store":
        """All parts over one transport."""
        rpc = Rpc(transport)
        return cls(
            name=transport.name,
            queue=Queue(rpc),
            operations=Operations(rpc),
            directory=Directory(rpc),
            pollers=Pollers(rpc),
            catalogue=AssetCatalogue(rpc),
            retention=Retention(rpc),
            source_cache=SourceCache(rpc),
            outbox=Outbox(rpc),
        )


@asynccontextmanager
async def open_store(
    *,
    database_url: str | None = None,
    supabase_url: str | None = None,
    supabase_key: str | None = None,
    max_connections: int = 8,
) -> AsyncIterator[Store]:
    """The store over Supabase's REST API when `supabase_url` is given, else over psycopg.

    Opens even when the server is away; calls then raise a retryable `StoreError`.
    """
    if supabase_url is not None:
        async with open_supabase_store(supabase_url, supabase_key or "", max_connections=max_connections) as store:
            yield store
    elif database_url is not None:
        async with open_postgres_store(database_url, max_connections=max_connections) as store:
            yield store
    else:
        msg = "open_store needs database_url or supabase_url"
        raise ValueError(msg)


@asynccontextmanager
async def open_postgres_store(url: str, *, max_connections: int = 8) -> AsyncIterator[Store]:
    """A store over a pool of its own. Opens without waiting for the server; calls then raise a retryable error."""
    from persistence.transports.postgres import open_postgres

    async with open_postgres(url, max_connections=max_connections) as transport:
        yield Store.over(transport)


@asynccontextmanager
async def open_supabase_store(url: str, key: str, *, max_connections: int = 8) -> AsyncIterator[Store]:
    """A store over a project's address and its service-role key. Raises `AccessDenied` for one of wrong form."""
    # half a second of imports that the other transport need not pay
    from persistence.transports.supabase import open_supabase

    async with open_supabase(url, key, max_connections=max_connections) as transport:
        yield Store.over(transport)
