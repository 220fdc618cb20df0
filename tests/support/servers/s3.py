"""A small server that speaks Amazon S3's protocol: ListObjectsV2, GetObject, HeadObject and PutObject
with If-None-Match. It checks the signatures.

The source is docs.aws.amazon.com, Amazon S3 API reference and Signature Version 4.
"""

import hashlib
import hmac
import threading
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS, SECRET, BUCKET = "AKIATEST", "test-secret", "calls"


class S3:
    """One bucket; `page` objects a listing, `broken` answers come first."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.metadata: dict[str, str] = {}
        self.page, self.lists, self.gets = 1000, 0, []  # type: int, int, list[str]
        self.broken: list[int] = []
        self.puts: list[str] = []
        store = self

        class BucketHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(*store.answer(self.path, dict(self.headers.items())))

            def do_HEAD(self) -> None:
                headers = dict(self.headers.items())
                self._send(*store.answer(self.path, headers, method="HEAD"), bare=True)

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._send(*store.write(self.path, dict(self.headers.items()), body))

            def _send(
                self, status: int, headers: dict[str, str], body: bytes, *, bare: bool = False
            ) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if not bare:
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), BucketHandler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> "S3":
        """Serve until stopped."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def put(self, key: str, body: bytes, modified: datetime) -> None:
        """Lay an object into the bucket."""
        self.objects[key] = (body, modified)

    def write(
        self, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Write an object; with If-None-Match only where there is none."""
        if self.broken:
            return self.broken.pop(0), {}, b"<Error><Code>SlowDown</Code></Error>"
        lower = {k.lower(): v for k, v in headers.items()}
        if not signed(target, lower, "PUT"):
            return 403, {}, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
        path = unquote(urlsplit(target).path)
        if not path.startswith(f"/{BUCKET}/"):
            return 404, {}, b"<Error><Code>NoSuchBucket</Code></Error>"
        key = path.removeprefix(f"/{BUCKET}/")
        with self._lock:
            if lower.get("if-none-match") == "*" and key in self.objects:
                return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"
            self.objects[key] = (body, datetime.now(UTC))
            self.puts.append(key)
        return 200, {"ETag": f'"{etag(body)}"'}, b""

    def answer(
        self, target: str, headers: dict[str, str], method: str = "GET"
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        if self.broken:
            return self.broken.pop(0), {}, b"<Error><Code>SlowDown</Code></Error>"
        lower = {k.lower(): v for k, v in headers.items()}
        if not signed(target, lower, method):
            return 403, {}, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
        path = unquote(urlsplit(target).path)
        if path.rstrip("/") == f"/{BUCKET}":
            return self._listed(dict(parse_qsl(urlsplit(target).query)))
        if not path.startswith(f"/{BUCKET}/"):
            return 404, {}, b"<Error><Code>NoSuchBucket</Code></Error>"
        key = path.removeprefix(f"/{BUCKET}/")
        if key not in self.objects:
            return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"
        self.gets.append(key)
        body, modified = self.objects[key]
        fields = {
            "ETag": f'"{etag(body)}"',
            "Last-Modified": format_datetime(modified, usegmt=True),
        }
        fields |= {f"x-amz-meta-{k}": v for k, v in self.metadata.items()}
        if span := lower.get("range"):
            first, _, last = span.removeprefix("bytes=").partition("-")
            if int(first) >= len(body):
                return 416, {}, b"<Error><Code>InvalidRange</Code></Error>"
            chunk = body[int(first) : int(last) + 1]
            until = int(first) + len(chunk) - 1
            return 206, fields | {"Content-Range": f"bytes {first}-{until}/{len(body)}"}, chunk
        return 200, fields, body

    def _listed(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.lists += 1
        after = query.get("continuation-token") or query.get("start-after", "")
        keys = [
            k for k in sorted(self.objects) if k.startswith(query.get("prefix", "")) and k > after
        ]
        shown, more = keys[: self.page], len(keys) > self.page
        rows = "".join(
            f"<Contents><Key>{escape(k)}</Key><LastModified>{self.objects[k][1]:%Y-%m-%dT%H:%M:%S.000Z}"
            f"</LastModified><ETag>&quot;{etag(self.objects[k][0])}&quot;</ETag>"
            f"<Size>{len(self.objects[k][0])}</Size></Contents>"
            for k in shown
        )
        following = (
            f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more else ""
        )
        return (
            200,
            {"Content-Type": "application/xml"},
            (
                '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<Name>{BUCKET}</Name><KeyCount>{len(shown)}</KeyCount>"
                f"<IsTruncated>{str(more).lower()}</IsTruncated>{following}{rows}</ListBucketResult>"
            ).encode(),
        )


def etag(body: bytes) -> str:
    """Return the entity tag of a body."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def signed(target: str, headers: dict[str, str], method: str = "GET") -> bool:
    """Say whether a request bears a valid signature of version 4."""
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    fields = dict(p.strip().partition("=")[::2] for p in rest.split(","))
    credential = fields.get("Credential", "").split("/")
    if scheme != "AWS4-HMAC-SHA256" or len(credential) != 5 or credential[0] != ACCESS:
        return False
    parts = urlsplit(target)
    query = "&".join(
        f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}"
        for k, v in sorted(parse_qsl(parts.query, keep_blank_values=True))
    )
    names = fields["SignedHeaders"].split(";")
    lines = "".join(f"{n}:{' '.join(headers[n].split())}\n" for n in names)
    request = "\n".join(
        (
            method,
            parts.path,
            query,
            lines,
            ";".join(names),
            headers["x-amz-content-sha256"],
        )
    )
    scope = "/".join(credential[1:])
    text = "\n".join(
        (
            scheme,
            headers["x-amz-date"],
            scope,
            hashlib.sha256(request.encode()).hexdigest(),
        )
    )
    key = f"AWS4{SECRET}".encode()
    for word in credential[1:]:
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), fields["Signature"])
