"""Invented lines of two labels that only the meaning of their words tells apart.

No word has a piece in common with another, so a model learns nothing from one about the others.
"""

import functools

from router.models.model import Model
from router.training.dataset import read_labelled
from router.training.train import TrainingOptions, train_model
from tests.support.messages import NOW
from tests.support.router.trained_models import encode_lines

_WORDS = {
    "food": "elma armut ekmek peynir zeytin domates pilav makarna tavuk balık yumurta süt yoğurt bal "
    "reçel çorba köfte börek baklava dondurma muz üzüm karpuz kavun patates soğan havuç ıspanak "
    "mercimek nohut pizza hamburger sosis sucuk pastırma lokum helva simit poğaça kurabiye çilek "
    "kiraz erik incir nar portakal limon ceviz fındık badem tuz şeker biber sarımsak kebap dolma "
    "sarma tost",
    "wear": "gömlek pantolon etek ceket kazak hırka mont palto elbise çorap ayakkabı bot sandalet terlik "
    "şapka bere eldiven atkı kemer kravat bluz tişört şort pijama mayo bikini yelek tayt tunik "
    "fular eşarp çizme spor-ayakkabı sweatshirt kaban yağmurluk smokin takım-elbise kot fistan "
    "jean jacket trousers skirt socks shoes gloves scarf hat belt tie sweater coat shirt dress "
    "slippers pyjamas raincoat vest",
}
FOOD, WEAR = (words.split() for words in _WORDS.values())

LABELLED = [(word, label) for label, words in _WORDS.items() for word in words.split()]


@functools.cache
def embedding_model() -> Model:
    """Return a model with an embedding stage, which the tests of a process share."""
    lines = read_labelled(encode_lines(LABELLED))
    return train_model(lines, "intent", NOW, TrainingOptions(second_look_share=0.4))


def repeated_lines() -> list[bytes]:
    """Return lines of two labels that a model tells apart without any help."""
    pairs = [(f"{word} {number}", word) for word in ("fatura", "kargo") for number in range(20)]
    return encode_lines(pairs)
