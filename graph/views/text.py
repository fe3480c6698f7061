"""What users wrote, made safe to show: in a terminal, a log line, a page."""

import re
from typing import Final

_UNSAFE: Final = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed; ESC begins a terminal's commands
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # direction marks and overrides, invisible characters
    "\u2028\u2029"
    "\ud800-\udfff"  # half a character
    "\ufff9-\ufffb\U000e0000-\U000e007f"  # annotations and tags, which nobody sees
    "]"
)
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """The text with � for every control, direction and invisible character; line feeds and tabs stay."""
    return _UNSAFE.sub(_REPLACEMENT, text)


def one_line(value: object) -> str:
    """The value as clean text on a single line; empty for None."""
    return "" if value is None else " ".join(clean(str(value)).split())


def escaped_json(text: str) -> str:
    """JSON with those characters as escapes: the same value, harmless where it is shown."""
    return _UNSAFE.sub(_escape, text)


def shorten(text: str, width: int) -> str:
    """At most `width` characters, whole or ending in …."""
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
