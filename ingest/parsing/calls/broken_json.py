"""Repairs JSON that breaks the standard, and finds the words in JSON without utterances. Pure.

detection.py repairs a transcript that it can't decode, and takes the words where its reader found
none. Python's json writes NaN, as Whisper's own does; C programs leave a NUL; loggers write an
object a line.
"""

import re
from collections.abc import Iterator
from itertools import islice

import msgspec

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|-?\bInfinity\b|\bNaN\b', re.DOTALL)
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)
_WORD_KEYS = ("transcript", "display", "text", "content", "transcription_text")
_MAX_DEPTH = 12
_MAX_WORDS = 200_000


def repair_json(body: bytes) -> bytes:
    """Replace NaN, halves of characters and NULs, and join lines of objects to a list."""
    body = _TOKEN.sub(_repair_token, body.strip(b" \t\r\n\0"))
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > 1 and all(line.strip()[:1] + line.strip()[-1:] == b"{}" for line in lines):
        return b"[" + b",".join(lines) + b"]"
    return body


def _repair_token(match: re.Match[bytes]) -> bytes:
    token = match[0]
    return _ESCAPE.sub(_repair_escape, token) if token[:1] == b'"' else b"null"


def _repair_escape(match: re.Match[bytes]) -> bytes:
    escape = match[0]
    return b"\\ufffd" if len(escape) == 6 and escape[2:3] in b"dD" else escape


def find_words(body: bytes) -> str:
    """Return the texts under the keys that vendors use for words, in their order."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return " ".join(islice(_walk(document, 0), _MAX_WORDS))


def _walk(value: object, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in _WORD_KEYS and isinstance(item, str):
                if item.strip():
                    yield item.strip()
            else:
                yield from _walk(item, depth + 1)
