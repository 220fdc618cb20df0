"""Takes a vCon out of its gzip, its signature or its base64. Pure."""

import base64
import binascii
import gzip
import io

import msgspec

from ingest.parsing.calls.formats.vcon.wire import Encrypted, Signed
from ingest.parsing.json_values import decode_json
from schemas.errors import Rejected

MAX_UNPACKED_BYTES = 64 * 1024 * 1024
"""The limit of what a packed transcript may unpack to, so that a gzip bomb is refused."""

_MAX_SIGNATURES = 3  # a signed vCon may be signed again
_MAX_HEAD_BYTES = 200_000  # the payload of a JWS begins within these bytes


def open_signed(raw: bytes) -> tuple[bytes, str]:
    """Return the vCon in a JWS, and the flag that nobody checked the signature."""
    for _ in range(_MAX_SIGNATURES):
        payload = decode_json(Signed, raw).payload
        raw = unpack_gzip(_decode_base64(payload))
        if b'"payload"' not in raw[:_MAX_HEAD_BYTES] or b'"signatures"' not in raw:
            break
    return raw, "signature_unverified"


def encrypted_error(raw: bytes) -> Rejected:
    """Return the refusal of a JWE, with the uuid that its open header names."""
    header = decode_json(Encrypted, raw).unprotected or {}
    return Rejected("call.encrypted", f"vCon {header.get('uuid', 'without uuid')}: there is no key")


def unpack_gzip(raw: bytes) -> bytes:
    """Return the contents of a gzip, or the bytes themselves; raise Rejected for a bomb."""
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            contents = file.read(MAX_UNPACKED_BYTES + 1)
    except (OSError, EOFError, ValueError) as error:
        raise Rejected("call.undecodable", f"gzip: {error}") from error
    if len(contents) > MAX_UNPACKED_BYTES:
        raise Rejected("call.undecodable", f"gzip: more than {MAX_UNPACKED_BYTES} bytes")
    return contents


def decode_body(body: msgspec.Raw, encoding: str | None) -> object:
    """Return a body as a list, an object or a text.

    The declared encoding can be wrong, so JSON is tried first.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return ""
    if not isinstance(value, str):
        return value
    text = value
    if encoding == "base64url":
        try:
            text = unpack_gzip(_decode_base64(value)).decode("utf-8", "replace")
        except Rejected:
            text = value
    try:
        inner = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return text
    return inner if isinstance(inner, dict | list) else text


def _decode_base64(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode("ascii", "ignore") + b"==")
    except (binascii.Error, ValueError) as error:
        raise Rejected("call.undecodable", f"base64url: {error}") from error
