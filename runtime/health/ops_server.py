"""The small server of a stage's operations port, for supervisors and Prometheus.

/livez answers while the process lives, and the watchdog ends a process that hangs. /readyz has
the checks of `Health`, and /metrics the figures of runtime/metrics.py.
"""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runtime import metrics
from runtime.health.checks import Health
from runtime.log import get
from runtime.settings.structs import OpsSettings
from schemas.errors import Unavailable

log = get(__name__)


class _ProbeHandler(BaseHTTPRequestHandler):
    health: Health

    def do_GET(self) -> None:
        status, content_type, body = 200, "application/json", b'{"live": true}'
        path, _, query = self.path.partition("?")
        if path == "/metrics":
            content_type, body = "text/plain; version=0.0.4; charset=utf-8", metrics.exposition()
        elif path == "/readyz":
            status, body = self.health.report(verbose=_is_verbose(query))
        elif path != "/livez":
            status, body = 404, b'{"error": "only /livez, /readyz and /metrics live here"}'
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, because probes come every few seconds."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Log a bug as an event, but not a probe that closed its connection early."""
        if not isinstance(sys.exception(), ConnectionError):
            log.exception("ops.failed")


def serve_ops(health: Health, ops: OpsSettings) -> ThreadingHTTPServer:
    """Answer /livez, /readyz and /metrics in a thread; the server's `server_port` is its port.

    Raises Unavailable if another program uses the port.
    """
    handler = type("Handler", (_ProbeHandler,), {"health": health})
    try:
        server = _Server((ops.host, ops.port), handler)
    except OSError as error:
        raise Unavailable(
            f"the ops port {ops.host}:{ops.port} can't be opened ({error.strerror}). Stop what "
            "uses it, or set `port` in [ops]."
        ) from error
    threading.Thread(target=server.serve_forever, name="ops", daemon=True).start()
    return server


def _is_verbose(query: str) -> bool:
    """Return whether the query of a /readyz asks for every check."""
    return any(pair.partition("=")[0] == "verbose" for pair in query.split("&"))
