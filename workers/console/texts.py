"""Every word of the pages, in Turkish and English.

Before: nothing. After: templates ask by key. A key that is missing in one language is an error.
"""

_TEXTS: dict[str, tuple[str, str]] = {
    "skip": ("İçeriğe geç", "Skip to content"),
    "flow": ("Akış", "Flow"),
    "messages": ("İletiler", "Messages"),
    "desk": ("Masa", "Desk"),
    "entry": ("Kayıt", "Entry"),
    "entry_title": ("Gelen ya da arayan müşteri", "A customer who came or called"),
    "entry_note": ("Geldi", "Came in"),
    "entry_call": ("Aradı", "Called"),
    "entry_how": ("Nasıl ulaştı", "How they reached us"),
    "entry_name": ("Adı", "Their name"),
    "entry_phone": ("Telefonu", "Their number"),
    "entry_email": ("E-postası", "Their mail address"),
    "entry_no": ("Müşteri numarası", "Customer number"),
    "entry_text": ("Ne istedi, kendi sözleriyle", "What they asked, in their own words"),
    "entry_save": ("Kaydet", "Save"),
    "entry_one": (
        "Telefon, e-posta ya da müşteri numarasından biri gerekli.",
        "A number, a mail address or a customer number is needed.",
    ),
    "entry_saved": ("Kaydedildi ve yönlendiriliyor:", "Saved, and on its way:"),
    "sign_in": ("Giriş", "Sign in"),
    "sign_out": ("Çıkış", "Sign out"),
    "token": ("Erişim anahtarı", "Access token"),
    "token_help": (
        "`santral up` yazdırır; var/access.json içinde de bulunur.",
        "Printed by `santral up`; also in var/access.json.",
    ),
    "token_wrong": ("Bu anahtar geçerli değil.", "This token is not valid."),
    "your_name": ("Adınız", "Your name"),
    "name_help": ("Yaptığınız işlemlerin yanında görünür.", "Shown beside what you do."),
    "other_language": ("English", "Türkçe"),
    "last_hour": ("Son bir saat", "Last hour"),
    "came_in": ("Gelen", "Came in"),
    "decided_in": ("Yönlendirme süresi (ort.)", "Routed within (mean)"),
    "waiting": ("Bekleyen", "Waiting"),
    "in_hand": ("İşlemde", "In hand"),
    "resolved": ("Çözülen", "Resolved"),
    "per_minute": ("Dakikada gelen ileti", "Messages a minute"),
    "departments": ("Bölümler", "Departments"),
    "department": ("Bölüm", "Department"),
    "channels": ("Kanallar", "Channels"),
    "channel": ("Kanal", "Channel"),
    "count": ("Sayı", "Count"),
    "share": ("Pay", "Share"),
    "stages": ("Aşamalar", "Stages"),
    "stage": ("Aşama", "Stage"),
    "behind": ("Geride kalan kayıt", "Records behind"),
    "state": ("Durum", "State"),
    "well": ("iyi", "well"),
    "stuck": ("takıldı", "stuck"),
    "working": ("çalışıyor", "working"),
    "newest": ("Son iletiler", "Newest messages"),
    "time": ("Zaman", "Time"),
    "sender": ("Gönderen", "Sender"),
    "subject": ("Konu", "Subject"),
    "text": ("Metin", "Text"),
    "priority": ("Öncelik", "Priority"),
    "nothing_yet": ("Henüz ileti yok.", "No messages yet."),
    "search": ("Ara", "Search"),
    "search_help": ("Kelimelerin başı yeter", "Beginnings of words will do"),
    "found_none": ("Eşleşen ileti yok.", "No message matches."),
    "why": ("Neden böyle yönlendirildi", "Why it was routed so"),
    "evidence": ("Kanıt", "Evidence"),
    "reason": ("Gerekçe", "Reason"),
    "weight": ("Ağırlık", "Weight"),
    "confidence": ("Güven", "Confidence"),
    "intent": ("Amaç", "Intent"),
    "language": ("Dil", "Language"),
    "sentiment": ("Duygu", "Sentiment"),
    "severity": ("Ciddiyet", "Severity"),
    "runner_up": ("İkinci seçenek", "Runner-up"),
    "would_win": ("Öne geçmesi için", "Would win with"),
    "entities": ("Bulunanlar", "Found in the text"),
    "flags": ("İşaretler", "Flags"),
    "history": ("Geçmiş", "History"),
    "conversation": ("Görüşme", "Conversation"),
    "attachments": ("Ekler", "Attachments"),
    "refused": ("alınmadı", "refused"),
    "until": ("bitişi", "until"),
    "forwarded": ("Özgün gönderen", "Originally from"),
    "undecided": ("Henüz yönlendirilmedi.", "Not routed yet."),
    "not_found": ("Bulunamadı", "Not found"),
    "not_found_text": ("Böyle bir sayfa ya da ileti yok.", "There is no such page or message."),
    "claim": ("Sıradakini al", "Take the next one"),
    "queue_empty": ("Bu sırada bekleyen yok.", "Nothing waits in this queue."),
    "choose": ("Bir bölüm seçin", "Choose a department"),
    "reply": ("Yanıtla", "Reply"),
    "reply_text": ("Yanıt metni", "Text of the reply"),
    "answer_forbidden": ("Burada yanıt verilemez", "No answer can be given here"),
    "answer_late": (
        "Kanalın yanıt süresi doldu, müşteriye başka yoldan ulaşın. Bitişi:",
        "The channel takes no answer any more: reach the customer otherwise. It ended",
    ),
    "answer_until": ("Yanıt verilebilecek son zaman:", "An answer can be given until"),
    "answer_limit": ("En çok", "At most"),
    "answer_public": ("Yanıtı herkes görür.", "Everybody reads the answer."),
    "characters": ("karakter", "characters"),
    "bytes": ("bayt", "bytes"),
    "reply_sent": ("Yanıt gönderilmek üzere kaydedildi.", "The reply is recorded and on its way."),
    "allow_stranger": (
        "Yeni katılan kişiyi tanıyorum, ona yanıt verilebilir",
        "I know the new participant, they may be answered",
    ),
    "note": ("Not", "Note"),
    "complete": ("Çözüldü", "Complete"),
    "release": ("Bırak", "Release"),
    "reroute": ("Yönlendir", "Reroute"),
    "escalate": ("Üst öncelik", "Escalate"),
    "to_department": ("Hangi bölüme", "To which department"),
    "move_reason": ("Neden", "Why"),
    "lease_until": ("Sizde, şu saate kadar:", "Yours until"),
    "lease_lost": (
        "Bu iş artık sizde değil; süresi dolmuş ya da başkası almış olabilir.",
        "This item is no longer yours: the lease ran out or somebody else has it.",
    ),
    "done": ("Tamamlandı.", "Done."),
    "due": ("İlk yanıt için son zaman", "First answer due"),
    "try_again": ("Şu anda yapılamadı, birazdan yeniden deneyin.", "Not now: try again soon."),
    "new_participant": (
        "Görüşmeye yeni biri katıldı: yanıtlamadan önce kim olduğuna bakın.",
        "A new sender in this conversation: check who it is before you answer.",
    ),
    "received": ("geldi", "received"),
    "queue": ("sıraya", "queued"),
    "append": ("devamı", "follow-up"),
    "triage": ("ön değerlendirme", "triage"),
    "automatic": ("otomatik", "automatic"),
    "repeat": ("tekrar", "repeat"),
    "claimed": ("alındı", "claimed"),
    "released": ("bırakıldı", "released"),
    "replied": ("yanıtlandı", "replied"),
    "delivered": ("iletildi", "delivered"),
    "undeliverable": ("iletilemedi", "undeliverable"),
    "rerouted": ("yönlendirildi", "rerouted"),
    "escalated": ("öncelik yükseltildi", "escalated"),
    "reopened": ("yeniden açıldı", "reopened"),
    "survey": ("anket", "survey"),
    "decision": ("karar", "decision"),
    "acknowledgement": ("alındı bildirimi", "acknowledgement"),
    "minutes_table": ("Dakika dakika tablo", "The minutes as a table"),
    "live": ("canlı", "live"),
}

LANGUAGES = ("tr", "en")


class Texts:
    """The words of one language: `t.flow`, or `t["flow"]` for a key that is data."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._at = LANGUAGES.index(self.language)

    def __getattr__(self, key: str) -> str:
        try:
            return _TEXTS[key][self._at]
        except KeyError:
            raise AttributeError(key) from None

    def __getitem__(self, key: str) -> str:
        """Return the word, or the key itself where the data has a word of its own."""
        return _TEXTS[key][self._at] if key in _TEXTS else key
