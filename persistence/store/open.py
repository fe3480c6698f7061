"""Which transport the store uses, from values that the settings pass in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from persistence.transports.postgres import open_postgres_store
from persistence.transports.rpc import RpcStore


@asynccontextmanager
async def open_store(
    *,
    database_url: str | None = None,
    supabase_url: str | None = None,
    supabase_key: str | None = None,
    max_connections: int = 8,
) -> AsyncIterator[RpcStore]:
    """The store over Supabase's REST API when `supabase_url` is given, else over psycopg.

    Opens even when the server is away; calls then raise a retryable `StoreError`.
    """
    if supabase_url is not None:
        # half a second of imports that the other transport need not pay
        from persistence.transports.supabase import open_supabase_store

        async with open_supabase_store(supabase_url, supabase_key or "", max_connections=max_connections) as store:
            yield store
    elif database_url is not None:
        async with open_postgres_store(database_url, max_connections=max_connections) as store:
            yield store
    else:
        msg = "open_store needs database_url or supabase_url"
        raise ValueError(msg)
