"""Recognises a text that only says goodbye, such as "Teşekkürler, sorun çözüldü". Pure.

Every word of such a text is in goodbye_words.toml. A word that is not there, such as "but" or a
number, makes the text a message that people read. A goodbye that is not recognised costs a person a
look, while a swallowed request would cost a customer the answer.
"""

import functools
import re
import tomllib
from pathlib import Path

from schemas.text.fold import fold

MAX_GOODBYE_CHARS = 240
"""A goodbye is short; a longer text always goes to people."""

_MAX_REMEMBERED_WORDS = 10_000
"""Most words occur often, and the search for a typing mistake takes most of the time."""
_MIN_FUZZY_LETTERS = 6
"""A shorter word of thanks is too similar to other words to have a typing mistake."""
_TWO_MISTAKES_LETTERS = 8
_RUN = re.compile(r"(.)\1+")
_WORD = re.compile(r"[^\W_]+(?:['’`´][^\W_]+)*")
_QUESTION = re.compile(r"[?¿؟]")
_ASKING = re.compile(
    r"(?:^|\b(?:thanks|thank you|thx|ty|cheers|so|and|ok|great|perfect) )"
    r"(?:is|are|was|were|has|have|did|does|do|am|will) (?:it|this|that|my|our|the|your|all)\b"
)
"""A question in English without its mark: "thanks, is my refund complete"."""
_SMILEY = re.compile(
    r"(?<!\w)(?:[:;=8][-']?[)\]dDpP3*]+|<3+|\^_?\^|:'?-?\)+|xd+)(?!\w)", re.IGNORECASE
)
_THANKED_NAME = re.compile(
    r"(?:Many |Ok,? |Okay,? |Great,? |Perfect,? )?(?:Thanks?|thanks?|Thx|thx|Cheers|cheers)"
    r"(?: you)?(?: (?:so much|very much|a lot))?,? [A-ZÇĞİÖŞÜ][a-zçğıöşü]+[\s!.🙏👍😊]*"
)
_GLAD_SIGNS = frozenset(
    "👍👌🙏🙌👏🤝💪🤗😊🙂😀😃😄😁😍🥰😘☺🎉✨💯✅✔❤🧡💛💚💙💜🖤🤍💐🌹🌸🌺🌷🌼🌟⭐💫🤲🫶🤩😎😉😇🥳♥🍀"
)
"""Signs of thanks and of content. A text with another one goes to people."""

_SIGN_PARTS = frozenset("\ufe0f\u200d🏻🏼🏽🏾🏿♀♂")
_PUNCTUATION = frozenset("’‘“”…–—•·")


def _plain(word: str) -> str:
    """Return a word folded, without apostrophes, and with each run of a letter as one letter."""
    folded = fold(re.sub("['’`´]", "", word)).replace(" ", "")
    return _RUN.sub(r"\1", folded)


def _read_words(lists: dict[str, str], name: str) -> frozenset[str]:
    return frozenset(map(_plain, lists[name].split()))


def _read_phrases(lists: dict[str, str], name: str) -> frozenset[tuple[str, ...]]:
    phrases = lists[name].split(",")
    return frozenset(tuple(map(_plain, phrase.split())) for phrase in phrases)


_LISTS = tomllib.loads((Path(__file__).parent / "goodbye_words.toml").read_text(encoding="utf-8"))
_THANKS, _FILLERS = _read_words(_LISTS, "thanks"), _read_words(_LISTS, "fillers")
_PHRASES = {name: _read_phrases(_LISTS, name) for name in ("endings", "done", "well", "steps")}
_TITLES = _read_words(_LISTS, "titles")
_MAX_PHRASE_WORDS = max(map(len, frozenset().union(*_PHRASES.values())))
_LONG_THANKS = frozenset(word for word in _THANKS if len(word) >= _MIN_FUZZY_LETTERS)
_CLASSES = {
    name: _read_words(_LISTS, name)
    for name in ("greetings", "negations", "troubles", "nouns", "solved", "arrived")
}
_BLOCKING = _read_words(_LISTS, "blocking")
_NEGATIVE = re.compile(r"\d|(?:m[ae](?:d[iu]|z|y[ae]n|yor|den|dan|mi)|(?:n|t)m?iyor|siz|suz)|nt$")
"""A number, or the endings of a Turkish or English "not" and "without"."""
_MAX_REASON_WORDS = 5
_FOR = _plain("for"), _plain("için")


