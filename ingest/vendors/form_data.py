"""The fields of an HTML form's body, as bytes: urlencoded or multipart/form-data. Pure.

Before: a hook's call. After: the hook. Starlette's own reader limits a field to 1 MiB and decodes
what it must not: raw mails are larger, and of any charset. Source: RFC 7578; WHATWG URL, 5.1.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from python_multipart.multipart import MultipartParser, parse_options_header

from ingest.webhook import WebhookRequest
from schemas.errors import Rejected

_FIELDS = 500
Fields = dict[str, list[bytes]]


@dataclass(frozen=True, kw_only=True)
class FormFile:
    """A file of a form, as the browser names it."""

    name: str
    filename: str
    type: str
    data: bytes


def fields(request: WebhookRequest) -> Fields:
    """Return the fields, each with its values in their order; raise Rejected(form.malformed)."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"application/x-www-form-urlencoded":
        return _urlencoded(request.body)
    if kind == b"multipart/form-data" and options.get(b"boundary"):
        return _multipart(request.body, options[b"boundary"])[0]
    raise Rejected(
        "form.malformed", f"a form is due, this is {kind[:60].decode('ascii', 'replace')!r}"
    )


def multipart(kind: str, body: bytes) -> tuple[Fields, list[FormFile]]:
    """Return the fields and the files of a form; raise Rejected(form.malformed)."""
    named, options = parse_options_header(kind)
    if named != b"multipart/form-data" or not options.get(b"boundary"):
        raise Rejected("form.malformed", "multipart/form-data is due")
    return _multipart(body, options[b"boundary"])


def first(found: Fields, name: str) -> str:
    """Return a field's first value as text; empty when there is none."""
    return found.get(name, [b""])[0].decode("utf-8", "replace")


def last(found: Fields, name: str) -> str:
    """Return a field's last value as text; empty when there is none."""
    return found.get(name, [b""])[-1].decode("utf-8", "replace")


def _urlencoded(body: bytes) -> Fields:
    made: Fields = {}
    try:
        # latin-1 there and back: every byte stays what it was.
        for name, value in parse_qsl(
            body.decode("latin-1"),
            keep_blank_values=True,
            encoding="latin-1",
            max_num_fields=_FIELDS,
        ):
            made.setdefault(name, []).append(value.encode("latin-1"))
    except ValueError as error:
        raise Rejected("form.malformed", str(error)) from error
    return made


def _multipart(body: bytes, boundary: bytes) -> tuple[Fields, list[FormFile]]:
    made: Fields = {}
    files: list[FormFile] = []
    header, value, name, data = bytearray(), bytearray(), "", bytearray()
    filename: str | None = None
    kind, parts = "", 0

    def on_part_begin() -> None:
        nonlocal name, filename, kind, parts
        parts += 1
        if parts > _FIELDS:
            raise ValueError(f"more than {_FIELDS} parts")
        name, filename, kind = "", None, ""
        data.clear()

    def on_header_field(chunk: bytes, start: int, end: int) -> None:
        header.extend(chunk[start:end])

    def on_header_value(chunk: bytes, start: int, end: int) -> None:
        value.extend(chunk[start:end])

    def on_header_end() -> None:
        nonlocal name, filename, kind
        if header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(value))
            name = options.get(b"name", b"").decode("utf-8", "replace")
            if b"filename" in options:
                filename = options[b"filename"].decode("utf-8", "replace")
        elif header.lower() == b"content-type":
            kind = bytes(value).decode("latin-1").partition(";")[0].strip().lower()
        header.clear()
        value.clear()

    def on_part_data(chunk: bytes, start: int, end: int) -> None:
        data.extend(chunk[start:end])

    def on_part_end() -> None:
        if filename is not None and len(files) < _FIELDS:
            files.append(FormFile(name=name, filename=filename, type=kind, data=bytes(data)))
        if name and len(made) < _FIELDS:
            made.setdefault(name, []).append(bytes(data))

    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": on_part_begin,
                "on_header_field": on_header_field,
                "on_header_value": on_header_value,
                "on_header_end": on_header_end,
                "on_part_data": on_part_data,
                "on_part_end": on_part_end,
            },
        )
        parser.write(body)
        parser.finalize()
    except ValueError as error:  # python-multipart's errors are ValueErrors
        raise Rejected("form.malformed", str(error)) from error
    return made, files
