"""Features of texts for the linear models: hashed pieces of words, whole words and pairs of them.

Before: the texts of a batch. After: model.py weighs them, training/train.py learns the weights. A
text is folded (no case, no Turkish letters, one sign for every digit, moods of emoji kept), a
letter that is drawn out counts twice at most; pieces of three and four characters do not cross
words. The whole batch is hashed at once, by numpy; a text's features do not depend on its
neighbours. Pure.
"""

import codecs
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.text.fold import table

BITS = 18
BUCKETS = 1 << BITS
LENGTH = 3000
"""Characters looked at: nobody's first concern stands behind them, and time stays bounded."""

VERSION = 2
"""Of this file's way to make features: a model made by another is refused."""

GRAMS = (3, 4)
"""Lengths of the pieces. Two and five characters gain 0.2 % of accuracy and cost two thirds more
time; a language is told with them."""

_PREFIX = 5  # of a word in a pair: Turkish puts its endings behind the stem
_KEPT = "!?"
_SPACE, _MOODS = 32, {"good": "¤", "bad": "¦", "other": "§"}
_GOOD = frozenset("😀😁😂😃😄😅😆😉😊😋😍😎😘😇🙂🤗🤩🥰😻👍👏🙏🎉💯💪✨🌟💐🌹💚💙💛💜🧡❤♥☺✌👌🥳😌")
_BAD = frozenset("😠😡😢😣😤😥😨😩😪😫😭😞😟😔😒😖😓😰😱🤬🤮🤢👿😾👎💔☹🙁🖕💩😑😐🙄😕")
_STEP = np.uint64(1099511628211)  # the prime of FNV-1a
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2 to the 64th over the golden ratio (Knuth)

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


def _mood(error: UnicodeError) -> tuple[str, int]:
    """Return the sign for characters that are no letters here: an emoji's mood."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    made = ""
    for char in error.object[error.start : error.end]:
        kind = "good" if char in _GOOD else "bad" if char in _BAD else "other"
        made += _MOODS[kind]
    return made, error.end


codecs.register_error("santral.mood", _mood)


def _sign(char: str, plain: str) -> str:
    """Return what stands for a character: digits are all one."""
    if plain.isdigit():
        return "0"
    if plain.isascii() and plain.isalnum():
        return plain
    return char if char in _KEPT or char in _MOODS.values() else ""


_TABLE = table(_sign)


@dataclass(frozen=True, slots=True)
class Features:
    """The features of `texts` texts, in the order of the texts.

    For every occurrence: `text` it stands in, its `bucket`, and the `word` it belongs to. For every
    word: `word_text`, and from where to where in that text it stands, in characters.
    """

    texts: int
    text: Ints
    bucket: Ints
    word: Ints
    word_text: Ints
    word_start: Ints
    word_end: Ints


def features(texts: list[str], grams: tuple[int, ...] = GRAMS) -> Features:
    """Return the features of a batch, with pieces of these lengths."""
    chars, place, text = _laid_out(texts)
    space = chars == _SPACE
    starts = np.flatnonzero(space[:-1] & ~space[1:]) + 1
    ends = np.flatnonzero(~space[:-1] & space[1:]) + 1
    found = [_grams(chars, space, text, starts, grams), _words(chars, starts, ends, text)]
    found.append(_pairs(chars, starts, ends, text))
    order_text, hashed, word = (np.concatenate(part) for part in zip(*found, strict=True))
    return Features(
        texts=len(texts),
        text=order_text,
        bucket=_bucket(hashed),
        word=word,
        word_text=text[starts],
        word_start=place[starts],
        word_end=place[ends],
    )


def counted(made: Features) -> tuple[Ints, Ints, NDArray[np.float32]]:
    """Return (text, bucket, weight) of each different feature of each text, sorted by both.

    The weight is 1 + ln(occurrences). Sorted by radix: 16 bits of the bucket, then the rest of it
    with the text, which therefore number at most 16,384.
    """
    low = np.argsort((made.bucket & 0xFFFF).astype(np.uint16), kind="stable")
    high = ((made.text.take(low) << 2) | (made.bucket.take(low) >> 16)).astype(np.uint16)
    order = low.take(np.argsort(high, kind="stable"))
    text, bucket = made.text.take(order), made.bucket.take(order)
    if not len(text):
        return text, bucket, np.zeros(0, np.float32)
    new = np.empty(len(text), bool)
    new[0] = True
    np.not_equal(bucket[1:], bucket[:-1], out=new[1:])
    new[1:] |= text[1:] != text[:-1]
    first = np.flatnonzero(new)
    count = np.diff(np.append(first, len(text)))
    return text.take(first), bucket.take(first), (1 + np.log(count)).astype(np.float32)


def bucket_of(name: str) -> int:
    """Return the bucket of a feature that has a name: a rule that fired."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) % BUCKETS