def is_goodbye(text: str, sender_name: str = "") -> bool:
    """Say whether a text only thanks, says that all is well, and says goodbye.

    The words of `sender_name` may be in the text, as a signature.
    """
    if not text or len(text) > MAX_GOODBYE_CHARS or _QUESTION.search(text):
        return False
    if _ASKING.search(" ".join(fold(text).split())):
        return False
    text, smileys = _SMILEY.subn(" ", text)
    signs = [char for char in text if _is_sign(char)]
    if any(char not in _GLAD_SIGNS and char not in _SIGN_PARTS for char in signs):
        return False
    is_glad = smileys > 0 or not _GLAD_SIGNS.isdisjoint(signs)
    typed = _WORD.findall(text)
    if not typed:
        return is_glad
    words = _without_names(text, typed, {_plain(word) for word in _WORD.findall(sender_name)})
    words = _without_reasons(words)
    kinds = _kinds_of(words)
    if kinds is None or not _is_consistent(kinds):
        return False
    if "thanks" in kinds:
        return True
    # "Tamam 👍" and "İyi günler" end a conversation. "Tamam" alone may answer a question of ours.
    return "greetings" not in kinds and ("endings" in kinds or is_glad)


def _kinds_of(words: list[str]) -> set[str] | None:
    """Return the lists that cover all words, or None if one of them is in no list."""
    kinds: set[str] = set()
    position = 0
    while position < len(words):
        length, matching = _match(words, position)
        if not length:
            return None
        kinds |= matching
        position += length
    return kinds


def _is_consistent(kinds: set[str]) -> bool:
    """Say whether troubles are solved, things have come, and a "no" asks for nothing else."""
    if "troubles" in kinds and "solved" not in kinds:
        return False
    if "nouns" in kinds and kinds.isdisjoint(("solved", "arrived", "well")):
        return False
    if "steps" in kinds and kinds.isdisjoint(("solved", "arrived")):
        return False
    return "negations" not in kinds or "done" in kinds


def _match(words: list[str], position: int) -> tuple[int, set[str]]:
    """Return the number of words that a phrase or a word of the lists covers, and its lists."""
    for length in range(min(_MAX_PHRASE_WORDS, len(words) - position), 0, -1):
        phrase = tuple(words[position : position + length])
        matching = {name for name, phrases in _PHRASES.items() if phrase in phrases}
        if matching:
            return length, matching | ({"thanks"} if any(map(_is_thanks, phrase)) else set())
    word = words[position]
    if _is_thanks(word):
        return 1, {"thanks"}
    matching = {name for name, correct in _CLASSES.items() if word in correct}
    return (1, matching) if matching or word in _FILLERS else (0, matching)


def _without_names(text: str, typed: list[str], names: set[str]) -> list[str]:
    """Return the folded words without the sender's own name and the names before a title.

    A name in a short English text of thanks, such as "Thank you, Sarah", has no title.
    """
    if _THANKED_NAME.fullmatch(text.strip()):
        typed = typed[:-1]
    plain = list(map(_plain, typed))
    return [
        word
        for word, following in zip(plain, [*plain[1:], ""], strict=True)
        if word not in names
        and not (word.isalpha() and following in _TITLES and not _match([word], 0)[0])
    ]


def _without_reasons(words: list[str]) -> list[str]:
    """Return the words without those of "thanks for the fast refund" that are in no list.

    In Turkish they stand before the thanks, as in "hızlı iade için teşekkürler".
    """
    if not any(map(_is_thanks, words)):
        return words
    remaining = list(words)
    for word in _FOR:
        if word not in words:
            continue
        position = words.index(word)
        is_english = word == _FOR[0]
        before, after = words[:position], words[position + 1 :]
        thanks = before[-3:] if is_english else after[:3]
        reason = after[:_MAX_REASON_WORDS] if is_english else before[-_MAX_REASON_WORDS:]
        if not any(map(_is_thanks, thanks)) or any(map(_is_blocking, words)):
            continue
        free = {each for each in reason if _match([each], 0) in ((0, set()), (1, {"nouns"}))}
        remaining = [each for each in remaining if each not in free]
    return remaining


def _is_blocking(word: str) -> bool:
    return word in _BLOCKING or _NEGATIVE.search(word) is not None


@functools.lru_cache(_MAX_REMEMBERED_WORDS)
def _is_thanks(word: str) -> bool:
    return word in _THANKS or (
        len(word) >= _MIN_FUZZY_LETTERS
        and any(_is_mistyped(word, correct) for correct in _LONG_THANKS)
    )


def _is_mistyped(word: str, correct: str) -> bool:
    """Say whether one or two letters of a word of thanks are missing, other, added or swapped."""
    mistakes = 1 if len(correct) < _TWO_MISTAKES_LETTERS else 2
    if word[0] != correct[0] or abs(len(word) - len(correct)) > mistakes:
        return False
    return _distance(word, correct) <= mistakes


def _distance(first: str, second: str) -> int:
    """Return how many letters differ (Damerau, Communications of the ACM 7(3), 1964)."""
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(second, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _is_sign(char: str) -> bool:
    """Say whether a character is a picture, or a part of one."""
    is_word = char.isalnum() or char.isspace()
    return ord(char) > 0x2000 and not is_word and char not in _PUNCTUATION
