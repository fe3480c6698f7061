"""The root of every error that a user may read."""


class GridwiseError(Exception):
    """Its message says what was wrong, with which value, and what to do; it holds no secret and no request text."""
