"""Bytes -> text, whatever the charset says: declared, UTF-8, Turkish, detected. Never raises.

Before: mail headers and bodies, transcripts. After: text without lone surrogates, in NFC.
Source: RFC 2978 names, and the labels that real mail programs write.
"""

import codecs
import contextlib
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
"""Labels, lower case without punctuation, to codecs; the wider of two kin, since labels lie."""

# Codecs of Python that no mail means: they transform instead of decode, or make nonsense silently.
_NEVER = re.compile(
    r"^(idna|punycode|rot.?13|hex|uu|zlib|bz2|zip|base64|quopri|quoted|unicode.?escape|"
    r"raw.?unicode.?escape|undefined|mbcs|oem|utf.?16|utf.?32)"
)
# ğ ı ş İ Ş Ğ in windows-1254: with these, and no valid UTF-8, Turkish is the best guess.
_TURKISH = frozenset(b"\xf0\xfd\xfe\xdd\xde\xd0")
_STATEFUL = {
    "utf-7",
    "hz",
    "iso2022_jp",
    "iso2022_jp_1",
    "iso2022_jp_2",
    "iso2022_jp_3",
    "iso2022_kr",
}
"""Charsets whose text is ASCII bytes that mean something else."""


def codec(label: str | None) -> str | None:
    """Return the Python codec of a charset label, None if it is unknown or never meant."""
    bare = re.split(r"[;,\s]", (label or "").strip(" \"'").lower())[0].removeprefix("x-")
    if not bare or _NEVER.match(bare):
        return None
    known = _ALIASES.get(re.sub(r"[^a-z0-9]", "", bare))
    if known:
        return known
    try:
        "".encode(bare)
    except (LookupError, ValueError):
        return None
    return bare


def decode(data: bytes, label: str | None = None) -> tuple[str, str | None]:
    """Return the text of `data`, and a code of what was mended (None: as declared)."""
    wide = _wide(data, label)
    if wide:
        text = data.decode(wide, "replace").removeprefix("\ufeff")
        return _clean(text), None if label else "charset.undeclared"
    return _narrow(data, label)


def _narrow(data: bytes, label: str | None) -> tuple[str, str | None]:
    """As decode, for charsets of single bytes.

    UTF-8 goes first when the label says a single-byte Latin or nothing: text that is valid UTF-8
    with bytes beyond ASCII is almost never anything else.
    """
    declared = codec(label)
    stateful = declared is not None and codecs.lookup(declared).name in _STATEFUL
    if data.isascii() and not stateful:
        escaped = guess_escaped(data) if b"\x1b" in data else None
        if escaped:
            return _clean(data.decode(escaped)), "charset.wrong" if label else "charset.undeclared"
        return data.decode("ascii").replace("\x00", ""), None
    if stateful and not data.isascii():
        declared = None
    mended = None if declared else ("charset.unknown" if label else "charset.undeclared")
    if declared in (None, "utf-8", "cp1252", "cp1254"):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
        else:
            lied = declared not in (None, "utf-8")
            return _clean(text), "charset.wrong" if lied else (None if declared else mended)
    if declared is None:
        return _guessed(data), mended
    text, right = _declared(data, declared)
    return _clean(text), mended if right else "charset.wrong"


def _declared(data: bytes, declared: str) -> tuple[str, bool]:
    """Return the text of bytes that are in the charset they say, and whether they really are."""
    if declared == "cp1252":
        script = guess(data)
        if script:
            return data.decode(script, "replace"), False
        if _TURKISH & set(data[:_SAMPLE]) and _seems_turkish(data):
            return _turkish(data), False
    if declared == "cp1254":
        return _turkish(data), True
    if declared == "utf-8":
        damaged = data.decode("utf-8", "replace")
        holes = damaged.count("\ufffd")
        # More whole characters than broken ones: it is UTF-8 with holes, or cut at its end.
        if sum(c > "\x7f" for c in damaged[:_SAMPLE]) - holes > holes:
            return damaged, False
        return _guessed(data), False
    try:
        return data.decode(declared), True
    except (UnicodeError, LookupError):
        return _utf7(data) if declared == "utf-7" else _guessed(data), False


def _guessed(data: bytes) -> str:
    """Return the text of bytes whose charset nobody names: Turkish, else what is likeliest."""
    script = guess(data)
    if script:
        return _clean(data.decode(script, "replace"))
    if _seems_turkish(data) or (len(data) < _SHORT and is_latin(data)):
        return _clean(_turkish(data))
    best = from_bytes(data[:_SAMPLE]).best()
    if best is not None and codec(best.encoding) is not None:
        with contextlib.suppress(UnicodeError, LookupError):
            return _clean(data.decode(best.encoding))
    return _clean(_turkish(data))


def _utf7(data: bytes) -> str:
    """Return UTF-7 text in which a "+" may be only a plus, or the last letter be cut."""
    pieces = []
    for plain, shifted in _SHIFTED.findall(data):
        try:
            pieces.append("+" if shifted == b"+" else (plain + shifted).decode("utf-7"))
        except UnicodeError:
            pieces.append((plain + shifted).decode("ascii", "replace"))
    return "".join(pieces)


_SHIFTED = re.compile(rb"([^+]+)|(\+(?:[A-Za-z0-9+/]+-?|-?))")


def _wide(data: bytes, label: str | None) -> str | None:
    """Return UTF-16's codec when the bytes really are so: by their mark, or every second is NUL."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") and len(data) % 2 == 0:
        return "utf-16"
    sample = data[:2000]
    if "16" not in (label or "") or len(sample) < 2:
        return None
    low, high = sample[1::2].count(0), sample[::2].count(0)
    if max(low, high) * 4 < len(sample) // 2:
        return None
    return "utf-16-le" if low > high else "utf-16-be"


def _turkish(data: bytes) -> str:
    """windows-1254 never fails here: its seven holes become the C1 characters of ISO-8859-9."""
    return data.decode("cp1254", "surrogateescape").translate(_HOLES)


_HOLES = {0xDC00 + byte: chr(byte) for byte in range(0x80, 0x100)}
_LETTERS = b"\xe7\xf0\xfd\xf6\xfe\xfc\xc7\xd0\xdd\xd6\xde\xdc\xe2\xee\xfb"
_PUNCTUATION = bytes(range(0x80, 0xC0))
_ASCII = bytes(range(0x80))
_ASCII_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _seems_turkish(data: bytes) -> bool:
    """Whether the high letters are mostly Turkish ones, standing among more ASCII letters."""
    sample = data[:_SAMPLE]
    high = sample.translate(None, _ASCII + _PUNCTUATION)
    foreign = high.translate(None, _LETTERS)
    plain = len(sample) - len(sample.translate(None, _ASCII_LETTERS))
    return len(foreign) <= 0.2 * len(high) and plain >= len(high)


_SAMPLE = 20_000
_SHORT = 64  # bytes; of fewer a detector's guess is worth less than that of Western Europe
_SURROGATE = re.compile("[\ud800-\udfff]")


def _clean(text: str) -> str:
    return compose(_SURROGATE.sub("\ufffd", text.replace("\x00", "")))
