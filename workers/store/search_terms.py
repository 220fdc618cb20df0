"""The searchable terms of a message, and those of a person's search. Pure.

The index holds each personal number as a keyed hash, so that the whole number finds its message and
its beginning does not. It also holds phones and numbers without their separators, so that any
spelling finds them.
"""

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from schemas.message import Message
from schemas.text.digit_runs import SEPARATORS
from schemas.text.fold import fold
from schemas.text.personal_numbers import find_personal_numbers, without

WORDS_CHARS = 4000
"""Length of a text's beginning whose words are indexed, in characters."""
NUMBERS_CHARS = 32_000
"""Length of a text's beginning whose numbers are indexed, in characters."""

_APART = "\n\n\n"
"""A separator that no number spans."""
_GAP = rf"[{SEPARATORS}]{{0,3}}"
_TURKISH_PHONE = re.compile(
    rf"(?<![0-9+])(?:(?:\+|00)?90{_GAP})?(?:0{_GAP})?([2-5](?:{_GAP}[0-9]){{9}})(?![0-9])"
)
_NUMBER_START = re.compile(r"[+0-9](?<![+0-9]{2})")
"""The first character of a number. Looking for a phone nowhere else is much faster."""
_FOREIGN_PHONE = re.compile(rf"\+([1-9](?:{_GAP}[0-9]){{7,14}})(?![0-9])")
_GROUPS = re.compile(r"[0-9]+(?:[-./_ ][0-9]+){0,6}")
_CODE = re.compile(r"[0-9][0-9A-Za-z]*(?:[-./_][0-9A-Za-z]*[0-9][0-9A-Za-z]*){0,5}")
_CODE_BEFORE = re.compile(r"[A-Za-z]{1,6}[-./_]?$")
"""The letters before a code's digits. Searching digits first is much faster."""
_BEFORE_CODE = frozenset("-./_\n")
"""The characters other than a letter that may precede a code's digits."""
_NOT_BARE = re.compile(r"[^0-9A-Za-z]")
_DIGIT = re.compile(r"[0-9]")
_DIGITS = b"0123456789"
_MIN_DIGITS = 4
"""Shorter numbers, such as a quantity, would match too many messages."""
_MIN_PHONE_DIGITS = 8
_MAX_NUMBER_CHARS = 24
_MAX_WRITTEN_CHARS = 256
"""A number with its separators; the text is read this far beyond its limit, to its last number."""
_MAX_CODE_PREFIX_CHARS = 7
_HASH_DIGITS = 24  # 96 bits of a hash
"""The letters and the separator before a code's digits."""
_MAX_NUMBER_WORDS = 8

# Our tokens begin with letters that begin no Turkish or English word.
_TOKENS = _PERSONAL, _PHONE, _JOINED = "zqp", "zqt", "zqn"


@dataclass(frozen=True)
class Terms:
    """A search: tokens and word beginnings that must all match, or one of `either`.

    `exact` says that the search is for a whole number.
    """

    tokens: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    exact: bool = False


def words_of(message: Message, sender: str, key: bytes) -> str:
    """Return the words and tokens of a message, separated by spaces; `key` hashes its numbers."""
    before = _APART.join([message.subject, message.sender.name, sender, ""])
    text = before + message.full_text[: NUMBERS_CHARS + _MAX_WRITTEN_CHARS]
    numbers = find_personal_numbers(text)
    rest = without(text, numbers)[: len(before) + NUMBERS_CHARS].replace("\0", " ")
    tokens = [_hashed(key, text[n.start : n.end]) for n in numbers] if key else []
    digits = _count_digits(rest)
    if digits >= _MIN_PHONE_DIGITS:
        tokens += phone_tokens(rest)
    if digits >= _MIN_DIGITS:
        tokens += _joined_numbers(rest)
    return f"{fold(rest[: len(before) + WORDS_CHARS])}{' '.join(dict.fromkeys(tokens))}"


