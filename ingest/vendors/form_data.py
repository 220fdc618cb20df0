"""Reads the fields of an HTML form as bytes, from urlencoded or multipart/form-data bodies. Pure.

Starlette's own reader limits a field to 1 MiB and decodes it, but the raw mails in a webhook's call
are larger and of any charset. Source: RFC 7578; WHATWG URL, 5.1.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from python_multipart.multipart import MultipartParser, parse_options_header

from ingest.webhook import WebhookRequest
from schemas.errors import Rejected

_MAX_FIELDS = 500  # real forms have some dozens

FormFields = dict[str, list[bytes]]
"""The values of each field, in the order of the body."""


@dataclass(frozen=True, kw_only=True)
class FormFile:
    """A file of a form, as the browser names it."""

    name: str
    filename: str
    type: str
    data: bytes


def read_fields(request: WebhookRequest) -> FormFields:
    """Return the fields of a call, without its files; raise Rejected(form.malformed)."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"application/x-www-form-urlencoded":
        return _read_urlencoded(request.body)
    if kind == b"multipart/form-data" and options.get(b"boundary"):
        return _read_parts(request.body, options[b"boundary"])[0]
    content_type = kind[:60].decode("ascii", "replace")
    raise Rejected("form.malformed", f"expected a form, and this is {content_type!r}")


def read_multipart(content_type: str, body: bytes) -> tuple[FormFields, list[FormFile]]:
    """Return the fields and the files of a form; raise Rejected(form.malformed)."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Rejected("form.malformed", "expected multipart/form-data")
    return _read_parts(body, options[b"boundary"])


def first_text(fields: FormFields, name: str) -> str:
    """Return the first value of a field as text; empty when the form has no such field."""
    return fields.get(name, [b""])[0].decode("utf-8", "replace")


def last_text(fields: FormFields, name: str) -> str:
    """Return the last value of a field as text; empty when the form has no such field."""
    return fields.get(name, [b""])[-1].decode("utf-8", "replace")


def _read_urlencoded(body: bytes) -> FormFields:
    fields: FormFields = {}
    try:
        # Every byte survives the way through latin-1 and back.
        for name, value in parse_qsl(
            body.decode("latin-1"),
            keep_blank_values=True,
            encoding="latin-1",
            max_num_fields=_MAX_FIELDS,
        ):
            fields.setdefault(name, []).append(value.encode("latin-1"))
    except ValueError as error:
        raise Rejected("form.malformed", str(error)) from error
    return fields


def _read_parts(body: bytes, boundary: bytes) -> tuple[FormFields, list[FormFile]]:
    collector = _PartCollector()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": collector.begin_part,
                "on_header_field": collector.add_header_name,
                "on_header_value": collector.add_header_value,
                "on_header_end": collector.end_header,
                "on_part_data": collector.add_data,
                "on_part_end": collector.end_part,
            },
        )
        parser.write(body)
        parser.finalize()
    except ValueError as error:  # python-multipart's errors are ValueErrors
        raise Rejected("form.malformed", str(error)) from error
    return collector.fields, collector.files


class _PartCollector:
    """Collects the fields and files of a body from the parser's callbacks.

    A file's bytes are the value of its field, too, because vendors put raw mails there.
    """

    def __init__(self) -> None:
        self.fields: FormFields = {}
        self.files: list[FormFile] = []
        self._part_count = 0
        self._name, self._type = "", ""
        self._filename: str | None = None
        self._header_name, self._header_value, self._data = bytearray(), bytearray(), bytearray()

    def begin_part(self) -> None:
        """Forget the part before; raise ValueError when there are too many parts."""
        self._part_count += 1
        if self._part_count > _MAX_FIELDS:
            raise ValueError(f"more than {_MAX_FIELDS} parts")
        self._name, self._filename, self._type = "", None, ""
        self._data.clear()

    def add_header_name(self, chunk: bytes, start: int, end: int) -> None:
        """Collect a piece of a header's name."""
        self._header_name += chunk[start:end]

    def add_header_value(self, chunk: bytes, start: int, end: int) -> None:
        """Collect a piece of a header's value."""
        self._header_value += chunk[start:end]

    def end_header(self) -> None:
        """Read a header of the part."""
        value = bytes(self._header_value)
        if self._header_name.lower() == b"content-disposition":
            _, options = parse_options_header(value)
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
            if b"filename" in options:
                self._filename = options[b"filename"].decode("utf-8", "replace")
        elif self._header_name.lower() == b"content-type":
            self._type = value.decode("latin-1").partition(";")[0].strip().lower()
        self._header_name.clear()
        self._header_value.clear()

    def add_data(self, chunk: bytes, start: int, end: int) -> None:
        """Collect a piece of the part's content."""
        self._data += chunk[start:end]

    def end_part(self) -> None:
        """Add the part to the files, the fields, or both."""
        data = bytes(self._data)
        if self._filename is not None and len(self.files) < _MAX_FIELDS:
            self.files.append(
                FormFile(name=self._name, filename=self._filename, type=self._type, data=data)
            )
        if self._name and len(self.fields) < _MAX_FIELDS:
            self.fields.setdefault(self._name, []).append(data)
