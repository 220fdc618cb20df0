"""The names that pages give to the values of records, in Turkish and English.

A value without a name here, such as a topic of a company's own pack, is shown as it is.
"""

from collections.abc import Mapping
from types import MappingProxyType

Vocabulary = Mapping[str, tuple[str, str]]

CHANNELS: Vocabulary = MappingProxyType(
    {
        "api": ("Yazılım (API)", "API"),
        "app_store": ("App Store", "App Store"),
        "bluesky": ("Bluesky", "Bluesky"),
        "chat": ("Canlı sohbet", "Live chat"),
        "complaint": ("Şikâyet sitesi", "Complaint site"),
        "discourse": ("Forum", "Forum"),
        "email": ("E-posta", "Email"),
        "form": ("İletişim formu", "Contact form"),
        "google_business": ("Google yorumu", "Google review"),
        "google_play": ("Google Play", "Google Play"),
        "hepsiburada": ("Hepsiburada", "Hepsiburada"),
        "instagram": ("Instagram", "Instagram"),
        "line": ("LINE", "LINE"),
        "mastodon": ("Mastodon", "Mastodon"),
        "messenger": ("Messenger", "Messenger"),
        "phone": ("Telefon", "Phone"),
        "reddit": ("Reddit", "Reddit"),
        "sikayetvar": ("Şikayetvar", "Şikayetvar"),
        "slack": ("Slack", "Slack"),
        "teams": ("Teams", "Teams"),
        "telegram": ("Telegram", "Telegram"),
        "trendyol": ("Trendyol", "Trendyol"),
        "trustpilot": ("Trustpilot", "Trustpilot"),
        "twilio": ("SMS", "SMS"),
        "viber": ("Viber", "Viber"),
        "whatsapp": ("WhatsApp", "WhatsApp"),
        "x": ("X", "X"),
        "youtube": ("YouTube", "YouTube"),
    }
)

INTENTS: Vocabulary = MappingProxyType(
    {
        "complaint": ("şikâyet", "complaint"),
        "feedback": ("geri bildirim", "feedback"),
        "information": ("bilgi alma", "information"),
        "order_tracking": ("sipariş takibi", "order tracking"),
        "request": ("talep", "request"),
        "thanks": ("teşekkür", "thanks"),
    }
)

LANGUAGES: Vocabulary = MappingProxyType(
    {
        "ar": ("Arapça", "Arabic"),
        "de": ("Almanca", "German"),
        "en": ("İngilizce", "English"),
        "fr": ("Fransızca", "French"),
        "ru": ("Rusça", "Russian"),
        "tr": ("Türkçe", "Turkish"),
        "und": ("belirlenemedi", "unknown"),
    }
)

ENTITIES: Vocabulary = MappingProxyType(
    {
        "amount": ("tutar", "amount"),
        "card_number": ("kart numarası", "card number"),
        "customer_no": ("müşteri numarası", "customer number"),
        "date": ("tarih", "date"),
        "email": ("e-posta", "email"),
        "iban": ("IBAN", "IBAN"),
        "identity_number": ("kimlik numarası", "identity number"),
        "invoice_number": ("fatura numarası", "invoice number"),
        "order_number": ("sipariş numarası", "order number"),
        "phone": ("telefon", "phone"),
        "tax_number": ("vergi numarası", "tax number"),
        "tracking_number": ("kargo takip numarası", "tracking number"),
    }
)

FLAGS: Vocabulary = MappingProxyType(
    {
        "abuse_report": ("kötüye kullanım bildirimi", "abuse report"),
        "bounce": ("geri dönen ileti", "bounce"),
        "closing": ("kapanış iletisi", "goodbye"),
        "escalated": ("üst kademeye iletildi", "escalated"),
        "hop_limit": ("çok kez yönlendirildi", "moved too often"),
        "imported": ("eski kayıt", "imported"),
        "list": ("toplu gönderi", "mailing list"),
        "loop": ("ileti döngüsü", "mail loop"),
        "undeliverable": ("yanıt ulaşmadı", "reply not delivered"),
        "new_participant": ("yeni katılımcı", "new participant"),
        "out_of_office": ("ofis dışında yanıtı", "out of office"),
        "receipt": ("okundu bilgisi", "read receipt"),
        "reopened": ("yeniden açıldı", "reopened"),
        "spam": ("istenmeyen ileti", "spam"),
        "unreadable": ("okunamadı", "unreadable"),
    }
)

STAGES: Vocabulary = MappingProxyType(
    {
        "router": ("yönlendirme", "router"),
        "recorder": ("kayıt", "recorder"),
        "desk": ("çalışma masası", "desk"),
        "replies": ("yanıt gönderimi", "replies"),
    }
)

TOPICS: Vocabulary = MappingProxyType(
    {
        "address": ("adres", "address"),
        "app": ("uygulama", "app"),
        "atm": ("ATM", "ATM"),
        "campaign": ("kampanya", "campaign"),
        "cancel": ("iptal", "cancellation"),
        "card": ("kart", "card"),
        "complaint": ("şikâyet", "complaint"),
        "coverage": ("kapsama alanı", "coverage"),
        "damaged": ("hasarlı ürün", "damaged item"),
        "defect": ("arızalı ürün", "defect"),
        "delivery": ("teslimat", "delivery"),
        "device": ("cihaz", "device"),
        "error": ("hata", "error"),
        "fee": ("ücret", "fee"),
        "internet": ("internet", "internet"),
        "invoice": ("fatura", "invoice"),
        "login": ("giriş", "login"),
        "missing_item": ("eksik ürün", "missing item"),
        "order": ("sipariş", "order"),
        "outage": ("kesinti", "outage"),
        "overcharge": ("fazla ücret", "overcharge"),
        "password": ("şifre", "password"),
        "payment": ("ödeme", "payment"),
        "payment_failed": ("başarısız ödeme", "failed payment"),
        "price": ("fiyat", "price"),
        "product": ("ürün", "product"),
        "refund": ("para iadesi", "refund"),
        "return": ("iade", "return"),
        "security": ("güvenlik", "security"),
        "service": ("hizmet", "service"),
        "transfer": ("havale", "transfer"),
        "water": ("su", "water"),
    }
)
"""The topics that incidents have most often."""
