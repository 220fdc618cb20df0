"""Every word of the pages that customers see, in Turkish and English.

public_pages.py reads them by their keys.
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
        "E-posta adresinizi ya da telefonunuzu yazın, yanıtımızı oraya gönderelim.",
        "Please give us an e-mail address or a phone number for our answer.",
    ),
    "files": ("Dosyalar", "Files"),
    "files_add": ("Dosya ekle", "Add files"),
    "files_hint": ("En çok 10 dosya, toplam 30 MB.", "Up to 10 files, 30 MB in all."),
    "files_none": ("Dosya seçilmedi.", "No file chosen."),
    "files_again": ("Dosyaları yeniden ekleyin:", "Please add your files again:"),
    "wait": (
        "Gönder'e bastıktan sonra birkaç saniye bekleyin, kayıt numaranız görüntülenecek.",
        "After you press Send, please wait a few seconds for your reference number.",
    ),
    "not_sent": ("İletiniz henüz gönderilmedi", "Your message has not been sent yet"),
    "kept": (
        "Yazdıklarınız silinmedi. Lütfen şunları tamamlayın:",
        "Everything you wrote is still here. Please complete the following:",
    ),
    "text_missing": ("Lütfen iletinizi yazın.", "Please write your message."),
    "text_too_long": (
        "İletiniz çok uzun. En fazla 100.000 karakter yazabilirsiniz.",
        "Your message is too long. You can write up to 100,000 characters.",
    ),
    "contact_missing": (
        "Lütfen e-posta adresinizi ya da telefon numaranızı yazın.",
        "Please give us an e-mail address or a phone number.",
    ),
    "email_wrong": (
        "E-posta adresi eksik ya da hatalı. Örnek: ad@ornek.com",
        "This e-mail address is incomplete or wrong. Example: name@example.com",
    ),
    "phone_wrong": (
        "Telefon numarası eksik ya da hatalı. Örnek: 0532 111 22 33",
        "This phone number is incomplete or wrong. Example: 0532 111 22 33",
    ),
    "notice_confirm": (
        (
            "Tarayıcınız, ekranda görünmeyen bir alanı doldurmuş. Yazdıklarınız silinmedi. "
            "Göndermek için lütfen bir kez daha Gönder'e basın."
        ),
        (
            "Your browser filled in a field that you cannot see. Everything you wrote is still "
            "here. Please press Send once more."
        ),
    ),
    "notice_stale": (
        (
            "Bu sayfa uzun süre açık kalmış. Yazdıklarınız silinmedi. Göndermek için lütfen "
            "bir kez daha Gönder'e basın."
        ),
        (
            "This page was open for a long time. Everything you wrote is still here. Please press "
            "Send once more."
        ),
    ),
    "notice_away": (
        (
            "İletinizi şu anda alamadık. Yazdıklarınız silinmedi. Lütfen birkaç dakika sonra "
            "yeniden gönderin."
        ),
        (
            "We could not take your message just now. Everything you wrote is still here. Please "
            "send it again in a few minutes."
        ),
    ),
    "notice_too_large": (
        (
            "Dosyalarınız çok büyük. Lütfen tarayıcınızın geri düğmesiyle yazdıklarınıza dönün, "
            "dosyaları küçültün ya da kaldırın."
        ),
        (
            "Your files are too large. Please use your browser's Back button to return to your "
            "message, then make the files smaller or remove them."
        ),
    ),
    "notice_unreadable": (
        "Tarayıcınızın gönderdiği veriyi okuyamadık. Lütfen geri dönüp yeniden deneyin.",
        "We could not read the data from your browser. Please go back and try again.",
    ),
    "arrived": ("İletiniz bize ulaştı", "Your message has arrived"),
    "reference": ("Kayıt numaranız", "Your reference number"),
    "keep_it": (
        "Bizi aradığınızda ya da yeniden yazdığınızda lütfen bu numarayı belirtin.",
        "Please mention this number when you call us or write again.",
    ),
    "next": ("Bundan sonra", "What happens next"),
    "next_read": (
        "İletiniz ilgili bölüme yönlendiriliyor, bir temsilcimiz okuyacak.",
        "We are passing your message to the right team, and one of us will read it.",
    ),
    "next_mail": ("Yanıtımızı göndereceğimiz adres:", "We will send our answer to"),
    "next_phone": ("Sizi arayacağımız numara:", "We will call you at"),
    "next_more": (
        "Eklemek istediğiniz bir şey olursa yeniden yazın, konu satırına kayıt numaranızı ekleyin.",
        "To add something, write again and put your reference number in the subject.",
    ),
    "write_again": ("Yeni bir ileti yaz", "Write another message"),
    "chat_title": ("Web sohbeti", "Web chat"),
    "chat_try": (
        (
            "Sağ alttaki düğme, müşterilerinizin sitenizde göreceği sohbeti açar. "
            "Deneyebilirsiniz: yazdıklarınız gerçek bir ileti olarak işlenir."
        ),
        (
            "The button at the bottom right opens the chat that customers see on your site. "
            "Try it: your text arrives as a real message."
        ),
    ),
    "chat_embed": ("Sitenize ekleyin", "Put it on your site"),
    "chat_where": (
        "Bu satırı sayfalarınıza, </body> etiketinin hemen önüne ekleyin:",
        "Put this line in your pages, just before </body>:",
    ),
    "chat_language": (
        "data-language sohbetin dili (tr ya da en), data-account ayarlarınızdaki hesabın adıdır.",
        (
            "data-language is the chat's language (tr or en), and data-account is the account's "
            "name in your settings."
        ),
    ),
    "copy_line": ("Kopyala", "Copy"),
    "copied": ("Kopyalandı", "Copied"),
}
