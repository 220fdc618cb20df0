"""Turkish, English or neither, from small words, endings, letters and pieces of words. Pure.

Before: the texts of a batch, and folded. After: decision/decide.py. Third languages are recognised
by their own small words, so that German is not called English; what they leave open is told by the
pieces of its words. A text that says nothing is "und", and the conversation's language stands in.
Turkish is told by its endings even when typed without its letters.
"""

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from router.models.model import Model
from router.models.model_file import load
from router.text.word_cache import WordCache
from schemas.text.fold import fold

_FOREIGN = re.compile(r"[əƏñÑßãÃõÕøØåÅłŁőŐűŰ]|\b[qQ][aıoueAIOUE]\w*[ışğŞĞ]")
"""Letters of neither language; a q before a Turkish letter is Azerbaijani."""

_BEYOND = re.compile("[^\x00-\u024f]")  # Latin letters end there
_TWO_LETTERS = re.compile(r"[^\W\d_].*?[^\W\d_]", re.DOTALL)
_NAMES = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[@#]\w+")

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
_SHARED = {
    "tr": "ve bir bu ile de da ne var daha ama once hala beni siz size selam ki ya hic her sey "
    "zaman gun evet ben sen bile",
    "en": "the are is was were my i it to of for have has on in at be do can how hello hi any "
    "want but or if me we yes no ok thank an will get all",
}
"""Small words that other languages have too: half as good."""

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
_LETTERS_IN = 600  # characters
_LETTER, _OTHER = 1.5, 2.0
"""What Turkish letters weigh, and each different letter of other languages against both."""
_HALF = 0.5
_ENDING = 0.9
"""What an ending weighs: a word of another language may have it too."""


_Votes = tuple[float, float, tuple[str, ...]]
"""How much a word speaks for Turkish and for English, and the other languages that have it."""


def _looker() -> Callable[[str], _Votes | None]:
    """Return what says for which languages a word speaks."""
    table: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for words_of, weight in ((_WORDS, 1.0), (_SHARED, _HALF)):
        for language, words in words_of.items():
            for word in words.split():
                table[word][language] = weight

    def look(word: str) -> _Votes | None:
        votes = table.get(word, {})
        turkish = votes.get("tr", 0.0) + _ENDING * sum(map(word.endswith, _ENDINGS))
        others = tuple([name for name in votes if name not in ("tr", "en")])
        return (turkish, votes.get("en", 0.0), others) if turkish or votes else None

    return look


_VOTES = WordCache(_looker())
_LOOKED_AT = 100  # words: more tells nothing new
_ENOUGH = 60  # characters for the model
_SURE = 2.0
"""From this many small words more than any other language's on, the model need not be asked."""
_ALONE = 1.6
"""The same where no word speaks for another language: more than letters or three shared words."""

FILE = Path(__file__).parent / "language.model"


@functools.cache
def _model() -> Model:
    return load(FILE)


def languages(texts: Sequence[str], words: Sequence[Sequence[str]]) -> list[str]:
    """Return "tr", "en", or "und" (neither, or nothing to tell by) for each text, whose folded
    words these are.

    Small words and endings settle long texts; short and odd ones are told by the pieces of their
    words (deploy/language_model.py).
    """
    made = [_by_words(t, w) for t, w in zip(texts, words, strict=True)]
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
    return " ".join(_NAMES.sub(" ", text[: 6 * _ENOUGH]).split())[:_ENOUGH]


def _latin(text: str) -> bool:
    """Say whether a text has Latin letters, and no more of another script."""
    if not _BEYOND.search(text):
        return _TWO_LETTERS.search(text) is not None
    letters = [c for c in text if c.isalpha()]
    latin = sum(not _BEYOND.match(c) for c in letters)
    return latin >= 2 and 2 * latin > len(letters)


def _by_words(text: str, words: Sequence[str]) -> str:
    """Return the language when small words leave no doubt, "und" included; else nothing."""
    turkish = english = 0.0
    thirds: dict[str, float] = {}
    for tr, en, others in filter(None, map(_VOTES.__getitem__, words[:_LOOKED_AT])):
        turkish += tr
        english += en
        for name in others:
            thirds[name] = thirds.get(name, 0.0) + 1
    third = max(thirds.values()) if thirds else 0.0
    if not text.isascii():
        letters = _LETTERS.intersection(text[:_LETTERS_IN].lower())
        if not letters.isdisjoint(_TURKISH):
            turkish += _LETTER
        third += _OTHER * len(letters - _TURKISH)
    first, second, _ = sorted((turkish, english, third))[::-1]
    if first < second + (_SURE if second else _ALONE):
        return ""
    return "tr" if first == turkish else "en" if first == english else "und"


def language(text: str) -> str:
    """Return the language of one text."""
    return languages([text], [fold(text).split()])[0]
