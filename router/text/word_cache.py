"""What is known of words, asked once a word: people use the same ones over and over. Pure.

Before: rules.py and models/language.py say what a word tells them. After: they read texts word by
word. An answer depends on the word alone, so remembering it changes how long a decision takes and
nothing else.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_REMEMBERED = 50_000
"""Words kept: what a contact centre's customers write in days. Then it begins anew."""

_LONGEST = 40
"""Characters of a word that is kept, so that all of them stay under 10 MB."""


class Known(dict[str, T], Generic[T]):
    """Words and what `look` says of each, of `most` at a time."""

    def __init__(self, look: Callable[[str], T], most: int = _REMEMBERED) -> None:
        super().__init__()
        self._look, self._most = look, most

    def __missing__(self, word: str) -> T:
        made = self._look(word)
        if len(word) <= _LONGEST:
            if len(self) >= self._most:
                self.clear()
            self[word] = made
        return made
