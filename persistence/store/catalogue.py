"""Stub for the trial: the typed calls of this topic."""
