"""Every word of the pages that customers see, in Turkish and English.

Before: nothing. After: public_pages.py asks by key.
"""

TEXTS: dict[str, tuple[str, str]] = {
    "other_language": ("English", "Türkçe"),
    "required": ("zorunlu", "required"),
    "optional": ("isteğe bağlı", "optional"),
    "name": ("Adınız", "Your name"),
    "email": ("E-posta", "E-mail"),
    "phone": ("Telefon", "Phone"),
    "subject": ("Konu", "Subject"),
    "text": ("İletiniz", "Your message"),
    "send": ("Gönder", "Send"),
    "website": ("Boş bırakın", "Leave empty"),
    "hint": (
        "E-posta adresinizi ya da telefonunuzu yazın, yanıtımız oraya gelsin.",
        "Give an e-mail address or a phone number: our answer goes there.",
    ),
    "files": ("Dosyalar", "Files"),
    "files_add": ("Dosya ekle", "Add files"),
    "files_hint": ("En çok 10 dosya, toplam 30 MB.", "Up to 10 files, 30 MB in all."),
    "files_none": ("Dosya seçilmedi.", "No file chosen."),
    "files_again": ("Dosyaları yeniden ekleyin:", "Please add your files again:"),
    "wait": (
        "Gönder'e bastıktan sonra birkaç saniye bekleyin, kayıt numaranız görünecek.",
        "After you press Send, wait a few seconds for your reference number.",
    ),
    "not_sent": ("İletiniz henüz gönderilmedi", "Your message has not been sent yet"),
    "kept": (
        "Yazdıklarınız duruyor. Lütfen şunları tamamlayın:",
        "Everything you wrote is still here. Please complete the following:",
    ),
    "text_missing": ("İletinizi yazın.", "Write your message."),
    "text_too_long": (
        "İletiniz çok uzun: en fazla 100.000 karakter yazabilirsiniz.",
        "Your message is too long: at most 100,000 characters.",
    ),
    "contact_missing": (
        "E-posta adresinizi ya da telefon numaranızı yazın.",
        "Give an e-mail address or a phone number.",
    ),
    "email_wrong": (
        "E-posta adresi eksik ya da hatalı. Örnek: ad@ornek.com",
        "This e-mail address is not complete. Example: name@example.com",
    ),
    "phone_wrong": (
        "Telefon numarası eksik ya da hatalı. Örnek: 0532 111 22 33",
        "This phone number is not complete. Example: 0532 111 22 33",
    ),
    "notice_confirm": (
        (
            "Tarayıcınız, sizin görmediğiniz bir alanı doldurmuş. Yazdıklarınız duruyor: göndermek "
            "için bir kez daha Gönder'e basın."
        ),
        (
            "Your browser filled in a field that you cannot see. Everything you wrote is still "
            "here: press Send once more."
        ),
    ),
    "notice_stale": (
        (
            "Bu sayfa uzun süre açık kalmış. Yazdıklarınız duruyor: göndermek için bir kez daha "
            "Gönder'e basın."
        ),
        (
            "This page was open for a long time. Everything you wrote is still here: press Send "
            "once more."
        ),
    ),
    "notice_away": (
        "Şu anda iletinizi alamadık. Yazdıklarınız duruyor: birkaç dakika sonra yeniden gönderin.",
        (
            "We could not take your message just now. Everything you wrote is still here: please "
            "send it again in a few minutes."
        ),
    ),
    "notice_too_large": (
        (
            "Dosyalarınız çok büyük. Tarayıcınızın geri düğmesiyle yazdıklarınıza dönün, dosyaları "
            "küçültün ya da çıkarın."
        ),
        (
            "Your files are too large. Go back with your browser to what you wrote, and make the "
            "files smaller or leave them out."
        ),
    ),
    "notice_unreadable": (
        "Tarayıcınızın gönderdiğini okuyamadık. Geri dönüp yeniden deneyin.",
        "We could not read what your browser sent. Go back and try again.",
    ),
    "arrived": ("İletiniz bize ulaştı", "Your message has arrived"),
    "reference": ("Kayıt numaranız", "Your reference"),
    "keep_it": (
        "Bizi aradığınızda ya da yeniden yazdığınızda bu numarayı belirtin.",
        "Name it when you call or write to us again.",
    ),
    "next": ("Bundan sonra", "What happens next"),
    "next_read": (
        "İletiniz ilgili bölüme iletildi, bir temsilcimiz okuyacak.",
        "Your message is on its way to the right team, where a person reads it.",
    ),
    "next_mail": ("Yanıtımız şu adrese gelecek:", "Our answer goes to"),
    "next_phone": ("Sizi arayacağımız numara:", "We will call you at"),
    "next_more": (
        "Eklemek istediğiniz bir şey olursa yeniden yazın, konuya kayıt numaranızı ekleyin.",
        "If you want to add something, write again and put your reference into the subject.",
    ),
    "write_again": ("Yeni bir ileti yaz", "Write another message"),
    "chat_title": ("Web sohbeti", "Web chat"),
    "chat_try": (
        (
            "Sağ alttaki düğme, müşterilerinizin sitenizde göreceği sohbettir. Deneyin: "
            "yazdıklarınız gerçek bir ileti olarak gelir."
        ),
        (
            "The button at the bottom right is the chat as customers see it on your site. Try it: "
            "what you write arrives as a real message."
        ),
    ),
    "chat_embed": ("Sitenize ekleyin", "Put it on your site"),
    "chat_where": (
        "Bu satırı, sayfalarınızda </body> etiketinden hemen önceye koyun:",
        "Put this line into your pages, just before </body>:",
    ),
    "chat_language": (
        "data-language sohbetin dilidir (tr ya da en), data-account ayarlardaki hesabın adı.",
        (
            "data-language is the language of the chat (tr or en), data-account the account in "
            "your settings."
        ),
    ),
    "copy_line": ("Kopyala", "Copy"),
    "copied": ("Kopyalandı", "Copied"),
}
