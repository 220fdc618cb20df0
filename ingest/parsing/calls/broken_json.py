"""JSON that no standard knows -> JSON; a form without turns -> the words in it. Pure.

Before: detection.py could not decode a transcript, or its reader found nobody's words. After: it
reads them. Python's json writes NaN (Whisper's own does), C programs leave a NUL, loggers write a
line an object.
"""

import re

import msgspec

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|-?\bInfinity\b|\bNaN\b', re.DOTALL)
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)
_WORDS = ("transcript", "display", "text", "content", "transcription_text")
_MAX_DEPTH = 12
_MAX_WORDS = 200_000


def repair_json(body: bytes) -> bytes:
    """Return JSON without what is none: NaN, half a character, NULs; lines of objects as a list."""
    body = _TOKEN.sub(_repair_token, body.strip(b" \t\r\n\0"))
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > 1 and all(line.strip()[:1] + line.strip()[-1:] == b"{}" for line in lines):
        return b"[" + b",".join(lines) + b"]"
    return body


def _repair_token(found: re.Match[bytes]) -> bytes:
    token = found[0]
    return _ESCAPE.sub(_repair_escape, token) if token[:1] == b'"' else b"null"


def _repair_escape(found: re.Match[bytes]) -> bytes:
    escape = found[0]
    return b"\\ufffd" if len(escape) == 6 and escape[2:3] in b"dD" else escape


def find_words(body: bytes) -> str:
    """Return what is written under the names that vendors give to words, in their order."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    words: list[str] = []
    _collect(document, words, 0)
    return " ".join(words)


def _collect(value: object, words: list[str], depth: int) -> None:
    if depth > _MAX_DEPTH or len(words) >= _MAX_WORDS:
        return
    if isinstance(value, list):
        for item in value:
            _collect(item, words, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in _WORDS and isinstance(item, str):
                words += [item.strip()] if item.strip() else []
            else:
                _collect(item, words, depth + 1)