def _laid_out(texts: list[str]) -> tuple[Words, Ints, Ints]:
    """Return the characters of all texts in a row, each text between spaces, with the place in its
    text and the number of its text for each."""
    rows = [
        b" " + t[:LENGTH].encode("cp1254", "santral.mood").translate(_TABLE) + b" " for t in texts
    ]
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    chars = np.frombuffer(b"".join(rows), np.uint8)
    text = np.repeat(np.arange(len(rows)), lengths)
    place = np.arange(len(chars)) - np.repeat(np.cumsum(lengths) - lengths, lengths) - 1
    same = np.zeros(len(chars), bool)
    same[1:] = chars[1:] == chars[:-1]
    drop = same & (chars == _SPACE)
    drop[2:] |= same[2:] & same[1:-1]  # the third of a kind and on
    drop[1:] &= text[1:] == text[:-1]
    keep = ~drop
    return chars[keep].astype(np.uint64), place[keep], text[keep]


def _grams(
    chars: Words, space: NDArray[np.bool_], text: Ints, starts: Ints, grams: tuple[int, ...]
) -> tuple[Ints, Words, Ints]:
    """Return the pieces of words, the spaces around them included."""
    count = len(chars)
    spaces = np.zeros(count + 1, np.int64)
    np.cumsum(space, out=spaces[1:])
    begins = np.zeros(count + 1, np.int64)
    begins[starts] = 1
    word = np.cumsum(begins)[:count] - 1  # of a space: the word before it
    rolling = chars + np.uint64(1)
    made: list[tuple[Any, Any, Any]] = []
    for size in range(2, max(grams) + 1):
        last = count - size + 1
        if last <= 0:
            break
        rolling = (rolling[:last] * _STEP) ^ (chars[size - 1 :] + np.uint64(size * 1000))
        if size not in grams:
            continue
        inside = spaces[size - 1 : count] - spaces[1 : last + 1] == 0
        inside &= text[:last] == text[size - 1 :]
        at = np.flatnonzero(inside)
        # A piece that begins with a space belongs to the word behind it.
        owner = word.take(at) + (space.take(at) & ~space.take(at + 1))
        made.append((text.take(at), rolling.take(at), owner))
    if not made:
        return np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.int64)
    rows, hashes, words = (np.concatenate(part) for part in zip(*made, strict=True))
    return rows, hashes, words


def _hashes(chars: Words, starts: Ints, ends: Ints) -> Words:
    """Return a hash of each run of characters."""
    if not len(starts):
        return np.zeros(0, np.uint64)
    lengths = ends - starts
    firsts = np.cumsum(lengths) - lengths
    inner = np.arange(int(lengths.sum())) - np.repeat(firsts, lengths)
    taken = chars[np.repeat(starts, lengths) + inner]
    salt = (inner.astype(np.uint64) * np.uint64(2) + np.uint64(1)) * _MIX
    mixed = (taken + np.uint64(7)) * salt
    mixed ^= mixed >> np.uint64(32)
    made: Words = np.add.reduceat(mixed * _STEP, firsts)
    return made * _MIX


def _words(chars: Words, starts: Ints, ends: Ints, text: Ints) -> tuple[Ints, Words, Ints]:
    return text[starts], _hashes(chars, starts, ends), np.arange(len(starts))


def _pairs(chars: Words, starts: Ints, ends: Ints, text: Ints) -> tuple[Ints, Words, Ints]:
    """Return neighbours by the beginnings of their words."""
    stems = _hashes(chars, starts, np.minimum(ends, starts + _PREFIX))
    rows = text[starts]
    both = np.flatnonzero(rows[1:] == rows[:-1])
    return rows[both], (stems[both] * _STEP) ^ (stems[both + 1] + np.uint64(77)), both


def _bucket(hashed: Words) -> Ints:
    mixed = hashed * _MIX
    mixed ^= mixed >> np.uint64(31)
    made: Ints = ((mixed * _MIX) >> np.uint64(64 - BITS)).astype(np.int64)
    return made
