"""The language of a text: Turkish, English or neither. Pure.

Small words and endings settle a long text. Endings show Turkish even where its letters are missing,
and the small words of other languages keep German from being called English. language.model settles
short and odd texts by the pieces of their words. A text without a sign is "und", and decide.py then
takes the language of its conversation.
The lists of words, endings and letters were written for this project. language.model was learned by
deploy/language_model.py from wordfreq's word lists and the Universal Declaration of Human Rights.
"""

import functools
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from router.models import model_file
from router.models.model import Model
from router.text.word_cache import WordCache
from schemas.text.fold import fold

_FOREIGN = re.compile(r"[əƏñÑßãÃõÕøØåÅłŁőŐűŰ]|\b[qQ][aıoueAIOUE]\w*[ışğŞĞ]")
"""Letters of neither language; a q before a Turkish letter is Azerbaijani."""

_BEYOND = re.compile("[^\x00-\u024f]")  # Latin letters end there
_TWO_LETTERS = re.compile(r"[^\W\d_].*?[^\W\d_]", re.DOTALL)
_NAME = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[@#]\w+")

# Small words of each language, in the spelling of schemas/text/fold.py.
# "tr" and "en" need enough words to settle a long text without the model; the others need only the
# words that keep their texts from being called Turkish or English.
_WORDS = {
    "tr": "icin mi mu neden nasil yok degil cok gibi kadar olarak sonra bana benim sizin sizi "
    "lutfen merhaba tesekkurler tesekkur ederim kac nerede hemen artik iyi gunler tamam "
    "hayir sadece oldu boyle soyle oyle tum ayni dogru veya biz diye kendi birlikte diger "
    "simdi cunku baska ancak bunu karsi yani yine bugun yarin dun bizim hakkinda bunun "
    "biraz ayrica eski hicbir ilgili bize gercek fakat sahip uzerine uzerinde geldi "
    "geliyor gelmedi hep ediyor burada orada bizi kimse yerine istiyorum kotu oluyor "
    "olmuyor demek gerek belki hafta bircok olabilir tekrar dedi aslinda hangi yeniden "
    "yoksa gercekten yaptigi ediyorum olsa bunlar asla birkac karar olmus ozellikle "
    "yaninda ragmen yapti cikti niye nicin yanlis nedir degildir varsa konusunda "
    "nedeniyle sanki durum surekli olursa sorun tane benden hepsi sonucu soru ciddi "
    "kendimi yapiyor yapin kesin herkes herkesin kesinlikle misiniz musunuz yalnizca "
    "zaten keske bence bari ulan lan seyi seyler bisey birsey bilmiyorum ediyoruz "
    "istiyoruz olmadi bekliyorum cekmiyor calismiyor acilmiyor gelmiyor yardim acil "
    "musteri siparis siparisim iade ucret lira sikayet rezalet gunaydin beklemek hizli "
    "yavas yuksek dusuk guzel bozuk bunlari onlari seninle sana sayin verin gecen",
    "en": "and your you not been this that with please what would when where why thanks there "
    "from they does did cannot still need about out who their which she some other its "
    "our only after into know make could back because should really too going before "
    "never those through while something used every between always since another thing "
    "things again without against found might money someone until doing having getting "
    "looking already anything nothing enough everything made told told including seen "
    "using tried trying went came within early fact become almost started taking wrong "
    "anyone pretty remember probably wanted wait either rather whether yourself myself "
    "although asked heard gets instead seems thinking happened finally received exactly "
    "whatever perhaps currently isn wasn didn doesn hasn haven aren couldn won",
    "de": "und der die das ist nicht ich sie ein eine mit auf fur wir haben habe mein bitte "
    "danke wurde noch auch bei guten",
    "fr": "le la les des est et je vous nous pas une un que qui dans avec pour mon merci "
    "bonjour votre sur ete commande",
    "es": "el los las es y que de en un una por para con mi no gracias hola esta pedido como "
    "muy su",
    "it": "il lo gli che di non per con una mio grazie ciao sono della questo ordine",
    "ru": "ne na chto kak eto ya vy",
    "nl": "het een van ik niet de dat en voor met mijn hallo bedankt",
    "az": "ucun deyil men sizin salam zehmet olmasa necedir",
    "pt": "nao uma com para meu minha obrigado voce pedido por",
}
_SHARED_WORDS = {
    "tr": "ve bir bu ile de da ne var daha ama once hala beni siz size selam ki ya hic her sey "
    "zaman gun evet ben sen bile",
    "en": "the are is was were my i it to of for have has on in at be do can how hello hi any "
    "want but or if me we yes no ok thank an will get all",
}
"""Small words that other languages have too; they count half."""

_ENDINGS = (
    "yorum",
    "iyor",
    "uyor",
    "misiniz",
    "musunuz",
    "iniz",
    "unuz",
    "mistir",
    "mustur",
    "larim",
    "lerim",
    "lari",
    "leri",
    "madim",
    "medim",
    "yim",
    "yum",
    "dim",
    "dum",
    "tim",
    "tum",
    "digim",
    "dugum",
    "mamis",
    "memis",
    "acak",
    "ecek",
    "lik",
    "luk",
    "imiz",
    "umuz",
    "siniz",
    "sunuz",
)
_TURKISH = frozenset("şğ")
"""Without ı and İ, which appear and disappear when a text changes its case."""

_OTHERS = frozenset("əƏňýäåæøßñãõéèêëàáóòíìúùąęćłńśżźčšžřůěőűșțþð")
_LETTERS = _TURKISH | _OTHERS
_MAX_LETTER_CHARS = 600
"""Letters are looked for in this many characters."""

_TURKISH_LETTER_WEIGHT = 1.5
_FOREIGN_LETTER_WEIGHT = 2.0
"""Each different letter of other languages weighs this much against Turkish and English."""

_SHARED_WORD_WEIGHT = 0.5
_ENDING_WEIGHT = 0.9
"""An ending weighs less than a small word, because a word of another language may have it too."""

_Votes = tuple[float, float, tuple[str, ...]]
"""How much a word speaks for Turkish and for English, and the other languages that have it."""


def _weigh_small_words() -> dict[str, dict[str, float]]:
    """Return the weight of each small word for each language that has it."""
    weights: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for words_of, weight in ((_WORDS, 1.0), (_SHARED_WORDS, _SHARED_WORD_WEIGHT)):
        for language, words in words_of.items():
            for word in words.split():
                weights[word][language] = weight
    return weights


_WEIGHTS = _weigh_small_words()


def _count_votes(word: str) -> _Votes | None:
    """Return the votes of a word, None when it speaks for no language."""
    weights = _WEIGHTS.get(word, {})
    turkish = weights.get("tr", 0.0) + _ENDING_WEIGHT * sum(map(word.endswith, _ENDINGS))
    others = tuple([name for name in weights if name not in ("tr", "en")])
    return (turkish, weights.get("en", 0.0), others) if turkish or weights else None


_VOTES = WordCache(_count_votes)

_MAX_WORDS = 100
"""Votes are counted in this many words; more of them rarely change the result."""

_MODEL_CHARS = 60
"""The model reads this many characters, about nine words, as in its longest training phrases."""

_MIN_LEAD = 2.0
"""A lead of this many small words over any other language settles a text without the model."""

_MIN_LEAD_UNOPPOSED = 1.6
"""The same when no word speaks for another language. It is more than letters alone give, or three
shared words."""

MODEL_FILE = Path(model_file.__file__).with_name("language.model")
"""Beside the sources; a compiled copy of this module is in another folder."""


@functools.cache
def _load_model() -> Model:
    return model_file.load(MODEL_FILE)


def detect_language(text: str) -> str:
    """Return the language of one text."""
    return detect_languages([text], [fold(text).split()])[0]


def detect_languages(texts: Sequence[str], words: Sequence[Sequence[str]]) -> list[str]:
    """Return "tr", "en" or "und" for each text; `words` are the folded words of each.

    "und" is any other language, and a text that shows none.
    """
    by_words = [_language_by_words(t, w) for t, w in zip(texts, words, strict=True)]
    by_model = iter(
        _languages_by_model([t for t, name in zip(texts, by_words, strict=True) if name is None])
    )
    return [next(by_model) if name is None else name for name in by_words]


def _languages_by_model(texts: list[str]) -> list[str]:
    """Return the language of each text by the pieces of its words."""
    if not texts:
        return []
    model = _load_model()
    starts = list(map(_beginning, texts))
    numbers = model.choose_labels(model.to_probabilities(model.compute_margins(starts)))
    return [
        _checked_label(start, model.head.labels[number])
        for start, number in zip(starts, numbers.tolist(), strict=True)
    ]


def _checked_label(text: str, label: str) -> str:
    """Return the label of a text, "und" when its letters rule the label out."""
    is_ours = label in ("tr", "en") and _is_latin(text) and not _FOREIGN.search(text)
    return label if is_ours else "und"


def _beginning(text: str) -> str:
    """Return the beginning of a text without names, links and addresses, which have no language."""
    return " ".join(_NAME.sub(" ", text[: 6 * _MODEL_CHARS]).split())[:_MODEL_CHARS]


def _is_latin(text: str) -> bool:
    """Say whether a text has Latin letters, and no more letters of another script."""
    if not _BEYOND.search(text):
        return _TWO_LETTERS.search(text) is not None
    letters = [c for c in text if c.isalpha()]
    latin = sum(not _BEYOND.match(c) for c in letters)
    return latin >= 2 and 2 * latin > len(letters)


def _language_by_words(text: str, words: Sequence[str]) -> str | None:
    """Return the language, "und" included, when small words leave no doubt; else None."""
    turkish = english = 0.0
    thirds: dict[str, float] = {}
    for tr, en, others in filter(None, map(_VOTES.__getitem__, words[:_MAX_WORDS])):
        turkish += tr
        english += en
        for name in others:
            thirds[name] = thirds.get(name, 0.0) + 1
    third = max(thirds.values()) if thirds else 0.0
    if not text.isascii():
        letters = _LETTERS.intersection(text[:_MAX_LETTER_CHARS].lower())
        if not letters.isdisjoint(_TURKISH):
            turkish += _TURKISH_LETTER_WEIGHT
        third += _FOREIGN_LETTER_WEIGHT * len(letters - _TURKISH)
    scores = {"tr": turkish, "en": english, "und": third}
    _, second, first = sorted(scores.values())
    if first < second + (_MIN_LEAD if second else _MIN_LEAD_UNOPPOSED):
        return None
    return max(scores, key=scores.__getitem__)  # its lead rules out a tie
