"""What an answer of PostgREST, or of what stands before it, means."""

import httpx
import pytest

from persistence.transports.supabase import translate_response


@pytest.mark.parametrize(
    ("status", "body", "retryable"),
    [
        (400, "", True),  # a request that was cut on its way
        (400, '{"code": "PGRST102", "message": "Empty or invalid json"}', False),
        (429, "", True),
        (503, "<html>away</html>", True),
        (413, "", False),
    ],
)
def test_what_is_worth_sending_again(status: int, body: str, retryable: bool) -> None:
    request = httpx.Request("POST", "https://example.supabase.co/rest/v1/rpc/claim")
    error = translate_response(httpx.Response(status, text=body, request=request))
    assert error.retryable is retryable