def terms_of(search: str, key: bytes) -> Terms:
    """Return the terms of a person's search."""
    numbers = find_personal_numbers(search)
    rest = without(search, numbers).replace("\0", " ")
    tokens = [_hashed(key, search[n.start : n.end]) for n in numbers]
    phones = phone_tokens(rest)
    if phones:
        tokens += phones
        rest = _FOREIGN_PHONE.sub(" ", _TURKISH_PHONE.sub(" ", rest))
    words = fold(rest).split()
    beginnings = tuple(word for word in words if not _may_begin_token(word))
    full_words = tuple(word for word in words if _may_begin_token(word))
    if tokens:
        return Terms(tokens=(*tokens, *full_words), beginnings=beginnings, exact=not words)
    if _is_number(search.strip()):
        # A lone number as typed, joined, or a personal number that only a nearby word reveals.
        either = (_JOINED + _bare(search), _hashed(key, search))
        return Terms(beginnings=beginnings, either=either, exact=True)
    return Terms(tokens=full_words, beginnings=beginnings)


def _may_begin_token(word: str) -> bool:
    """Say whether a token of our own begins with a word, or the word with it.

    Otherwise a search for "z" would find everybody who wrote a number, and a search for a token
    those who wrote the same one.
    """
    return any(name.startswith(word) or word.startswith(name) for name in _TOKENS)


def _joined_numbers(text: str) -> list[str]:
    """Return a token for each number of a text, and for each code that contains one."""
    written = _GROUPS.findall(text)
    for match in _CODE.finditer(text):
        start = match.start()
        if start and (text[start - 1] in _BEFORE_CODE or text[start - 1].isalpha()):
            before = _CODE_BEFORE.search(text, max(0, start - _MAX_CODE_PREFIX_CHARS), start)
            if before is not None:
                written.append(before[0] + match[0])
    bare = [_bare(number) for number in written]
    return [
        _JOINED + number
        for number in bare
        if _MIN_DIGITS <= len(number) <= _MAX_NUMBER_CHARS and _count_digits(number) >= _MIN_DIGITS
    ]


def phone_tokens(text: str) -> list[str]:
    """Return a token for each telephone number: Turkish ones without code and trunk zero."""
    turkish = [_bare(number) for number in _turkish_phones(text)]
    foreign = [_bare(match[1]) for match in _FOREIGN_PHONE.finditer(text)]
    return [_PHONE + n for n in [*turkish, *(n for n in foreign if not n.startswith("90"))]]


def _turkish_phones(text: str) -> Iterator[str]:
    end = 0
    for first in _NUMBER_START.finditer(text):
        if first.start() >= end:
            match = _TURKISH_PHONE.match(text, first.start())
            if match is not None:
                end = match.end()
                yield match[1]


def _hashed(key: bytes, number: str) -> str:
    digest = hmac.new(key, f"santral.search.{_bare(number)}".encode(), sha256).hexdigest()
    return _PERSONAL + digest[:_HASH_DIGITS]


def _bare(number: str) -> str:
    if number.isascii() and number.isdecimal():
        return number
    return _NOT_BARE.sub("", number).lower()


def _count_digits(text: str) -> int:
    """Return how many of 0 to 9 a text has, which `translate` counts faster than a pattern."""
    encoded = text.encode("ascii", "replace")
    return len(encoded) - len(encoded.translate(None, _DIGITS))


def _is_number(text: str) -> bool:
    """Say whether a text is one number, such as 4581237, SIP-2024-0113 or 458 12 37."""
    bare = _bare(text)
    if not bare.isascii() or len(bare) > _MAX_NUMBER_CHARS or _count_digits(bare) < _MIN_DIGITS:
        return False
    words = re.split(rf"[{SEPARATORS}#]+", text.strip())
    return (
        all(_DIGIT.search(w) or len(w) <= _MIN_DIGITS for w in words)
        and len(words) <= _MAX_NUMBER_WORDS
    )


def key_name(key: bytes) -> str:
    """Return a name for the hashing key, which shows the index when the key has changed."""
    return hmac.new(key, b"santral.search.key", sha256).hexdigest()[:16]


def fts5_query(terms: Terms) -> str:
    """Return the search for SQLite's FTS5; terms have only letters and digits."""
    every = " ".join([*(f'"{t}"' for t in terms.tokens), *(f'"{b}"*' for b in terms.beginnings)])
    return _any(every, (f'"{e}"' for e in terms.either), " OR ")


def ts_query(terms: Terms) -> str:
    """Return the search for PostgreSQL's to_tsquery."""
    every = " & ".join([*terms.tokens, *(f"{b}:*" for b in terms.beginnings)])
    return _any(every, terms.either, " | ")


def _any(every: str, either: Iterable[str], separator: str) -> str:
    return separator.join([*([f"({every})"] if every else []), *either])
