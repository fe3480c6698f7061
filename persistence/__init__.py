"""Rows in, recommendations out, and where runs are kept. Knows nothing of agents, tools or graphs.

- `persistence.workload`: `Workload`, `parse_workload(row)` (raises `InvalidWorkload`), `RankedOption`, `Recommendation`
- `persistence.store`: `Store` (the interface), `Lease`, `Claim`
- `persistence.connect`: `open_store(database_url=…, supabase_url=…, supabase_key=…)`, the store of either transport
- `persistence.migrate`: `migrate(url)`, `pending(url)`, `printed()`; `CHECKPOINT_SCHEMA` for the checkpointer
- `persistence.embedded`: `embedded_postgres()` yields a `Server` with `.url()`
- `persistence.pool`: `open_pool(...)`, `translate(error)`
- `persistence.source_cache`: `SourceCache(store)` with `get`, `put`, `lock`
- `persistence.errors`: `StoreError` (`.retryable`) and what it may be; `InvalidWorkload`
"""
