"""Recorded model calls: how they are kept, played and compared."""
