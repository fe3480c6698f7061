"""Sentences that code writes: to models and to users."""
