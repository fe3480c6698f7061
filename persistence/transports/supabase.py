"""Over Supabase's REST API: the same SQL functions, called as PostgREST RPC with the service-role key."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx
from pydantic import JsonValue
from supabase import AsyncClient, AsyncClientOptions, AsyncSupabaseException

from persistence.connections.pool import dump_json, parse_json, refused, unreadable
from persistence.connections.project import check_key, project_address
from persistence.errors import AccessDenied, MigrationNeeded, StoreError

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 15.0
"""Above the statement timeout of Supabase's authenticator (8 s): its error says more than our giving up."""
CALL_SECONDS: Final = CONNECT_SECONDS + ANSWER_SECONDS
"""For all of a request: httpx counts the time for each piece that arrives, and a trickle would never end."""
_HUGE_INTEGER: Final = re.compile(rb"\d{401,}")
_SHOWN_CHARACTERS: Final = 300


@asynccontextmanager
async def open_supabase(url: str, key: str, *, max_connections: int = 8) -> AsyncIterator["SupabaseTransport"]:
    """Over a project's address and its service-role key. Raises `AccessDenied` for one of wrong form."""
    check_key(key)
    url = project_address(url)
    limits = httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        transport=_BoundedIntegers(httpx.AsyncHTTPTransport(limits=limits)),
        event_hooks={"response": [_raise_for_error]},
    ) as client:
        try:
            supabase = await AsyncClient.create(
                url, key, AsyncClientOptions(httpx_client=client, auto_refresh_token=False, persist_session=False)
            )
        except AsyncSupabaseException as error:
            msg = f"Supabase refuses the configuration: {error.message}. Check SUPABASE_URL and SUPABASE_KEY."
            raise AccessDenied(msg) from error
        yield SupabaseTransport(supabase, server_address(url))


def server_address(url: str) -> str:
    """`host` or `host:port`, without credentials."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


class SupabaseTransport:
    """One POST to `/rest/v1/rpc/function` per call."""

    def __init__(self, client: AsyncClient, host: str) -> None:
        self.name = host
        self._client = client

    async def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                reply = await self._client.rpc(function, dict(arguments)).execute()
        except RecursionError as error:
            named = next((f"{function} for {value}" for name, value in arguments.items() if name == "p_id"), function)
            raise unreadable(error, named) from error
        except (httpx.TimeoutException, TimeoutError) as error:
            msg = f"Supabase at {self.name} did not answer in time."
            raise StoreError(msg, retryable=True, cause="database_unreachable") from error
        except httpx.RequestError as error:
            msg = f"Supabase at {self.name} cannot be reached: {str(error) or type(error).__name__}."
            raise StoreError(msg, retryable=True, cause="database_unreachable") from error
        return cast("JsonValue", reply.data)

    async def wait_for_work(self, *, timeout_seconds: float) -> None:
        """REST cannot wake anybody: this is the interval."""
        await asyncio.sleep(timeout_seconds)

    async def aclose(self) -> None:
        """The HTTP client is closed by whoever opened it."""


class _BoundedIntegers(httpx.AsyncBaseTransport):
    """Rewrites the rare answer with an integer that Python's JSON parser refuses; one row must not hide the others."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        body = await response.aread()
        if _HUGE_INTEGER.search(body) is None:
            return response
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_BODY]
        return httpx.Response(response.status_code, headers=headers, content=dump_json(parse_json(body)))

    async def aclose(self) -> None:
        await self._transport.aclose()


_OF_THE_BODY: Final = (b"content-length", b"content-encoding", b"transfer-encoding")


async def _raise_for_error(response: httpx.Response) -> None:
    await response.aread()
    if not response.is_success:
        raise translate_response(response)
    if response.content and "json" not in response.headers.get("content-type", ""):  # a captive portal, another site
        msg = f"{response.url.host} answered something that is not JSON. Check SUPABASE_URL."
        raise StoreError(msg)
    try:  # the client would pass the text on as the answer
        response.json() if response.content else None
    except ValueError as error:
        msg = f"{response.url.host} answered JSON that is cut short or damaged."
        raise StoreError(msg, retryable=True, cause="database_unreachable") from error
    except RecursionError:
        pass  # the caller reports it: it knows what was asked for


def translate_response(response: httpx.Response) -> StoreError:
    """What PostgREST, PostgreSQL behind it, or a gateway before it answered, in words; and whether to try again."""
    details = _details(response)
    code = str(details.get("code") or "")
    reason = str(details.get("message") or details.get("error") or response.reason_phrase or "no reason given")
    reason = " ".join(reason.split())[:_SHOWN_CHARACTERS]
    status = response.status_code
    if code in ("PGRST202", "PGRST205", "42883", "42P01", "42703"):
        return MigrationNeeded(f"The project lacks something of this version ({reason}). Run: gridwise migrate")
    if code == "42501":
        wanted = "the secret key (sb_secret_…) or the service_role key, not the anon or publishable one"
        msg = f"The key may not do this ({reason}). SUPABASE_KEY must be {wanted}."
        return AccessDenied(msg)
    if status in (401, 403):
        return AccessDenied(f"Supabase refused the key ({reason}). Check SUPABASE_KEY and that it is of this project.")
    if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        return StoreError(f"Supabase refused the request as too large ({reason}).")
    if status == httpx.codes.NOT_FOUND and not code:
        return StoreError(f"There is no REST API at {response.url.host} ({reason}). Check SUPABASE_URL.")
    if _is_sqlstate(code):
        return refused(code, reason)
    was_cut = status == httpx.codes.BAD_REQUEST and not details  # PostgREST never saw a whole request
    is_away = was_cut or status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR
    return StoreError(
        f"Supabase answered {status}{f' {code}' if code else ''}: {reason}",
        retryable=is_away,
        cause="database_unreachable" if is_away else None,
    )


def _details(response: httpx.Response) -> Mapping[str, Any]:
    """The error object; empty for a gateway's HTML page."""
    try:
        found = response.json()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_sqlstate(code: str) -> bool:
    return re.fullmatch(r"[0-9A-Z]{5}", code) is not None
