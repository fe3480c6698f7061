"""Composition root: settings from the environment, and everything a run takes, put together once."""
