"""Suites that judge the agents on recorded model calls."""
