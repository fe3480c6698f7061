"""Limits and wishes in an English request: deterministic, and the judge of what a model claims to have read."""
