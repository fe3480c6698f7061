"""One HTTP server in a thread of its own: /metrics, /healthz."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST
from structlog.typing import FilteringBoundLogger

from graph.worker.metrics import Health, Metrics


class MetricsServer:
    """`/metrics` and `/healthz`, from a thread: they answer while the event loop is busy.

    Raises `OSError` on construction if the port is taken. Port 0 takes a free one; see `port`.
    """

    def __init__(self, metrics: Metrics, health: Health, *, port: int, host: str = "127.0.0.1") -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, metrics.render())
                elif self.path == "/healthz":
                    is_healthy, facts = health()
                    self._answer(200 if is_healthy else 503, "application/json", json.dumps(facts).encode())
                else:
                    self._answer(404, "text/plain", b"/metrics or /healthz\n")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
                """Scrapes are not news."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(
    metrics: Metrics, health: Health, *, port: int | None, log: FilteringBoundLogger, host: str = "127.0.0.1"
) -> Iterator[None]:
    """Serve a worker's metrics and health meanwhile; nothing without a port. Raises `OSError` if it is taken."""
    if port is None:
        yield
        return
    server = MetricsServer(metrics, health, port=port, host=host)
    log.info("Serving /metrics and /healthz", host=host, port=server.port)
    try:
        yield
    finally:
        server.close()
