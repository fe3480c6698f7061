"""Placements with pauses: which intervals to run in."""
