"""A double of LangSmith's HTTP API, as far as an upload of results needs it: the one service we cannot reach."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

_INGEST = {
    "use_multipart_endpoint": False,
    "scale_up_qsize_trigger": 1000,
    "scale_up_nthreads_limit": 4,
    "scale_down_nempty_trigger": 4,
    "size_limit": 100,
    "size_limit_bytes": 20_971_520,
}
NOW = "2026-11-24T10:37:00+00:00"


class LangSmithServer:
    """Keeps one dataset, its examples, and what was posted."""

    def __init__(self) -> None:
        self.dataset: dict[str, Any] | None = None
        self.examples: dict[str, dict[str, Any]] = {}
        self.sessions: list[dict[str, Any]] = []
        self.posts: list[tuple[str, bytes]] = []
        self._posted = threading.Condition()

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if method in {"POST", "PATCH"}:
            with self._posted:
                self.posts.append((path, body))
                self._posted.notify_all()
        match (method, path):
            case ("GET", "/info"):
                return 200, {"version": "0.12", "batch_ingest_config": _INGEST}
            case ("GET", "/datasets"):
                return 200, [self.dataset] if self.dataset else []
            case ("POST", "/datasets"):
                self.dataset = {**json.loads(body), "id": str(uuid4()), "created_at": NOW, "modified_at": NOW}
                return 200, self.dataset
            case ("GET", "/examples"):
                return 200, self._listed(query)
            case ("POST", "/examples/bulk"):
                return 200, self._added(json.loads(body))
            case ("POST", "/sessions"):
                session = {"tenant_id": str(uuid4()), "start_time": NOW, **json.loads(body)}
                session.setdefault("id", str(uuid4()))
                self.sessions.append(session)
                return 200, session
            case ("GET", "/sessions"):
                return 200, self.sessions
            case ("PATCH", path) if path.startswith("/sessions/"):
                return 200, self.sessions[-1]
            case _:
                return 200, {}

    def feedback(self, count: int, *, timeout_seconds: float) -> list[dict[str, Any]]:
        """Waits until so much has come in: langsmith sends it from threads of its own."""

        def posted() -> list[bytes]:
            return [body for path, body in self.posts if path == "/feedback"]

        with self._posted:
            self._posted.wait_for(lambda: len(posted()) >= count, timeout_seconds)
            return [json.loads(body) for body in posted()]

    def _listed(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        wanted = query.get("id")
        offset = int(query.get("offset", ["0"])[0])
        found = [example for key, example in self.examples.items() if wanted is None or key in wanted]
        return found[offset:]

    def _added(self, examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for example in examples:
            self.examples[example["id"]] = {"metadata": None, "created_at": NOW, "modified_at": NOW, **example}
        return [self.examples[example["id"]] for example in examples]


@contextmanager
def serve() -> Iterator[tuple[str, LangSmithServer]]:
    """Its address, and what it was told."""
    langsmith = LangSmithServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, value = langsmith.answer(self.command, self.path, body)
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _reply  # noqa: N815  the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", langsmith
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
