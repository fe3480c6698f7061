"""LangGraph's checkpoints in Postgres: fenced by the lease, each value stored once."""
