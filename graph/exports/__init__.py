"""A recommendation in the words of other schedulers: pure functions from a row to text."""
