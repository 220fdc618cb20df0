"""Repairs Turkish text that a wrong charset has broken. Pure.

"sayýlý" becomes sayılı (windows-1254 read as Latin-1), and so does "sayÄ±lÄ±" (UTF-8 read as
Latin-1, windows-1252 or windows-1254, once or more often). Icelandic, Faroese, Czech and Old
English have the same letters, so only text that is certainly Turkish is changed.
Source: the code pages of the Unicode Consortium (CP1252.TXT, CP1254.TXT).
"""

import functools
import re
from itertools import accumulate

from ingest.parsing.letters.composition import compose
from ingest.parsing.letters.turkish import turkish_evidence

_TURKISH_OF_LATIN = str.maketrans("ýþðÝÞÐ", "ışğİŞĞ")
_MISREAD = re.compile("[ýþðÝÞÐ]")
_TURKISH = re.compile("[ışğİŞĞ]")
_FOREIGN = re.compile("[\u0100-\u011d\u0120-\u012f\u0132-\u0151\u0154-\u015d\u0160-\u024f]")
"""Letters outside Western Europe and Turkish; beside them, ý is Turkmen, Slovak or Czech."""

_WORD = re.compile(r"[^\W\d_]+")


def _bytes_by_character() -> dict[str, int]:
    """Return the byte of each character of the three charsets."""
    table = {chr(byte): byte for byte in range(0x80, 0x100)}
    for codec in ("cp1252", "cp1254"):
        for byte in range(0x80, 0x100):
            character = bytes([byte]).decode(codec, "ignore")
            if character:
                table[character] = byte
    return table


_BYTES = _bytes_by_character()
_FOLLOWING = re.escape("".join(char for char, byte in _BYTES.items() if byte < 0xC0))
_UTF8 = re.compile(f"[ÂÃÄÅÌ][{_FOLLOWING}]|â[{_FOLLOWING}]{{2}}|[ðğ][{_FOLLOWING}]{{3}}")
"""UTF-8 of Turkish letters, of punctuation, ₺ and emoji, as a wrong charset shows it."""

_MAX_PASSES = 3  # text is rarely misread more often
_MAX_WORDS = 2000
_TURKISH_IN_UTF8 = re.compile(
    "|".join(
        re.escape(letter.encode().decode(codec))
        for letter in "ışğİ"
        for codec in ("latin-1", "cp1252")
    )
)
_EVIDENCE_OF_UTF8_LETTER = 3.0
_MIN_EVIDENCE = 6.0
"""The natural logarithm of the required odds, which are 400 to 1."""


def repair_mojibake(text: str, context: str = "") -> str:
    """Return the text with its Turkish letters, unchanged where it may be another language.

    `context` is more text of the same source, which helps to tell the language of a short text.
    """
    if not _MISREAD.search(text) and not _UTF8.search(text):
        return text
    before = text.split("\n")
    after = [_read_again(line) for line in before]
    if before == after or not _is_turkish("\n".join(after), text, context):
        return text
    return "\n".join(
        again if again == line or _is_turkish_where_changed(line, again) else line
        for line, again in zip(before, after, strict=True)
    )


def _is_turkish(after: str, before: str, context: str) -> bool:
    """Say whether a text is certainly Turkish; ş, ğ or ı in UTF-8 is evidence, too."""
    words = _WORD.findall(after)[:_MAX_WORDS]
    sums = _sum_evidence(context)
    evidence = turkish_evidence(words) + sums[min(_MAX_WORDS - len(words), len(sums) - 1)]
    letters = len(set(_TURKISH_IN_UTF8.findall(before)))
    return evidence + _EVIDENCE_OF_UTF8_LETTER * letters >= _MIN_EVIDENCE


@functools.lru_cache(maxsize=1)  # the thousands of names of a message can have one context
def _sum_evidence(context: str) -> tuple[float, ...]:
    """Return the evidence for Turkish in the first words of a context, by their number."""
    words = _WORD.findall(context)[:_MAX_WORDS]
    return tuple(accumulate((turkish_evidence([word]) for word in words), initial=0.0))


def _read_again(line: str) -> str:
    """Return a line as it was before it was misread."""
    for _ in range(_MAX_PASSES):
        again = _UTF8.sub(_decode, line)
        if again == line:
            break
        line = compose(again)
    return line if _FOREIGN.search(line) else _WORD.sub(_in_turkish, line)


def _in_turkish(word: re.Match[str]) -> str:
    """Return a word with Turkish letters; a word with ş or ğ was not misread."""
    return word[0] if _TURKISH.search(word[0]) else word[0].translate(_TURKISH_OF_LATIN)


def _decode(match: re.Match[str]) -> str:
    try:
        return bytes(map(_BYTES.__getitem__, match[0])).decode("utf-8")
    except UnicodeDecodeError:
        return match[0]


def _is_turkish_where_changed(before: str, after: str) -> bool:
    """Say whether the words that a repair changes look Turkish."""
    words = set(_WORD.findall(before))
    changed = [word for word in _WORD.findall(after) if word not in words]
    return not changed or turkish_evidence(changed) > 0 or bool(_TURKISH_IN_UTF8.search(before))
