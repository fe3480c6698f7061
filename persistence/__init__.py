"""Rows in, recommendations out, and where runs are kept. Knows nothing of agents, tools or graphs.

- `persistence.workload`: `Workload`, `parse_workload(row)` (raises `InvalidWorkload`), `RankedOption`, `Recommendation`
- `persistence.store.open`: `open_store(database_url=…, supabase_url=…, supabase_key=…)` yields the `Store` of either
  transport: `queue`, `operations`, `catalogue`, `retention`, `source_cache`
- `persistence.migrate`: `migrate(url)`, `pending(url)`, `printed()`; `CHECKPOINT_SCHEMA` for the checkpointer
- `persistence.connections`: `embedded.embedded_postgres()` yields a `Server` with `.url()`; `pool.open_pool(...)`
- `persistence.errors`: `StoreError` (`.retryable`) and what it may be; `InvalidWorkload`
"""
