"""How the project's SQL functions are called, whatever carries the call."""

import json
import math
import re
from collections.abc import Mapping
from typing import Final, Protocol, cast

from pydantic import JsonValue

from persistence.errors import StoreError, Unreachable
from persistence.retry import Backoff, Retrier, Until

SENDS: Final = 3
"""Times a call is sent before its error is the caller's: covers a dropped connection, not an outage."""
LONGEST_PAUSE_SECONDS: Final = 1.0
_SUSPECT: Final = re.compile(r"\\u(0000|d[89a-f])|NaN|Infinity")
"""In JSON of ASCII letters; also found in some text that is sound (a surrogate pair)."""
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


class Transport(Protocol):
    """Calls one SQL function, by name and named arguments, and returns its JSON. Raises `StoreError`, before long even
    where nobody answers."""

    name: str

    async def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue: ...

    async def wait_for_work(self, *, timeout_seconds: float) -> None: ...

    async def aclose(self) -> None: ...


class Rpc:
    """Calls over one transport. Every call may be sent again: a function answers a repetition as the first time."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._retry = Retrier(backoff=Backoff(base_seconds=0.1, cap_seconds=LONGEST_PAUSE_SECONDS))

    async def __call__(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        """The function's JSON. Raises `StoreError` only; `.retryable` says whether the same call may succeed later."""
        arguments = cast("dict[str, JsonValue]", storable(dict(arguments)))
        sent = 0

        async def send() -> JsonValue:
            nonlocal sent
            sent += 1
            resend = sent > 1 and "p_resend" in arguments
            return await self.transport.call(function, {**arguments, "p_resend": True} if resend else arguments)

        return await self._retry(function, send, until=Until(attempts=SENDS), retry_on=_worth_sending_again)


def storable(value: JsonValue) -> JsonValue:
    """The value as PostgreSQL can keep it: NUL and lone surrogates in text become U+FFFD, NaN and infinity null."""
    return _mended(value) if _SUSPECT.search(json.dumps(value)) else value


def unstorable(value: JsonValue, path: str = "") -> str | None:
    """Where in the value PostgreSQL cannot keep it, in words: `metadata.note contains U+0000`; None: nowhere."""
    if isinstance(value, str):
        found = _UNSTORABLE.search(value)
        return None if found is None else f"{path or 'the text'} contains U+{ord(found[0]):04X}"
    if isinstance(value, dict):
        named = [(key, f"the name of a field in {path or 'the row'}") for key in value]
        items = [(one, f"{path}.{key}" if path else key) for key, one in value.items()]
        return next((bad for one, where in [*named, *items] if (bad := unstorable(one, where))), None)
    if isinstance(value, list):
        return next((bad for n, one in enumerate(value) if (bad := unstorable(one, f"{path}[{n}]"))), None)
    return None


def _mended(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {str(_mended(key)): _mended(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_mended(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _worth_sending_again(error: StoreError) -> bool:
    """A call that got no connection in time would only wait again."""
    return error.retryable and not isinstance(error, Unreachable)
