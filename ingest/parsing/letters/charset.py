"""Decodes bytes by the declared charset, UTF-8, Turkish or a detected one. Never raises.

The text is in NFC and has no lone surrogates. Source: RFC 2978, and the labels that real mail
programs write.
"""

import codecs
import contextlib
import functools
import re

from charset_normalizer import from_bytes

from ingest.parsing.letters.composition import compose
from ingest.parsing.letters.undeclared_charset import guess, guess_escaped, is_latin

_ALIASES = {
    "latin5": "cp1254",
    "l5": "cp1254",
    "csisolatin5": "cp1254",
    "iso88599": "cp1254",
    "iso88599windows": "cp1254",
    "windows28599": "cp1254",
    "windows1254": "cp1254",
    "cp1254": "cp1254",
    "turkish": "cp1254",
    "ansi": "cp1254",
    "iso88591": "cp1252",
    "latin1": "cp1252",
    "windows1252": "cp1252",
    "cp1252": "cp1252",
    "usascii": "cp1252",
    "ascii": "cp1252",
    "macturkish": "mac-turkish",
    "cp857": "cp857",
    "ibm857": "cp857",
    "cp850": "cp850",
    "utf8mb4": "utf-8",
    "utf8mac": "utf-8",
    "utf8": "utf-8",
    "unicode11utf7": "utf-7",
    "utf7": "utf-7",
    "csutf7": "utf-7",
    "csunicode11utf7": "utf-7",
    "unicode20utf7": "utf-7",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "csiso2022jp": "iso2022_jp",
    "hzgb2312": "hz",
    "ksc56011987": "cp949",
    "euckr": "cp949",
    "shiftjis": "cp932",
    "xsjis": "cp932",
}
"""Codecs by labels in lower case without punctuation; a subset's label gets the larger charset."""

# Codecs of Python that no label means, because they transform bytes or produce nonsense silently.
_NOT_TEXT_CODECS = re.compile(
    r"^(idna|punycode|rot.?13|hex|uu|zlib|bz2|zip|base64|quopri|quoted|unicode.?escape|"
    r"raw.?unicode.?escape|undefined|mbcs|oem|utf.?16|utf.?32)"
)
# ğ ı ş İ Ş Ğ in windows-1254; invalid UTF-8 with one of these is probably Turkish.
_TURKISH = frozenset(b"\xf0\xfd\xfe\xdd\xde\xd0")
_STATEFUL_CODECS = {
    "utf-7",
    "hz",
    "iso2022_jp",
    "iso2022_jp_1",
    "iso2022_jp_2",
    "iso2022_jp_3",
    "iso2022_kr",
}
"""Charsets that write other letters as ASCII bytes."""


def codec(label: str | None) -> str | None:
    """Return the Python codec of a charset label, None for an unknown or unusable one."""
    return _codec(label) if label else None


@functools.lru_cache(maxsize=64)  # mails repeat a few labels
def _codec(label: str) -> str | None:
    bare = re.split(r"[;,\s]", label.strip(" \"'").lower())[0].removeprefix("x-")
    if not bare or _NOT_TEXT_CODECS.match(bare):
        return None
    alias = _ALIASES.get(re.sub(r"[^a-z0-9]", "", bare))
    if alias:
        return alias
    try:
        "".encode(bare)
    except (LookupError, ValueError):
        return None
    return bare


def decode(data: bytes, label: str | None = None) -> tuple[str, str | None]:
    """Return the text, and the code of a repair, which is None for a true declaration."""
    if not label and data.isascii() and b"\x1b" not in data:
        return data.decode("ascii").replace("\x00", ""), None
    utf16 = _utf16_codec(data, label)
    if utf16:
        text = data.decode(utf16, "replace").removeprefix("\ufeff")
        return _clean(text), None if label else "charset.undeclared"
    return _decode_single_bytes(data, label)


def _decode_single_bytes(data: bytes, label: str | None) -> tuple[str, str | None]:
    """Decode like `decode`, without UTF-16.

    UTF-8 comes first for a single-byte Latin label or none, because valid UTF-8 with bytes beyond
    ASCII is nearly always UTF-8.
    """
    declared = codec(label)
    stateful = declared is not None and codecs.lookup(declared).name in _STATEFUL_CODECS
    if data.isascii() and not stateful:
        escaped = guess_escaped(data) if b"\x1b" in data else None
        if escaped:
            return _clean(data.decode(escaped)), "charset.wrong" if label else "charset.undeclared"
        return data.decode("ascii").replace("\x00", ""), None
    if stateful and not data.isascii():
        declared = None
    missing = "charset.unknown" if label else "charset.undeclared"
    if declared in (None, "utf-8", "cp1252", "cp1254"):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
        else:
            if declared is None:
                return _clean(text), missing
            return _clean(text), None if declared == "utf-8" else "charset.wrong"
    if declared is None:
        return _decode_guessed(data), missing
    text, is_right = _decode_declared(data, declared)
    return _clean(text), None if is_right else "charset.wrong"


