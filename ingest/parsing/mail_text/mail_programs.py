"""The words of mail programs above a quoted or forwarded mail, a row for each language. Pure data.

quote_heads.py and signature.py read them. To teach a language, add or lengthen a row. The words are
those of the localized programs, namely Thunderbird's mimeheader.properties and
composeMsgs.properties of each locale, the printed header blocks of Outlook and Apple Mail, and the
pages of Gmail and Yahoo Mail. `source` names the programs in which a row's words were seen.
"""

from typing import NamedTuple


class Language(NamedTuple):
    """The words of a language, separated by bars; case, and I, ı, İ or i, make no difference."""

    code: str
    """ISO 639-1."""
    sender: str
    """The names of the header fields begin here."""
    date: str
    to: str
    copy: str
    subject: str
    answer_to: str
    openers: str
    """The first words of a sentence above a quoted mail, as in "On … wrote:"."""
    verbs: str
    """The verbs of that sentence, as "wrote"."""
    original: str
    """Titles of a quoted mail, as "Original Message"."""
    forwarded: str
    """Titles of a forwarded mail, as "Forwarded message"."""
    sent_from: str
    """The signatures of telephones; the star is the device."""
    source: str


LANGUAGES = (
    Language(
        "tr", "Kimden|Gönderen",
        "Tarih|Gönderme Tarihi|Gönderilme Tarihi|Gönderilen|Gönderildi|Gönderilme",
        "Kime|Alıcı|Alıcılar", "Bilgi|Bilgi (Cc)|Kopya", "Konu",
        "Yanıt Adresi|Yanıtla|Yanıtlama Adresi", "", "yazdı|yazmış|yazdılar",
        "Orijinal İleti|Orijinal Mesaj|Orijinal E-posta|Özgün İleti|Özgün Mesaj|Asıl Mesaj|"
        "Lütfen yanıtınızı bu satırın üzerine yazın|Yanıtınızı bu satırın üzerine yazın",
        "İletilmiş Mesaj|İletilmiş İleti|İletilen İleti|İletilen Mesaj|"
        "Yönlendirilen mesaj|Yönlendirilen ileti|Yönlendirilen e-posta|"
        "Yönlendirilen mesaj başlangıcı|Yönlendirilen ileti başlangıcı|İleti başlangıcı|"
        "İletilen ileti başlangıcı",
        "", "Thunderbird, Outlook, Apple Mail, Gmail, Yahoo Mail, Yandex Mail",
    ),
    Language(
        "en", "From", "Date|Sent", "To", "Cc|Bcc", "Subject", "Reply-To|Reply To",
        "On|At|In message|In article|Quoting", "wrote|writes|Quoting",
        "Original Message|Original Mail|Original E-mail|Reply message|Original Appointment|"
        "Please type your reply above this line|Reply above this line|"
        "Please reply above this line|Write your reply above this line",
        "Forwarded message|Forwarded mail|Begin forwarded message|"
        "Start of forwarded message",
        "Sent from my *|Sent from *|Sent via *|Sent with *|Sent by *|Sent using *|"
        "From my *|Get Outlook for *|Get BlueMail for *|Get TypeApp for *",
        "all programs",
    ),
    Language(
        "de", "Von", "Datum|Gesendet|Gesendet am", "An", "Kopie|Kopie (CC)", "Betreff",
        "Antwort an|Antworten an", "Am|Zitat von",
        "schrieb|schrieben|geschrieben|schreibt|Zitat von",
        "Ursprüngliche Nachricht|Originalnachricht|Original-Nachricht|Antwort Nachricht",
        "Weitergeleitete Nachricht|Anfang der weitergeleiteten Nachricht|"
        "Weitergeleitete E-Mail",
        "Von meinem * gesendet|Von * gesendet|Gesendet von meinem *|Gesendet von *|"
        "Gesendet mit *|Diese Nachricht wurde von meinem * gesendet|"
        "Diese Nachricht wurde von * gesendet|Holen Sie sich Outlook für *|"
        "Outlook für * beziehen|Outlook für * herunterladen",
        "Thunderbird, Outlook, Apple Mail, Gmail, GMX, K-9 Mail",
    ),
    Language(
        "fr", "De|Expéditeur", "Date|Envoyé|Envoyé le|Le", "À|A|Pour|Destinataire",
        "Copie à|Copie", "Objet|Sujet", "Répondre à", "Le", "a écrit|écrit",
        "Message d'origine|Message original|Message initial",
        "Message transféré|Message transmis|Début du message réexpédié|"
        "Début du message transféré",
        "Envoyé de mon *|Envoyé depuis mon *|Envoyé depuis *|Envoyé à partir de *|"
        "Envoyé avec *|Télécharger Outlook pour *|Téléchargez Outlook pour *|"
        "Obtenez Outlook pour *|Obtenir Outlook pour *",
        "Thunderbird, Outlook, Apple Mail, Gmail, Orange",
    ),
    Language(
        "es", "De|Remitente", "Fecha|Enviado|Enviado el|Enviada", "Para", "CC|Con copia",
        "Asunto", "Responder a", "El", "escribió", "Mensaje original",
        "Mensaje reenviado|Inicio del mensaje reenviado",
        "Enviado desde mi *|Enviado desde *|Enviado con *|Obtener Outlook para *|"
        "Obtenga Outlook para *|Obtén Outlook para *|Descargar Outlook para *",
        "Thunderbird, Outlook, Apple Mail, Gmail, Yahoo Mail",
    ),
    Language(
        "it", "Da|Mittente", "Data|Inviato", "A", "CC|Copia", "Oggetto",
        "Rispondi a|Risposta", "Il giorno|Il", "ha scritto|scrive", "Messaggio originale",
        "Messaggio inoltrato|Inizio messaggio inoltrato|Inizio del messaggio inoltrato",
        "Inviato da *|Inviato dal mio *|Inviato con *|Scarica Outlook per *|"
        "Ottieni Outlook per *",
        "Thunderbird, Outlook, Apple Mail, Gmail, Libero",
    ),
    Language(
        "pt", "De", "Data|Enviado|Enviada|Enviado em|Enviada em", "Para", "CC", "Assunto",
        "Responder a|Responder para", "Em|No dia|A", "escreveu", "Mensagem original",
        "Mensagem encaminhada|Mensagem reencaminhada|Início da mensagem encaminhada|"
        "Início da mensagem reencaminhada",
        "Enviado do meu *|Enviado do *|Enviado a partir do *|Enviado por *|"
        "Obter o Outlook para *|Obtenha o Outlook para *|Baixe o Outlook para *",
        "Thunderbird, Outlook, Apple Mail, Gmail, UOL",
    ),
    Language(
        "nl", "Van", "Datum|Verzonden|Verstuurd", "Aan", "CC|Kopie", "Onderwerp",
        "Antwoord aan|Beantwoorden - Aan", "Op", "schreef|geschreven",
        "Oorspronkelijk bericht|Oorspronkelijke bericht",
        "Doorgestuurd bericht|Begin doorgestuurd bericht",
        "Verzonden vanaf mijn *|Verstuurd vanaf mijn *|Verzonden met *|Verzonden via *|"
        "Verstuurd vanaf *|Verzonden vanuit *|Outlook voor * downloaden|"
        "Outlook downloaden voor *|Download Outlook voor *",
        "Thunderbird, Outlook, Apple Mail, Gmail, Ziggo",
    ),
    Language(
        "sv", "Från", "Datum|Skickat", "Till", "Kopia", "Ämne", "Svara till", "Den",
        "skrev", "Ursprungligt meddelande|Originalmeddelande",
        "Vidarebefordrat meddelande|Vidarebefordrat mejl",
        "Skickat från min *|Skickat från *|från min *|Hämta Outlook för *",
        "Thunderbird, Outlook, Apple Mail, Gmail",
    ),
    Language(
        "da", "Fra", "Dato|Sendt", "Til", "Cc|Kopi", "Emne", "Svar til", "Den|D.",
        "skrev|har skrevet", "Oprindelig meddelelse|Original meddelelse",
        "Videresendt meddelelse|Videresendt besked|Start på videresendt besked",
        "Sendt fra min *|Sendt fra *|Hent Outlook til *",
        "Thunderbird, Outlook, Apple Mail, Gmail",
    ),
    Language(
        "no", "Fra", "Dato|Sendt", "Til", "Kopi", "Emne", "Svar til", "Den|På", "skrev",
        "Opprinnelig melding", "Videresendt melding",
        "Sendt fra min *|Sendt fra *|Skaff deg Outlook for *",
        "Thunderbird, Outlook, Apple Mail, Gmail",
    ),
    Language(
        "fi", "Lähettäjä", "Päivämäärä|Päiväys|Lähetetty", "Vastaanottaja", "Kopio", "Aihe",
        "Vastaus", "", "kirjoitti", "Alkuperäinen viesti",
        "Välitetty viesti|Edelleenlähetetty viesti|Välitetty viesti alkaa|"
        "Välitetty viesti / Fwd.Msg",
        "Lähetetty *|Hanki Outlook *", "Thunderbird, Outlook, Apple Mail, Gmail",
    ),
    Language(
        "pl", "Od|Nadawca", "Data|Wysłano|Wysłane", "Do|Adresat", "DW|Kopia", "Temat",
        "Odpowiedź-do|Odpowiedz do", "Dnia|W dniu|Wiadomość napisana przez",
        "napisał|napisała|napisał(a)|pisze|nadesłał|Wiadomość napisana przez",
        "Oryginalna wiadomość|Wiadomość oryginalna",
        "Przekazana wiadomość|Treść przekazanej wiadomości|Wiadomość przekazana dalej|"
        "Początek przekazywanej wiadomości",
        "Wysłano z *|Wysłane z *|Pobierz aplikację Outlook dla *|"
        "Pobierz program Outlook dla *|Pobierz Outlook dla *",
        "Thunderbird, Outlook, Apple Mail, Gmail, Onet, WP",
    ),
    Language(
        "cs", "Od", "Datum|Odesláno", "Komu", "Kopie", "Předmět", "Odpověď na", "Dne",
        "napsal|napsala|napsal(a)|píše", "Původní zpráva|Původní e-mail",
        "Přeposlaná zpráva|Začátek přeposílané zprávy",
        "Odesláno z *|Odesláno ze *|Stáhněte si Outlook pro *|Získat Outlook pro *|"
        "Získejte Outlook pro *",
        "Thunderbird, Outlook, Apple Mail, Gmail, Seznam",
    ),
    Language(
        "sk", "Od", "Dátum|Odoslané", "Komu|Pre", "Kópia", "Predmet", "Odpovedať-Pre",
        "Dňa", "napísal|napísala|napísal(a)", "Pôvodná správa",
        "Preposlaná správa|Začiatok preposlanej správy",
        "Odoslané z *|Odoslané zo *|Získať Outlook pre *|Stiahnite si Outlook pre *",
        "Thunderbird, Outlook, Apple Mail, Gmail",
    ),
    Language(
        "hu", "Feladó", "Dátum|Elküldve", "Címzett", "Másolat|Másolatot kap", "Tárgy",
        "Válaszcím", "", "írta|ezt írta", "Eredeti üzenet",
        "Továbbított üzenet|Továbbított levél kezdete",
        "Elküldve *|Az iPhone-omról küldve|"
        "Az * készülékemről küldve|Küldve az *|Küldve *|"
        "Az Outlook letöltése *",
        "Thunderbird, Outlook, Apple Mail, Gmail, Freemail",
    ),
    Language(
        "ro", "De la|Expeditor|Expeditorul", "Data|Dată|Trimis",
        "Către|Catre|Destinatar|Destinatarul", "Cc", "Subiect|Subiectul", "Răspuns către",
        "Pe|În|La", "a scris", "Mesaj original|Mesajul original",
        "Mesaj redirecționat|Începe mesajul redirecționat",
        "Trimis de pe *|Trimis din *|Descărcați Outlook pentru *|Obțineți Outlook pentru *",
        "Thunderbird, Outlook, Apple Mail, Gmail",
    ),
    Language(
        "ru", "От|Отправитель|От кого", "Дата|Отправлено", "Кому|Получатель", "Копия",
        "Тема", "Ответ-Кому", "В", "написал|написала|написал(а)|пишет|писал",
        "Исходное сообщение|Исходное письмо|Оригинальное сообщение|"
        "Первоначальное сообщение",
        "Пересылаемое сообщение|Пересланное сообщение|Перенаправленное сообщение|"
        "Начало переадресованного сообщения|Начало пересылаемого сообщения",
        "Отправлено с *|Отправлено из *|Скачайте Outlook для *|Скачать Outlook для *|"
        "Получить Outlook для *|Загрузить Outlook для *",
        "Thunderbird, Outlook, Apple Mail, Gmail, Mail.ru, Yandex Mail",
    ),
    Language(
        "uk", "Від|Від кого", "Дата|Надіслано|Відправлено", "Кому", "Копія", "Тема",
        "Кому відповісти", "", "пише|написав|написала|написав(ла)|писав",
        "Оригінальне повідомлення|Початкове повідомлення",
        "Переслане повідомлення|Перенаправлене повідомлення|"
        "Початок листа, що пересилається",
        "Надіслано з *|Відправлено з *|Отримати Outlook для *|"
        "Завантажити Outlook для *",
        "Thunderbird, Outlook, Apple Mail, Gmail, ukr.net",
    ),
    Language(
        "bg", "От", "Дата|Изпратено", "До", "Копие", "Относно", "Отговор до", "На",
        "написа", "Оригинално съобщение", "Препратено съобщение",
        "Изпратено от моя *|Изпратено от *|Изтеглете Outlook за *|Вземете Outlook за *",
        "Thunderbird, Outlook, Gmail",
    ),
    Language(
        "el", "Από", "Ημερομηνία|Στάλθηκε", "Προς", "Κοιν.", "Θέμα", "Απάντηση προς",
        "Στις|Την", "έγραψε", "Αρχικό μήνυμα", "Προωθημένο μήνυμα",
        "Στάλθηκε από το *|Εστάλη από *|Λήψη του Outlook για *|"
        "Αποκτήστε το Outlook για *",
        "Thunderbird, Outlook, Gmail",
    ),
    Language(
        "hr", "Šalje|Od", "Datum|Poslano", "Prima|Za", "Kopija", "Naslov|Predmet",
        "Odgovori na", "Dana|Dan",
        "je napisao|je napisala|je napisao/la|napisao je|napisala je|piše",
        "Izvorna poruka|Originalna poruka",
        "Proslijeđena poruka|Započni proslijeđenu poruku",
        "Poslano s *|Poslato sa *|Nabavite Outlook za *|Preuzmite Outlook za *",
        "Thunderbird, Outlook, Gmail",
    ),
    Language(
        "et", "Saatja|Kellelt", "Kuupäev|Saadetud", "Saaja|Kellele|Adressaat", "Koopia", "Teema",
        "Vasta", "", "kirjutas", "Algne sõnum|Originaalkiri",
        "Edastatud kiri|Edastatud sõnum", "Saadetud minu *", "Thunderbird, Outlook, Gmail",
    ),
    Language(
        "az", "Kimdən|Göndərən", "Tarix|Göndərilib", "Kimə", "Surət", "Mövzu", "Cavab", "",
        "yazdı|yazıb", "Orijinal mesaj|Əsl mesaj", "Yönləndirilmiş mesaj|Ötürülmüş mesaj",
        "* cihazımdan göndərilib|*dan göndərilib|*dən göndərilib|*dan göndərildi|"
        "*dən göndərildi",
        "Gmail, Outlook",
    ),
    Language(
        "ar", "من", "التاريخ|تاريخ|تم الإرسال|أُرسلت", "إلى", "نسخة|نسخة إلى",
        "الموضوع|موضوع", "الرد إلى", "في|بتاريخ", "كتب|كتبت|كتب/كتبت",
        "الرسالة الأصلية|رسالة أصلية",
        "رسالة معاد توجيهها|رسالة محولة|الرسالة المحولة|بدء الرسالة المحولة",
        "أرسلت من الـ *|أُرسلت من *|أرسلت من *|مرسل من *|الحصول على Outlook لـ *|"
        "احصل على Outlook لـ *",
        "Outlook, Apple Mail, Gmail",
    ),
    Language(
        "he", "מאת|מ", "תאריך|נשלח|בתאריך", "אל", "עותק", "נושא", "השב אל", "בתאריך|ב-",
        "כתב|כתבה|כתב/ה|מאת", "הודעה מקורית", "הודעה שהועברה|התחלת הודעה שהועברה",
        "נשלח מה-* שלי|נשלח מה-*|נשלח מה*|נשלח מ*|קבל את Outlook עבור *|השג את Outlook עבור *",
        "Outlook, Apple Mail, Gmail",
    ),
    Language(
        "fa", "از", "تاریخ", "به", "رونوشت", "موضوع", "", "در", "نوشت|نوشته است",
        "پیام اصلی", "پیام بازارسال شده", "", "Gmail",
    ),
    Language(
        "ja", "差出人|送信者|送信元", "日時|日付|送信日時|送信日", "宛先|To", "CC", "件名",
        "返信先", "", "のメール|書きました|wrote",
        "元のメッセージ|元のメール|オリジナルメッセージ",
        "転送されたメッセージ|転送メッセージ|転送されたメール|以下転送されたメール",
        "*から送信|*からの送信|私の*から送信|Outlook for * を入手|* 版 Outlook を入手",
        "Thunderbird, Outlook, Apple Mail, Gmail, Becky!",
    ),
    Language(
        "zh", "发件人|寄件者|寄件人|發件人",
        "发送时间|发送日期|日期|时间|傳送時間|寄件日期|發送時間", "收件人|收件者", "抄送|副本",
        "主题|主旨|主題", "回复|回覆", "在|于|於", "写道|寫道|写到",
        "原始邮件|原始郵件|原邮件|回复的原邮件",
        "转发的邮件|转发邮件信息|轉寄郵件|转发的消息|以下是轉寄的郵件",
        "从我的*发送|从我的 * 发送|从我的*发出|從我的 * 傳送|來自我的*|发自我的*|發自我的*|"
        "获取 Outlook for *|获取适用于 * 的 Outlook|下载适用于 * 的 Outlook|"
        "取得 Outlook for *|下載適用於 * 的 Outlook",
        "Outlook, Apple Mail, Gmail, QQ Mail, NetEase",
    ),
    Language(
        "ko", "보낸 사람|보낸사람|발신", "날짜|보낸 날짜|보낸날짜|전송",
        "받는 사람|받는사람|수신", "참조", "제목", "회신", "",
        "작성|님이 작성|님이 작성한 메시지|썼습니다", "원본 메시지|원본 메일|원본메시지",
        "전달된 메시지|전달된 메일",
        "나의 *에서 보냄|내 *에서 보냄|*에서 보냄|*용 Outlook 가져오기|"
        "*용 Outlook 다운로드",
        "Outlook, Apple Mail, Gmail, Naver, Daum",
    ),
    Language(
        "vi", "Từ", "Ngày|Đã gửi", "Đến|Tới", "Cc", "Chủ đề", "", "Vào|Vào lúc", "đã viết",
        "Thư gốc|Tin nhắn gốc", "Thư được chuyển tiếp",
        "Được gửi từ *|Gửi từ *|Đã gửi từ *|Tải Outlook cho *|Tải xuống Outlook cho *",
        "Outlook, Gmail",
    ),
    Language(
        "id", "Dari", "Tanggal|Dikirim", "Kepada|Ke", "Cc", "Subjek|Perihal", "", "Pada",
        "menulis", "Pesan Asli", "Pesan terusan|Pesan yang diteruskan",
        "Dikirim dari *|Dapatkan Outlook untuk *|Unduh Outlook untuk *",
        "Outlook, Gmail",
    ),
    Language(
        "sl", "Od", "Datum|Poslano", "Za", "Kp", "Zadeva", "Odgovori na", "Dne|V",
        "je napisal|je napisala|napisal|napisala|je napisal(a)|piše", "Izvirno sporočilo",
        "Posredovano sporočilo|Začetek posredovanega sporočila",
        "Poslano iz *|Poslano z *|Prenesite Outlook za *",
        "Thunderbird, Outlook, Apple Mail, Gmail",
    ),
    Language(
        "sr", "Шаље|Од", "Датум|Послато", "Прима|За|Коме", "Копија", "Наслов|Тема",
        "Одговори на", "Дана",
        "је написао|је написала|је написао/ла|написао|написала|пише", "Изворна порука",
        "Прослеђена порука", "Послато са *", "Thunderbird, Outlook, Gmail",
    ),
    Language(
        "lt", "Nuo|Siuntėjas", "Data|Išsiųsta", "Kam|Gavėjas", "Kopija", "Tema",
        "Atsakyti", "", "rašė|parašė", "Pradinis laiškas|Pirminis laiškas",
        "Persiųstas laiškas|Persiunčiamas laiškas|Peradresuotas laiškas",
        "Išsiųsta iš *|Gauti Outlook skirtą *", "Thunderbird, Outlook, Gmail",
    ),
    Language(
        "lv", "Sūtītājs", "Datums|Nosūtīts", "Kam|Saņēmējs", "Kopija", "Tēma|Temats",
        "Atbildēt", "", "rakstīja|raksta", "Sākotnējais ziņojums|Oriģinālais ziņojums",
        "Pārsūtīts ziņojums|Pārsūtītā vēstule", "Nosūtīts no *|Iegūt Outlook darbam ar *",
        "Thunderbird, Outlook, Gmail",
    ),
    Language(
        "ca", "De|Remitent", "Data|Enviat|Enviat el", "Per a|A", "A/c", "Assumpte",
        "Respon a", "El|Missatge de", "va escriure|ha escrit|Missatge de",
        "Missatge original", "Missatge reenviat|Inici del missatge reenviat",
        "Enviat des del meu *|Enviat des de *|Obtén Outlook per a *|Obtenir Outlook per a *",
        "Thunderbird, Outlook, Apple Mail, Gmail",
    ),
    Language(
        "th", "จาก", "วันที่|ส่งเมื่อ|ส่ง", "ถึง", "สำเนา|สำเนาถึง", "เรื่อง|หัวเรื่อง",
        "ตอบกลับถึง", "ในวันที่|เมื่อ", "เขียนว่า|เขียน", "ข้อความต้นฉบับ",
        "ข้อความที่ส่งต่อ|ข้อความที่ถูกส่งต่อ",
        "ส่งจาก * ของฉัน|ส่งจาก *|รับ Outlook สำหรับ *|ดาวน์โหลด Outlook สำหรับ *",
        "Outlook, Apple Mail, Gmail",
    ),
    Language(
        "is", "Frá", "Dags.|Dagsetning|Sent", "Til", "Afrit", "Efni", "Svara til", "Þann|Þ.",
        "skrifaði", "Upprunaleg skilaboð", "Framsend skilaboð", "Sent úr *", "Outlook, Gmail",
    ),
)  # fmt: skip  # data: a language is read as one block
