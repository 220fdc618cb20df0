"""Invented labelled lines, and the models that tests train on them."""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence

from router.models.model import Model
from router.training.dataset import LabelledLines, read_labelled
from router.training.train import TrainingOptions, train_model
from tests.support.messages import NOW, PACK

FILLERS = (
    "bugün",
    "dün",
    "yine",
    "hala",
    "bu ay",
    "üç gündür",
    "maalesef",
    "lütfen",
    "acaba",
    "neden",
)
_TEMPLATES = {
    "billing": (
        "faturam {} yüksek geldi",
        "{} ay fatura tutarı yanlış",
        "fazla ücret {} yansıtılmış",
        "faturayı {} ödeyemedim",
    ),
    "technical": (
        "internet {} çok yavaş",
        "modem {} çalışmıyor",
        "{} bağlantı sürekli kopuyor",
        "şebeke {} çekmiyor",
    ),
    "returns": (
        "ürünü {} iade etmek istiyorum",
        "{} iade param yatmadı",
        "değişim {} için kargo",
        "kutu {} kırık geldi iade",
    ),
}

FEW_TEXTS = {
    "billing": (
        "faturam yanlış",
        "fatura çok yüksek",
        "my invoice is wrong",
        "faturayı itiraz ediyorum",
    ),
    "technical": ("modem çalışmıyor", "internet yok", "no signal here", "internetim kopuyor"),
    "returns": ("iade etmek istiyorum", "ürün kırık geldi", "i want a refund", "geri göndereceğim"),
}
"""Four texts of each department, too few to learn its other words."""

OTHER_TEXTS = {
    "billing": (
        "i was charged twice",
        "fazla ücret yansıtılmış",
        "kartımdan iki kez çekilmiş",
        "overcharged again",
    ),
    "technical": ("şebeke yok", "the connection drops", "çekmiyor burası", "router is dead"),
    "returns": (
        "kutudan hasarlı çıktı",
        "it arrived damaged",
        "parçalanmış halde ulaştı",
        "torn apart",
    ),
}
"""Texts of the same departments in other words; the default rules match most of them."""


def encode_lines(pairs: Iterable[tuple[str, str | None]]) -> list[bytes]:
    """Return JSON lines of (text, label) pairs."""
    return [json.dumps({"text": text, "label": label}).encode() for text, label in pairs]


def label_texts(texts: Mapping[str, Sequence[str]]) -> LabelledLines:
    """Return the lines of the texts of each label."""
    pairs = [(text, label) for label, some in texts.items() for text in some]
    return read_labelled(encode_lines(pairs))


def department_lines(*more: tuple[str, str | None]) -> list[bytes]:
    """Return 120 lines of three departments, and more lines after them."""
    pairs = [
        (template.format(filler), label)
        for label, templates in _TEMPLATES.items()
        for template in templates
        for filler in FILLERS
    ]
    return encode_lines([*pairs, *more])


def train_departments(*more: tuple[str, str | None]) -> Model:
    """Return a model of these lines, which learns by the default rules too."""
    lines = read_labelled(department_lines(*more))
    return train_model(lines, "department", NOW, TrainingOptions(pack=PACK))


@functools.cache
def department_model() -> Model:
    """Return the model of the three departments, which the tests of a process share."""
    return train_departments()
