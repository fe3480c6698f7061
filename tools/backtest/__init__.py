"""Replays of the past: choose on the forecast, score on what came."""
