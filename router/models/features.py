"""Features of texts for the linear models: hashed pieces of words, whole words and pairs of them.

A text is folded. It keeps no case and no Turkish letters, and has one sign for every digit and one
for each mood of an emoji. A repeated letter counts twice at most. Pieces of three and four
characters do not cross words. numpy hashes a batch of texts together, but the features of a text do
not depend on its neighbours. The lists of good and bad emoji were written for this project. Pure.
"""

import codecs
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from router.models.arrays import Bools, Floats, Hashes, Ints
from schemas.text.fold import table

_BUCKET_BITS = 18
BUCKETS = 1 << _BUCKET_BITS
_MAX_CHARS = 3000
"""Features are taken from this many characters. The main concern is never further down, and the
time of a text stays bounded."""

VERSION = 2
"""The version of these features; a model of another version is refused."""

PIECE_LENGTHS = (3, 4)
"""Pieces of two and five characters gain 0.2 % of accuracy and cost two thirds more time. The model
of languages uses them."""

_STEM_CHARS = 5
"""A pair has the beginnings of its words, because Turkish puts its endings behind the stem."""

_PUNCTUATION = "!?"
_SPACE = 32
_GOOD_SIGN, _BAD_SIGN, _OTHER_SIGN = "¤", "¦", "§"
_MOOD_SIGNS = (_GOOD_SIGN, _BAD_SIGN, _OTHER_SIGN)
_GOOD_EMOJI = frozenset(
    "😀😁😂😃😄😅😆😉😊😋😍😎😘😇🙂🤗🤩🥰😻👍👏🙏🎉💯💪✨🌟💐🌹💚💙💛💜🧡❤♥☺✌👌🥳😌"
)
_BAD_EMOJI = frozenset("😠😡😢😣😤😥😨😩😪😫😭😞😟😔😒😖😓😰😱🤬🤮🤢👿😾👎💔☹🙁🖕💩😑😐🙄😕")
_EMOJI_SIGNS = dict.fromkeys(_GOOD_EMOJI, _GOOD_SIGN) | dict.fromkeys(_BAD_EMOJI, _BAD_SIGN)
_FNV_PRIME = np.uint64(1099511628211)  # the prime of FNV-1a
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2 to the 64th over the golden ratio (Knuth)

_Hashed = tuple[Ints, Hashes, Ints]
"""The text, the hash and the word of each occurrence of a feature."""


