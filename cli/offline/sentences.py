"""Every sentence of the commands, by its key, in Turkish and English.

The commands also use the sentences of the pages. A key of a step of a long work is its name in
router/training.
"""

from workers.console.texts import PAGE_SENTENCES, Sentences, Texts

COMMAND_SENTENCES: Sentences = {
    "report_written": ("Rapor {file} dosyasına yazıldı.", "The report is written to {file}."),
    "replaying": ("yeniden yönlendiriliyor", "replaying"),
    "above_limit": (
        "Değişecek iletilerin oranı {share}; en çok {limit} olabilir.",
        "{share} of the messages would change; at most {limit} may.",
    ),
    "below_limit": (
        "Doğru yönlendirilen iletilerin oranı {share}; en az {limit} olmalı.",
        "{share} of the messages are correct; at least {limit} must be.",
    ),
    "limit_unknown": (
        "Doğruluk, çalışanların kararı olmadan bilinemez; en az {limit} olmalı.",
        "Nobody knows the accuracy without people's decisions; at least {limit} must be correct.",
    ),
    "never_due": (
        "{calendar} takvimi on yıl içinde toplam {duration} açık değil; daha kısa bir süre verin.",
        "Calendar {calendar} is not open for {duration} within ten years; give a shorter time.",
    ),
    "holidays_unknown": (
        "{calendar} takvimindeki resmî tatillerin {year} yılına ait tarihleri henüz bilinmiyor.",
        "Calendar {calendar} does not know the dates of its holidays in {year} yet.",
    ),
    "lines_read": (
        "{labels} etiketli {lines} satır ve etiketsiz {unlabelled} satır okundu.",
        "Read {lines} lines with {labels} labels, and {unlabelled} lines without a label.",
    ),
    "reading": ("okunuyor", "reading"),
    "embedding": ("anlam vektörleri hesaplanıyor", "embedding"),
    "teaching": ("öğretmen model etiketliyor", "teaching"),
    "cross-validating": ("çapraz doğrulanıyor", "cross-validating"),
    "cross_validated": (
        "{parts} parçayla çapraz doğrulama {seconds} saniye sürdü:",
        "Cross-validation in {parts} parts took {seconds} s:",
    ),
    "accuracy": (
        "doğruluk {accuracy} ({low} – {high}), çoğunluk sınıfı {majority}",
        "accuracy {accuracy} ({low} to {high}), majority {majority}",
    ),
    "errors": (
        "makro F1 {f1}, kalibrasyon hatası {error}",
        "macro F1 {f1}, calibration error {error}",
    ),
    "rule_weight": (
        "{pack} paketinden tetiklenen bir kural {fired} sözcük kadar ağırlık taşır.",
        "A rule of {pack} that fires counts {fired} times as much as a word.",
    ),
    "teacher_used": (
        "Öğretmen model, etiketsiz {count} satırdan {taught} tanesini etiketledi.",
        "A teacher labelled {taught} of {count} lines without a label.",
    ),
    "teacher_unused": (
        "Etiketsiz satırlar doğruluğu artırmadığı için kullanılmadı.",
        "Lines without a label did not improve the accuracy, so they are not used.",
    ),
    "second_look_used": (
        "Güven {below} altındaysa metne ikinci kez bakılır; sonuçtaki payı {share} olur.",
        "Texts below a confidence of {below} get a second look, which counts {share}.",
    ),
    "second_look_unused": (
        "İkinci bakış doğruluğu artırmadığı için kullanılmadı.",
        "A second look did not improve the accuracy, so it is not used.",
    ),
    "model_written": (
        "Model {file} dosyasına yazıldı ({size} MB).",
        "The model is written to {file} ({size} MB).",
    ),
    "model_trial": (
        "Denemek için: santral decide --model {file}",
        "Try it: santral decide --model {file}",
    ),
    "model_use": (
        'Kullanmak için: [router] models = ["{file}"]',
        'Use it: [router] models = ["{file}"]',
    ),
    "scope": (
        "kapsam içinde doğru {inside}, kapsam dışında tanınan {outside}",
        "in scope {inside} correct, out of scope {outside} recognised",
    ),
    "message_time": (
        "ileti başına {time} mikrosaniye, {count} ileti",
        "{time} microseconds a message, {count} messages",
    ),
    "label": ("Etiket", "Label"),
    "lines": ("Satır", "Lines"),
    "confusion": ("{truth} yerine {answer}: {count}", "{answer} instead of {truth}: {count}"),
    "reliability": ("ortalama güven → doğru:", "mean confidence → correct:"),
    "imported": (
        "{file}: {accepted} kabul edildi, {refused} reddedildi, {skipped} daha önce alınmış",
        "{file}: {accepted} accepted, {refused} refused, {skipped} done before",
    ),
}


def command_texts(language: str) -> Texts:
    """Return the texts of the commands and the pages in a language, `tr` or `en`."""
    return Texts(language, {**PAGE_SENTENCES, **COMMAND_SENTENCES})
