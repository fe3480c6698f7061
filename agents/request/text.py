"""The free text of a request, as agents see it and quote it."""

import re

from persistence.workload import MAX_REQUEST_CHARACTERS, Workload

_CONTROL = re.compile(r"[^\S\n ]|[^\x20-\x7e\n\u00a0-\ud7ff\ue000-\ufffd]|[\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def request_text(workload: Workload) -> str:
    """Without control characters and angle brackets. A longer one than `MAX_REQUEST_CHARACTERS` is refused earlier."""
    return cleaned(workload.request_text or "", MAX_REQUEST_CHARACTERS)


def cleaned(text: str, limit: int) -> str:
    """Angle brackets become other signs of the same meaning, so that no text can close the element that holds it."""
    plain = _CONTROL.sub(" ", text).replace("<", "‹").replace(">", "›").strip()
    return plain if len(plain) <= limit else f"{plain[:limit]} [cut here]"
