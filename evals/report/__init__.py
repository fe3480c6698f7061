"""What a run of the suites shows: a table, a page, an upload."""
