"""Placements with pauses: which stretches to run in."""
