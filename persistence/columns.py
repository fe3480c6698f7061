"""Checks of single column values: each types a JSON value, or raises `ColumnError` in plain words."""

import math
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import JsonValue

T = TypeVar("T")
Check: TypeAlias = Callable[[JsonValue], T]

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
_SHOWN_CHARACTERS: Final = 60
_WORDS: Final = {"true": True, "yes": True, "false": False, "no": False}
_JSON_NAMES: Final = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


class ColumnError(ValueError):
    """Says what is wrong with the value and what would be right; the caller puts the column's name before it."""


def shown(value: JsonValue) -> str:
    """The value for a message: short, printable, quoted when it is text."""
    try:
        text = value if isinstance(value, str) else str(value)
    except ValueError:  # an integer with more digits than Python prints
        text = "a number with thousands of digits"
    text = "".join(character if character.isprintable() else "�" for character in text[: _SHOWN_CHARACTERS + 1])
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    return f"“{text}”" if isinstance(value, str) else text


def text(limit: int, *, lines: bool = False) -> Check[str]:
    """Text of 1 to `limit` characters without control characters; line breaks and tabs only where `lines`."""

    def check(value: JsonValue) -> str:
        if value is None:
            msg = "is missing"
            raise ColumnError(msg)
        if not isinstance(value, str):
            msg = f"must be text, but is {_kind(value)}"
            raise ColumnError(msg)
        stripped = value.strip()
        if not stripped:
            msg = "is empty"
            raise ColumnError(msg)
        if len(stripped) > limit:
            msg = f"is {len(stripped):,} characters long; at most {limit:,} are accepted"
            raise ColumnError(msg)
        allowed = "\n\r\t" if lines else ""
        bad = next((c for c in stripped if unicodedata.category(c) in ("Cc", "Cs") and c not in allowed), None)
        if bad is not None:
            msg = f"contains the control character U+{ord(bad):04X}; remove it"
            raise ColumnError(msg)
        return stripped

    return check


def number(low: float, high: float) -> Check[float]:
    """A finite number from `low` to `high`; text that reads as one is taken."""

    def check(value: JsonValue) -> float:
        found = _as_number(value)
        if math.isnan(found) or math.isinf(found):
            msg = f"{shown(value)} is not a finite number"
            raise ColumnError(msg)
        if not low <= found <= high:
            side = "negative" if found < 0 <= low else "too small" if found < low else "too large"
            msg = f"{shown(value)} is {side}; it must be from {low:,g} to {_plain(high)}"
            raise ColumnError(msg)
        return found

    return check


def whole_number(low: int, high: int) -> Check[int]:
    """Like `number`, without a fraction."""
    as_number = number(low, high)

    def check(value: JsonValue) -> int:
        found = as_number(value)
        if not found.is_integer():
            msg = f"{shown(value)} is not a whole number"
            raise ColumnError(msg)
        return int(found)

    return check


def truth(value: JsonValue) -> bool:
    """true or false; the words a form sends for them are taken."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    msg = f"{shown(value)} is neither true nor false"
    raise ColumnError(msg)


def timestamp(value: JsonValue) -> datetime:
    """An ISO 8601 time with its offset, as aware UTC."""
    if not isinstance(value, str):
        msg = f"must be a date and time, but is {_kind(value)}"
        raise ColumnError(msg)
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        msg = f"{shown(value)} is not a date and time such as 2026-01-31T18:00Z"
        raise ColumnError(msg) from None
    if found.tzinfo is None:
        msg = f"{shown(value)} has no time zone; write it as 2026-01-31T18:00Z or with an offset"
        raise ColumnError(msg)
    if not EARLIEST.year < found.year < LATEST.year:
        msg = f"{shown(value)} is not between the years {EARLIEST.year} and {LATEST.year}"
        raise ColumnError(msg)
    return found.astimezone(UTC)


def choice(options: Mapping[str, T]) -> Check[T]:
    """One of the words, in any case."""

    def check(value: JsonValue) -> T:
        key = value.strip().upper() if isinstance(value, str) else ""
        if key in options:
            return options[key]
        msg = f"{shown(value)} is not known; use one of {', '.join(options)}"
        raise ColumnError(msg)

    return check


def _as_number(value: JsonValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        msg = f"must be a number, but is {_kind(value)}"
        raise ColumnError(msg)
    try:
        return float(value)
    except ValueError:
        msg = f"must be a number, but is {shown(value)}"
        raise ColumnError(msg) from None
    except OverflowError:
        return math.inf if isinstance(value, int) and value > 0 else -math.inf


def _kind(value: JsonValue) -> str:
    return _JSON_NAMES.get(type(value), "missing")


def _plain(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,}"


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one: stored metadata may be anybody's."""
    return value if isinstance(value, Mapping) else {}
