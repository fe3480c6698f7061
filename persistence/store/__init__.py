"""The typed calls to the database, one file per SQL topic."""
