"""How PostgreSQL is reached: pools, poolers, the embedded server."""
