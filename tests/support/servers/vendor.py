"""A vendor's HTTP server, which a test scripts."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.json_body import JsonBody


@dataclass(frozen=True, kw_only=True)
class VendorRequest:
    """One request that a vendor's server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> JsonBody:
        """Return the body as JSON."""
        body: JsonBody = json.loads(self.body)
        return body


VendorAnswer = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


class Vendor:
    """Gives the answers of a test in the test's order, and keeps the requests.

    A path without an answer is 404.
    """

    def __init__(self) -> None:
        self.requests: list[VendorRequest] = []
        self._answers: dict[str, list[VendorAnswer | None]] = {}
        self._lock = threading.Lock()
        vendor = self

        class VendorHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                headers = {k.lower(): v for k, v in self.headers.items()}
                vendor.requests.append(
                    VendorRequest(method=self.command, path=self.path, headers=headers, body=body)
                )
                answer = vendor.answer(self.path.partition("?")[0])
                if answer is None:
                    self.close_connection = True
                    return
                status, more, data = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server asks for them

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), VendorHandler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> "Vendor":
        """Serve until stopped."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def says(
        self, path: str, *bodies: object, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Answer a path with these bodies, one a request, the last for ever; None hangs up."""
        answers: list[VendorAnswer | None] = []
        for body in bodies:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            answers.append(None if body is None else (status, headers or {}, data))
        with self._lock:
            self._answers.setdefault(path, []).extend(answers)

    def forget(self) -> None:
        """Forget all answers and requests."""
        with self._lock:
            self._answers.clear()
        self.requests.clear()

    def answer(self, path: str) -> VendorAnswer | None:
        """Return the next answer of a path; None hangs up."""
        with self._lock:
            waiting = self._answers.get(path)
            if not waiting:
                return 404, {}, b"{}"
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def to(self, path: str) -> list[VendorRequest]:
        """Return what came for a path."""
        return [a for a in self.requests if a.path.partition("?")[0] == path]
