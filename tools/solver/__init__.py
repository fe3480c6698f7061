"""The exact placement search over one market snapshot."""