def _encode_emoji(error: UnicodeError) -> tuple[str, int]:
    """Return the signs of the moods for characters that windows-1254 does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    chars = error.object[error.start : error.end]
    return "".join([_EMOJI_SIGNS.get(char, _OTHER_SIGN) for char in chars]), error.end


codecs.register_error("santral.mood", _encode_emoji)


def _sign(char: str, plain: str) -> str:
    """Return the sign of a character; all digits share one."""
    if plain.isdigit():
        return "0"
    if plain.isascii() and plain.isalnum():
        return plain
    return char if char in _PUNCTUATION or char in _MOOD_SIGNS else ""


_TABLE = table(_sign)


@dataclass(frozen=True, slots=True)
class Features:
    """The features of `texts` texts, in the order of the texts.

    Each occurrence has its `text`, its `bucket` and its `word`. Each word has its text in
    `word_text`, and its start and end there in characters.
    """

    texts: int
    text: Ints
    bucket: Ints
    word: Ints
    word_text: Ints
    word_start: Ints
    word_end: Ints


def extract_features(texts: list[str], lengths: tuple[int, ...] = PIECE_LENGTHS) -> Features:
    """Return the features of a batch, with pieces of these lengths."""
    chars, offset, text = _join_texts(texts)
    space = chars == _SPACE
    starts = np.flatnonzero(space[:-1] & ~space[1:]) + 1
    ends = np.flatnonzero(~space[:-1] & space[1:]) + 1
    occurrences = (
        _hash_pieces(chars, space, text, starts, lengths),
        _hash_words(chars, starts, ends, text),
        _hash_pairs(chars, starts, ends, text),
    )
    text_of, hashed, word = (np.concatenate(arrays) for arrays in zip(*occurrences, strict=True))
    return Features(
        texts=len(texts),
        text=text_of,
        bucket=_to_buckets(hashed),
        word=word,
        word_text=text[starts],
        word_start=offset[starts],
        word_end=offset[ends],
    )


def weigh_features(features: Features) -> tuple[Ints, Ints, Floats]:
    """Return (text, bucket, weight) of each different feature of each text, sorted by both.

    The weight is 1 + ln(occurrences). The sort is by radix, first 16 bits of the bucket and then
    the rest of it with the text; a batch therefore has 16,384 texts at most.
    """
    low = np.argsort((features.bucket & 0xFFFF).astype(np.uint16), kind="stable")
    high = ((features.text.take(low) << 2) | (features.bucket.take(low) >> 16)).astype(np.uint16)
    order = low.take(np.argsort(high, kind="stable"))
    text, bucket = features.text.take(order), features.bucket.take(order)
    if not len(text):
        return text, bucket, np.zeros(0, np.float32)
    new = np.empty(len(text), bool)
    new[0] = True
    np.not_equal(bucket[1:], bucket[:-1], out=new[1:])
    new[1:] |= text[1:] != text[:-1]
    first = np.flatnonzero(new)
    count = np.diff(np.append(first, len(text)))
    return text.take(first), bucket.take(first), (1 + np.log(count)).astype(np.float32)


def rule_bucket(rule: str) -> int:
    """Return the bucket of a rule, by its id."""
    return int.from_bytes(blake2b(rule.encode(), digest_size=8).digest()) % BUCKETS


def _join_texts(texts: list[str]) -> tuple[Hashes, Ints, Ints]:
    """Return the characters of all texts in a row, each text between spaces.

    The other arrays have the offset of each character in its text, and the number of its text.
    """
    rows = [
        b" " + t[:_MAX_CHARS].encode("cp1254", "santral.mood").translate(_TABLE) + b" "
        for t in texts
    ]
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    chars = np.frombuffer(b"".join(rows), np.uint8)
    text = np.repeat(np.arange(len(rows)), lengths)
    offset = np.arange(len(chars)) - np.repeat(np.cumsum(lengths) - lengths, lengths) - 1
    same = np.zeros(len(chars), bool)
    same[1:] = chars[1:] == chars[:-1]
    drop = same & (chars == _SPACE)
    drop[2:] |= same[2:] & same[1:-1]  # the third of a kind, and all after it
    drop[1:] &= text[1:] == text[:-1]
    keep = ~drop
    return chars[keep].astype(np.uint64), offset[keep], text[keep]


def _hash_pieces(
    chars: Hashes, space: Bools, text: Ints, starts: Ints, lengths: tuple[int, ...]
) -> _Hashed:
    """Return the pieces of words, which include the spaces around a word."""
    count = len(chars)
    spaces = np.zeros(count + 1, np.int64)
    np.cumsum(space, out=spaces[1:])
    begins = np.zeros(count + 1, np.int64)
    begins[starts] = 1
    word = np.cumsum(begins)[:count] - 1  # a space counts to the word before it
    rolling = chars + np.uint64(1)
    pieces: list[_Hashed] = []
    for length in range(2, max(lengths) + 1):
        last = count - length + 1
        if last <= 0:
            break
        rolling = (rolling[:last] * _FNV_PRIME) ^ (chars[length - 1 :] + np.uint64(length * 1000))
        if length not in lengths:
            continue
        inside = spaces[length - 1 : count] - spaces[1 : last + 1] == 0
        inside &= text[:last] == text[length - 1 :]
        first = np.flatnonzero(inside)
        # A piece that begins with a space belongs to the word behind it.
        owner = word.take(first) + (space.take(first) & ~space.take(first + 1))
        pieces.append((text.take(first), rolling.take(first), owner))
    if not pieces:
        return np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.int64)
    texts, hashes, words = zip(*pieces, strict=True)
    return np.concatenate(texts), np.concatenate(hashes), np.concatenate(words)


def _hash_runs(chars: Hashes, starts: Ints, ends: Ints) -> Hashes:
    """Return a hash of each run of characters."""
    if not len(starts):
        return np.zeros(0, np.uint64)
    lengths = ends - starts
    firsts = np.cumsum(lengths) - lengths
    inner = np.arange(int(lengths.sum())) - np.repeat(firsts, lengths)
    taken = chars[np.repeat(starts, lengths) + inner]
    salt = (inner.astype(np.uint64) * np.uint64(2) + np.uint64(1)) * _GOLDEN
    mixed = (taken + np.uint64(7)) * salt
    mixed ^= mixed >> np.uint64(32)
    sums: Hashes = np.add.reduceat(mixed * _FNV_PRIME, firsts)
    return sums * _GOLDEN


def _hash_words(chars: Hashes, starts: Ints, ends: Ints, text: Ints) -> _Hashed:
    return text[starts], _hash_runs(chars, starts, ends), np.arange(len(starts))


def _hash_pairs(chars: Hashes, starts: Ints, ends: Ints, text: Ints) -> _Hashed:
    """Return pairs of neighbours, by the beginnings of their words."""
    stems = _hash_runs(chars, starts, np.minimum(ends, starts + _STEM_CHARS))
    texts = text[starts]
    first = np.flatnonzero(texts[1:] == texts[:-1])
    return texts[first], (stems[first] * _FNV_PRIME) ^ (stems[first + 1] + np.uint64(77)), first


def _to_buckets(hashed: Hashes) -> Ints:
    mixed = hashed * _GOLDEN
    mixed ^= mixed >> np.uint64(31)
    buckets: Ints = ((mixed * _GOLDEN) >> np.uint64(64 - _BUCKET_BITS)).astype(np.int64)
    return buckets
