"""New."""

import re

from persistence.workload import Workload

MAX_REQUEST_CHARS = 4_000


_CONTROL = re.compile(r"[^\S\n ]|[^\x20-\x7e\n\u00a0-\ud7ff\ue000-\ufffd]|[\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def request_text(workload: Workload) -> str:
    """The free text as the agents see it and quote it: no control characters, no angle brackets, cut to length."""
    return cleaned(workload.request_text or "", MAX_REQUEST_CHARS)


def cleaned(text: str, limit: int) -> str:
    """Angle brackets become parentheses, so that no text can close the element that holds it."""
    plain = _CONTROL.sub(" ", text).replace("<", "(").replace(">", ")").strip()
    return plain if len(plain) <= limit else f"{plain[:limit]} [cut here]"
