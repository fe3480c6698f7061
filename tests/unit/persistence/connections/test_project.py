"""Addresses and keys as people paste them; what a request then carries."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from persistence.connections.project import check_key, project_address
from persistence.errors import AccessDenied
from persistence.store.open import open_supabase_store


def token(role: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"role": role, "iss": "supabase"}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "key", ["sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz", token("service_role"), "opaque-of-a-gateway"]
)
def test_a_secret_key_is_taken_whatever_its_form(key):
    check_key(key)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH", "publishable key"),
        (token("anon"), "role anon"),
        (token("authenticated"), "role authenticated"),
        ("two words", "not a key"),
    ],
)
def test_a_key_for_browsers_is_refused_in_one_line_without_its_text(key, words):
    with pytest.raises(AccessDenied, match=words) as error:
        check_key(key)
    assert "\n" not in str(error.value)
    assert "sb_secret_" in str(error.value)
    assert key not in str(error.value)


@pytest.mark.parametrize("suffix", ["", "/", "//", "/rest/v1", "/rest/v1/"])
def test_what_follows_the_address_does_not_matter(suffix):
    assert project_address(f"https://abcdefgh.supabase.co{suffix}") == "https://abcdefgh.supabase.co"


class _Project(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.seen.append((self.path, dict(self.headers)))
        body = b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.mark.anyio
async def test_a_secret_key_of_the_new_kind_reaches_the_project():
    server = HTTPServer(("127.0.0.1", 0), _Project)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        async with open_supabase_store(f"http://127.0.0.1:{server.server_port}//", "sb_secret_abc") as store:
            await store.operations.depth()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    ((path, headers),) = server.seen
    assert path == "/rest/v1/rpc/queue_depth"
    assert {name.lower(): value for name, value in headers.items()}["apikey"] == "sb_secret_abc"
