"""Turkish, English or neither, from small words, endings and letters. Pure.

Before: a folded text. After: decide.py. Third languages are recognised by their own small words,
so that German is not called English; a text that says nothing is "und", and the conversation's
language stands in. Turkish is told by its endings even when typed without its letters.
"""

import ahocorasick_rs

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


def language(text: str, folded: str) -> str:
    """Return "tr", "en", or "und" for neither or nothing to tell by."""
    scores: dict[str, float] = {}
    part = folded[:_LOOKED_AT]
    for pattern in _AUTOMATON.find_matches_as_indexes(part, overlapping=True):
        for name, weight in _WEIGHTS[pattern[0]]:
            scores[name] = scores.get(name, 0.0) + weight
    if not text.isascii() and not _LETTERS.isdisjoint(text[:_LOOKED_AT]):
        scores["tr"] = scores.get("tr", 0.0) + 1.5
    if not scores:
        return "und"
    best = max(scores, key=lambda k: (scores[k], k == "tr", k == "en", k))
    return best if best in ("tr", "en") else "und"
