"""Every sentence of the page of a backtest, by its key, in Turkish and English."""

BACKTEST_SENTENCES: dict[str, tuple[str, str]] = {
    "backtest": ("Geçmişle deneme", "Backtest"),
    "backtest_help": (
        "Kayıtlı iletiler canlı ve aday kurallarla yeniden yönlendirildi. Hiçbir şey gönderilmedi.",
        "The live rules and the candidate decided recorded messages again. Nothing was sent.",
    ),
    "backtest_live": ("Canlı", "Live"),
    "backtest_candidate": ("Aday", "Candidate"),
    "backtest_period": ("{first} – {last}", "{first} to {last}"),
    "backtest_changed": ("Değişen", "Changed"),
    "backtest_count": ("{count} ileti", "{count} messages"),
    "backtest_other_department": ("Başka bölüme gidecek", "To another department"),
    "backtest_triage": ("Ön değerlendirmeye giden", "To triage"),
    "backtest_raised": ("yükselen ▲, düşen ▼", "raised ▲, lowered ▼"),
    "backtest_right": ("Çalışanlara göre doğru", "Correct, judged by people"),
    "backtest_interval": (
        "%95 olasılıkla {low} – {high}; {count} ileti",
        "{low} to {high} with 95% confidence; {count} messages",
    ),
    "backtest_time": ("İleti başına süre", "Time per message"),
    "backtest_as_recorded": ("Kayıttakiyle aynı bölüm", "Same department as recorded"),
    "backtest_as_recorded_of": (
        "{count} iletiden, canlı kurallarla",
        "of {count}, by the live rules",
    ),
    "backtest_moves": ("Bölümü değişecek iletiler", "Messages that would move"),
    "backtest_from": ("Şimdiki bölüm", "From"),
    "backtest_to": ("Adayla gideceği bölüm", "To"),
    "backtest_judged": ("Çalışanların kararlarıyla karşılaştırma", "Compared with people's work"),
    "backtest_judged_help": (
        "Çalışanların taşıdığı ya da kendi bölümünde çözdüğü iletiler.",
        "Messages that people moved, or resolved in their department.",
    ),
    "backtest_precision_help": (
        "İsabet: bölüme gönderilenlerin ne kadarı oraya aitti.",
        "Precision is the share of a department's messages that belonged there.",
    ),
    "backtest_recall_help": (
        "Kapsama: bölüme ait olanların ne kadarı oraya gönderildi.",
        "Recall is the share of the messages that belonged there and reached it.",
    ),
    "backtest_precision": ("İsabet", "Precision"),
    "backtest_recall": ("Kapsama", "Recall"),
    "backtest_load": ("Günün saatlerine göre yük", "Load by hour of the day"),
    "backtest_zone": ("Saatler {zone} saat dilimindedir.", "Times are in {zone}."),
    "backtest_bars": (
        "{department}: saatlere göre yeni iş, canlı {before}, aday {after}",
        "{department}: new items by hour, live {before}, candidate {after}",
    ),
    "backtest_silent": (
        "{count} kural; {silent} tanesi adayla bu iletilerde hiç tetiklenmedi",
        "{count} rules, of which {silent} never fired on these messages with the candidate",
    ),
    "backtest_examples": ("Örnekler", "Examples"),
    "backtest_message": ("İleti", "Message"),
    "backtest_people": ("Çalışanların kararı", "People's decision"),
    "backtest_priority_only": (
        "{department}: bölüm aynı, öncelik farklı",
        "{department}: same department, another priority",
    ),
    "backtest_unchanged": ("Hiçbir şey değişmezdi.", "Nothing would change."),
}
