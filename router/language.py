"""Turkish, English or neither, from small words, endings, letters and pieces of words. Pure.

Before: the texts of a batch, and folded. After: decide.py. Third languages are recognised by their
own small words, so that German is not called English; what they leave open is told by the pieces
of its words. A text that says nothing is "und", and the conversation's language stands in. Turkish
is told by its endings even when typed without its letters.
"""

import functools
import re
from collections.abc import Sequence
from pathlib import Path

import ahocorasick_rs

from router.model import Model, load
from schemas.fold import fold

_FOREIGN = re.compile(r"[əƏñßãõøåłőű]|\b[qQ][aıoueAIOUE]\w*[ıışğİŞĞ]")
"""Letters of neither language; a q before a Turkish letter is Azerbaijani."""

_NAMES = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[@#]\w+")

_WORDS = {
    "tr": "ve bir bu icin ile de da mi mu ne neden nasil var yok degil cok daha ama gibi kadar "
          "olarak sonra once hala beni bana benim siz sizin size sizi lutfen merhaba tesekkurler "
          "tesekkur ederim selam kac nerede ki ya hic her sey zaman gun hemen artik iyi gunler "
          "tamam evet hayir",
    "en": "the and is are was were my your you i it to of for not have has been this that with on "
          "in at be do does did can cannot please would what when where why how hello hi thanks "
          "thank still any want need from there but or if me we they yes no ok",
    "de": "und der die das ist nicht ich sie ein eine mit auf fur wir haben habe mein bitte "
          "danke wurde noch auch bei guten",
    "fr": "le la les des est et je vous nous pas une un que qui dans avec pour mon merci bonjour "
          "votre sur ete commande",
    "es": "el los las es y que de en un una por para con mi no gracias hola esta pedido como "
          "muy su",
    "it": "il lo gli che di non per con una mio grazie ciao sono della questo ordine",
    "ru": "ne na chto kak eto ya vy",
    "nl": "het een van ik niet de dat en voor met mijn hallo bedankt",
    "az": "ucun deyil men sizin salam zehmet olmasa necedir",
    "pt": "nao uma com para meu minha obrigado voce pedido por",
}  # fmt: skip
_ENDINGS = (
    "yorum", "iyor", "uyor", "misiniz", "musunuz", "iniz", "unuz", "mistir", "mustur", "larim",
    "lerim", "lari", "leri", "madim", "medim", "yim", "yum", "dim", "dum", "tim", "tum", "digim",
    "dugum", "mamis", "memis", "acak", "ecek", "lik", "luk", "imiz", "umuz", "siniz", "sunuz",
)  # fmt: skip
_LETTERS = frozenset("şğıİŞĞ")


def _compile() -> tuple[ahocorasick_rs.AhoCorasick, list[list[tuple[str, float]]]]:
    table: dict[str, list[tuple[str, float]]] = {}
    for language, words in _WORDS.items():
        for word in set(words.split()):
            table.setdefault(f" {word} ", []).append((language, 1.0))
    for ending in _ENDINGS:
        table.setdefault(f"{ending} ", []).append(("tr", 0.9))
    keys = list(table)
    return ahocorasick_rs.AhoCorasick(keys), [table[k] for k in keys]


_AUTOMATON, _WEIGHTS = _compile()
_LOOKED_AT = 600  # characters: more tells nothing new
_ENOUGH = 120  # characters for the model
_SURE = 2.0
"""From this many small words more than any other language's on, the model need not be asked."""

FILE = Path(__file__).parent / "language.model"


@functools.cache
def _model() -> Model:
    return load(FILE)


def languages(texts: Sequence[str], folded: Sequence[str]) -> list[str]:
    """Return "tr", "en", or "und" (neither, or nothing to tell by) for each text.

    Small words and endings settle long texts; short and odd ones are told by the pieces of their
    words (deploy/language_model.py).
    """
    made = [_by_words(t, f) for t, f in zip(texts, folded, strict=True)]
    open_ = [i for i, found in enumerate(made) if not found]
    if open_:
        shown = [_bare(texts[i]) for i in open_]
        told = _model()
        best = told.chosen(told.shares(told.margins(shown))).tolist()
        for i, text, label in zip(open_, shown, best, strict=True):
            name = told.head.labels[label]
            mine = name in ("tr", "en") and _latin(text) and not _FOREIGN.search(text)
            made[i] = name if mine else "und"
    return made


def _bare(text: str) -> str:
    """Return the beginning of a text without names, links and addresses, which are in no
    language."""
    return _NAMES.sub(" ", text[: 3 * _ENOUGH])[:_ENOUGH]


def _latin(text: str) -> bool:
    """Say whether a text has Latin letters, and no more of another script."""
    letters = [c for c in text if c.isalpha()]
    latin = sum(c <= "\u024f" for c in letters)
    return latin >= 2 and 2 * latin > len(letters)


def _by_words(text: str, folded: str) -> str:
    """Return the language when small words leave no doubt, "und" included; else nothing."""
    scores: dict[str, float] = {}
    part = folded[:_LOOKED_AT]
    for pattern in _AUTOMATON.find_matches_as_indexes(part, overlapping=True):
        for name, weight in _WEIGHTS[pattern[0]]:
            scores[name] = scores.get(name, 0.0) + weight
    if not text.isascii() and not _LETTERS.isdisjoint(text[:_LOOKED_AT]):
        scores["tr"] = scores.get("tr", 0.0) + 1.5
    if not scores:
        return ""
    best = max(scores, key=lambda k: (scores[k], k == "tr", k == "en", k))
    second = max((v for k, v in scores.items() if k != best), default=0.0)
    if scores[best] < _SURE or scores[best] < second + _SURE:
        return ""
    return best if best in ("tr", "en") else "und"


def language(text: str) -> str:
    """Return the language of one text."""
    return languages([text], [fold(text)])[0]