def _decode_declared(data: bytes, declared: str) -> tuple[str, bool]:
    """Return the text in the declared charset, and whether the declaration is true."""
    if declared == "cp1252":
        script = guess(data)
        if script:
            return data.decode(script, "replace"), False
        if _TURKISH & set(data[:_SAMPLE_BYTES]) and _seems_turkish(data):
            return _decode_turkish(data), False
    if declared == "cp1254":
        return _decode_turkish(data), True
    if declared == "utf-8":
        damaged = data.decode("utf-8", "replace")
        holes = damaged.count("\ufffd")
        # UTF-8 with holes, or cut at its end, has more complete characters than broken ones.
        if sum(c > "\x7f" for c in damaged[:_SAMPLE_BYTES]) - holes > holes:
            return damaged, False
        return _decode_guessed(data), False
    try:
        return data.decode(declared), True
    except (UnicodeError, LookupError):
        return _decode_utf7(data) if declared == "utf-7" else _decode_guessed(data), False


def _decode_guessed(data: bytes) -> str:
    """Return the text of bytes without a known charset; Turkish goes before a detector."""
    script = guess(data)
    if script:
        return _clean(data.decode(script, "replace"))
    if _seems_turkish(data) or (len(data) < _MIN_DETECTED_BYTES and is_latin(data)):
        return _clean(_decode_turkish(data))
    best = from_bytes(data[:_SAMPLE_BYTES]).best()
    if best is not None and codec(best.encoding) is not None:
        with contextlib.suppress(UnicodeError, LookupError):
            return _clean(data.decode(best.encoding))
    return _clean(_decode_turkish(data))


def _decode_utf7(data: bytes) -> str:
    """Return UTF-7 text in which a "+" can be a plus sign, and the last letter can be cut."""
    pieces = []
    for plain, shifted in _UTF7_RUN.findall(data):
        try:
            pieces.append("+" if shifted == b"+" else (plain + shifted).decode("utf-7"))
        except UnicodeError:
            pieces.append((plain + shifted).decode("ascii", "replace"))
    return "".join(pieces)


_UTF7_RUN = re.compile(rb"([^+]+)|(\+(?:[A-Za-z0-9+/]+-?|-?))")


_MAX_SAMPLE_BYTES = 2000  # enough to count the NULs of UTF-16


def _utf16_codec(data: bytes, label: str | None) -> str | None:
    """Return the codec of UTF-16 bytes, which have a byte order mark or many NULs."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") and len(data) % 2 == 0:
        return "utf-16"
    sample = data[:_MAX_SAMPLE_BYTES]
    if "16" not in (label or "") or len(sample) < 2:
        return None
    low, high = sample[1::2].count(0), sample[::2].count(0)
    if max(low, high) * 4 < len(sample) // 2:
        return None
    return "utf-16-le" if low > high else "utf-16-be"


def _decode_turkish(data: bytes) -> str:
    """Decode windows-1254.

    Its seven undefined bytes become the C1 characters of ISO-8859-9.
    """
    return data.decode("cp1254", "surrogateescape").translate(_HOLES)


_HOLES = {0xDC00 + byte: chr(byte) for byte in range(0x80, 0x100)}
_LETTERS = b"\xe7\xf0\xfd\xf6\xfe\xfc\xc7\xd0\xdd\xd6\xde\xdc\xe2\xee\xfb"
_PUNCTUATION = bytes(range(0x80, 0xC0))
_ASCII = bytes(range(0x80))
_ASCII_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _seems_turkish(data: bytes) -> bool:
    """Say whether most high letters are Turkish ones, among more ASCII letters."""
    sample = data[:_SAMPLE_BYTES]
    high = sample.translate(None, _ASCII + _PUNCTUATION)
    foreign = high.translate(None, _LETTERS)
    plain = len(sample) - len(sample.translate(None, _ASCII_LETTERS))
    return len(foreign) <= 0.2 * len(high) and plain >= len(high)


_SAMPLE_BYTES = 20_000
_MIN_DETECTED_BYTES = 64  # for fewer, Western Europe is a better guess than a detector's
_SURROGATE = re.compile("[\ud800-\udfff]")


def _clean(text: str) -> str:
    return compose(_SURROGATE.sub("\ufffd", text.replace("\x00", "")))
