"""The only coder between Structs and Kafka records, in the binary mode of CloudEvents 1.0.

Source: CloudEvents Kafka protocol binding 1.0.2 (section 3.2) and W3C Trace Context. Pure.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from schemas.base import Record
from schemas.errors import Rejected
from schemas.topics import RECORD_LIMIT, Topic

R = TypeVar("R", bound=Record)
Headers = list[tuple[str, bytes]]

_encoder = msgspec.json.Encoder()
_decoders: dict[type[Record], msgspec.json.Decoder[Record]] = {}
_CONTENT_HEADER = ("content-type", b"application/json")
_SPECVERSION_HEADER = ("ce_specversion", b"1.0")


def _decoder(struct: type[Record]) -> "msgspec.json.Decoder[Record]":
    decoder = _decoders.get(struct)
    if decoder is None:
        decoder = _decoders[struct] = msgspec.json.Decoder(struct)
    return decoder


def encode(record: Record) -> bytes:
    """Return the record's JSON; raise Rejected(record.too_large) beyond RECORD_LIMIT bytes."""
    value = _encoder.encode(record)
    if len(value) > RECORD_LIMIT:
        name = type(record).__name__
        raise Rejected(
            "record.too_large", f"a {name} of {len(value)} bytes, the limit is {RECORD_LIMIT}"
        )
    return value


def decode(struct: type[R], value: bytes | None) -> R:
    """Return the Struct in a record's value; raise Rejected(record.undecodable) with the fault."""
    if value is None:
        raise Rejected("record.undecodable", f"no value instead of a {struct.__name__}")
    try:
        return _decoder(struct).decode(value)  # type: ignore[return-value]  # the table keeps the pair
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("record.undecodable", f"not a {struct.__name__}: {error}") from error


def decode_body(struct: type[R], body: bytes) -> R:
    """Return the Struct in a JSON body from outside; raise Rejected with the path of the fault."""
    try:
        return _decoder(struct).decode(body)  # type: ignore[return-value]  # the table keeps the pair
    except msgspec.ValidationError as error:
        raise Rejected("json.invalid", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("json.malformed", str(error)) from error


def headers(topic: Topic[R], record: R, source: str, traceparent: str | None) -> Headers:
    """Return the CloudEvents headers of a topic's record."""
    return headers_from(
        topic.ce_type.encode(),
        topic.id_of(record),
        source.encode(),
        topic.time_of(record).isoformat().encode(),
        traceparent,
    )


def headers_from(
    ce_type: bytes, identifier: str, source: bytes, time: bytes, traceparent: str | None
) -> Headers:
    """Return the same headers from parts that were encoded once for many records."""
    result: Headers = [
        ("ce_type", ce_type),
        ("ce_id", identifier.encode()),
        ("ce_source", source),
        ("ce_time", time),
        _SPECVERSION_HEADER,
        _CONTENT_HEADER,
    ]
    if traceparent:
        result.append(("traceparent", traceparent.encode()))
    return result


def with_type(headers: Headers, ce_type: bytes) -> Headers:
    """Return the headers of another record about the same message; `ce_type` is the first one."""
    return [("ce_type", ce_type), *headers[1:]]


def traceparent_of(raw: Sequence[tuple[str, bytes | str | None]] | None) -> str | None:
    """Return the traceparent among a record's headers, or None."""
    for name, value in raw or ():
        if name == "traceparent" and value:
            return value.decode("ascii", "replace") if isinstance(value, bytes) else value
    return None
