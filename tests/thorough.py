"""How much a test tries: enough to notice a fault by default, much more under `make test-long`."""

import os

LONG = os.environ.get("GRIDWISE_TEST_LONG") == "1"


def tries(usual: int, long: int) -> int:
    """Of random examples, rows or seeds."""
    return long if LONG else usual
