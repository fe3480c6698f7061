"""What Gemini's client raises, as a `ModelError`. Imports the client, which takes seconds: only where it is used."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import import_module
from importlib.util import find_spec
from json import JSONDecodeError
from typing import Any

from google.genai.errors import APIError, UnknownApiResponseError
from langchain_core.exceptions import ContextOverflowError
from langchain_google_genai.chat_models import ChatGoogleGenerativeAIError
from pydantic import JsonValue, ValidationError

from agents.model.errors import FailureKind, ModelError, failure

_CREDITS = re.compile(r"(?i)\b(credits?|prepa(?:id|y\w*)|billing|balance)\b")
_CREDITS_WAIT_SECONDS = 3_600.0
"""Until somebody has paid: looked at again every hour."""
_QUOTA_WAIT_SECONDS = 86_400.0
"""A per-day quota frees itself at midnight Pacific time: a day later it certainly has."""

_HTTP = [import_module(name) for name in ("httpx", "httpx2") if find_spec(name)]
"""The client's HTTP library, which is the one or the other by its version."""
_HTTP_ERRORS: tuple[type[Exception], ...] = tuple(library.HTTPError for library in _HTTP)
_TIMEOUTS: tuple[type[Exception], ...] = (TimeoutError, *(library.TimeoutException for library in _HTTP))
_CLIENT_ERRORS: tuple[type[Exception], ...] = (
    ChatGoogleGenerativeAIError,
    APIError,
    ContextOverflowError,
    *_HTTP_ERRORS,
    *_TIMEOUTS,
    JSONDecodeError,
    ValidationError,
    UnknownApiResponseError,
)
_NO_KEY = re.compile(r"(?i)api.?key (not valid|expired|not found|must be)|pass a valid API key")
_PASSING = frozenset({408, 409, 425, 499})
"""Timed out, aborted, too early, cancelled: nothing that the request could mend."""
_STATUS: dict[int, tuple[FailureKind, str]] = {
    400: ("bad_request", "the request was refused"),
    401: ("unauthenticated", "check GEMINI_API_KEY"),
    403: ("forbidden", "the key may not use this model; check GEMINI_API_KEY and its project's permissions"),
    404: ("unknown_model", "no such model; check GRIDWISE_AGENT_MODEL and GRIDWISE_HEAD_MODEL"),
}


async def raise_error_body(response: Any) -> None:  # noqa: ANN401  httpx's or httpx2's
    """A hook of the HTTP client: gateways send errors with status 200, which the client takes for an empty answer."""
    if response.status_code != 200 or "json" not in response.headers.get("content-type", ""):
        return
    await response.aread()
    try:
        body = response.json()
    except ValueError:
        return
    body = body[0] if isinstance(body, list) and len(body) == 1 else body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        code = body["error"].get("code")
        raise APIError(code if isinstance(code, int) else 500, body, response)


def translated(error: Exception) -> ModelError | None:
    """None for what no client of a model raises: a fault of ours."""
    if not isinstance(error, _CLIENT_ERRORS):
        return None
    if isinstance(error, ContextOverflowError):
        return failure("too_long", "the request is longer than the model takes; shorten the request text")
    cause = error if isinstance(error, APIError) else error.__cause__
    if isinstance(cause, APIError):
        return _from_status(cause)
    if isinstance(error, _TIMEOUTS):
        return failure("timeout", "it did not answer in time", retryable=True)
    if isinstance(error, _HTTP_ERRORS):
        return failure(
            "unreachable",
            f"it cannot be reached ({type(error).__name__}); check the network and GEMINI_BASE_URL",
            retryable=True,
        )
    if isinstance(error, JSONDecodeError | ValidationError | UnknownApiResponseError):
        return failure("server_error", "what answered is not Gemini; check GEMINI_BASE_URL", retryable=True)
    return failure("bad_request", "the request could not be sent as the client built it")


def _from_status(error: APIError) -> ModelError:
    status = error.code or 0
    if status == 429:
        return _from_quota(error)
    if status >= 500 or status in _PASSING:
        return failure(
            "server_error",
            f"it failed with HTTP {status}",
            retryable=True,
            retry_after_seconds=_retry_after(error),
        )
    kind, fix = _STATUS.get(_meant(error), ("bad_request", f"it refused the request with HTTP {status}"))
    return failure(kind, f"{fix} (HTTP {status}: {_excerpt(error.message)})")


def _meant(error: APIError) -> int:
    """Gemini answers 400 to a wrong key, and to a project that may not use it from here or without billing."""
    if error.code == 400 and (_NO_KEY.search(error.message or "") or "API_KEY_INVALID" in str(error.details)):
        return 401
    return 403 if error.code == 400 and error.status == "FAILED_PRECONDITION" else error.code or 0


def _from_quota(error: APIError) -> ModelError:
    details = _details(error.details)
    quotas = [
        str(violation.get("quotaId", "")) for detail in details for violation in _mappings(detail.get("violations"))
    ]
    if any("PerDay" in quota for quota in quotas):
        return failure(
            "quota_exhausted",
            f"its daily quota is used up ({', '.join(quotas)}); raise the quota or wait for the next day",
            retryable=True,
            retry_after_seconds=_QUOTA_WAIT_SECONDS,
        )
    if _CREDITS.search(error.message or "") and not quotas:
        return failure(
            "quota_exhausted",
            f"its project has no credits left; pay or add credits (HTTP 429: {_excerpt(error.message)})",
            retryable=True,
            retry_after_seconds=_CREDITS_WAIT_SECONDS,
        )
    delays = [*(_seconds(detail.get("retryDelay")) for detail in details), _retry_after(error)]
    wait = max((delay for delay in delays if delay is not None), default=None)
    what = f", {', '.join(quotas)}" if any(quotas) else ""
    return failure(
        "rate_limited", f"too many requests for now (HTTP 429{what})", retryable=True, retry_after_seconds=wait
    )


def _retry_after(error: APIError) -> float | None:
    """What the header says: seconds, or a date, which counts from the answer's own."""
    headers = getattr(error.response, "headers", None) or {}
    text = str(headers.get("retry-after") or "").strip()
    if text.isdigit():
        return float(text)
    try:
        since = headers.get("date")
        begin = parsedate_to_datetime(since) if since else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(text) - begin).total_seconds())
    except (ValueError, TypeError):
        return None


def _details(body: JsonValue) -> list[dict[str, JsonValue]]:
    error = body.get("error") if isinstance(body, dict) else None
    return _mappings(error.get("details")) if isinstance(error, dict) else []


def _mappings(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _seconds(text: JsonValue) -> float | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)s", text) if isinstance(text, str) else None
    return float(match[1]) if match else None


def _excerpt(message: str | None) -> str:
    text = " ".join((message or "no message").split())
    return re.sub(r"(?i)\b(AIza|key[=:]\s*)\S+", "(hidden)", text)[:200]
