"""A bounded cache of results by word; customers use the same words over and over. Pure.

A result depends on the word alone, so the cache changes how long a decision takes and nothing else.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_MAX_WORDS = 50_000
"""The words that a contact centre's customers write in days. A full cache starts empty again."""

_MAX_WORD_CHARS = 40
"""Longer words are rare; without them a full cache stays under 10 MB."""


class WordCache(dict[str, T], Generic[T]):
    """The results of `compute` by word; `cache[word]` computes a missing one."""

    def __init__(self, compute: Callable[[str], T], max_words: int = _MAX_WORDS) -> None:
        super().__init__()
        self._compute, self._max_words = compute, max_words

    def __missing__(self, word: str) -> T:
        result = self._compute(word)
        if len(word) <= _MAX_WORD_CHARS:
            if len(self) >= self._max_words:
                self.clear()
            self[word] = result
        return result
