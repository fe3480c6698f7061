"""Which transport the store uses, from values that the settings pass in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from persistence.postgres import open_postgres_store
from persistence.rpc import RpcStore


@asynccontextmanager
async def open_store(*, database_url: str, max_connections: int = 8) -> AsyncIterator[RpcStore]:
    """The store over psycopg. Opens even when the server is away; calls then raise a retryable `StoreError`."""
    async with open_postgres_store(database_url, max_connections=max_connections) as store:
        yield store
