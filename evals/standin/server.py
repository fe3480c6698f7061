"""The stand-in's HTTP server, on 127.0.0.1 and a free port."""

import json
import re
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from evals.standin.script import Reply, Script, always_honest
from evals.standin.wire import GenerateRequest, Json, error_body, read_request

_PATH = re.compile(r"^/v\w+/models/(?P<model>[^/:]+):generateContent(?:\?.*)?$")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024  # as many clients may connect at once


class StandIn:
    """`with StandIn(script) as server: server.base_url`. Every request is kept for looking at."""

    def __init__(self, script: Script = always_honest, *, models: Sequence[str] | None = None) -> None:
        self._script = script
        self._models = models
        self._lock = threading.Lock()
        self.requests: list[GenerateRequest] = []
        self.bodies: list[Json] = []
        self.keys: list[str | None] = []
        self._stop = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def respond(self, path: str, key: str | None, payload: bytes) -> Reply:
        """What a POST gets."""
        match = _PATH.match(path)
        if match is None:
            return Reply(error_body(404, "NOT_FOUND", f"no method at {path}"), status=404)
        model = match["model"]
        if self._models is not None and model not in self._models:
            message = f"models/{model} is not found for API version v1beta, or is not supported for generateContent."
            return Reply(error_body(404, "NOT_FOUND", message), status=404)
        body: Json = json.loads(payload)
        try:
            request = read_request(model, body)
        except ValueError as error:
            return Reply(error_body(400, "INVALID_ARGUMENT", str(error)), status=400)
        with self._lock:
            number = len(self.requests)
            self.requests.append(request)
            self.bodies.append(body)
            self.keys.append(key)
        reply = self._script(request, number)(request)
        if reply.delay_seconds:
            self._stop.wait(reply.delay_seconds)
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                payload = self.rfile.read(int(self.headers.get("content-length", 0)))
                reply = stand_in.respond(self.path, self.headers.get("x-goog-api-key"), payload)
                data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                headers = {"content-type": "application/json; charset=UTF-8", **reply.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
                """Quiet: reports say what happened."""

        return Handler
