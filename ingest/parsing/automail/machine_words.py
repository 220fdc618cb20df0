"""The words of answering machines and ticket systems, for detection.py. Pure.

Each pattern is a list, in which a line is a program's phrase. Titles are in the languages in which
the mail programs are sold.
"""

import re

TITLE = re.compile(
    r"\s*\[?(?:otomatik (?:yan[ıi]t|cevap|ileti|mesaj)|ofis d[ıi][şs][ıi]nda|out of (?:the )?office"
    r"|auto(?:matic|mated|matically)?[- ]?(?:reply|repl[iy]ed|response|respond(?:er)?|answer)"
    r"|auto(?=:)"
    r"|vacation (?:reply|response|message)|away from (?:the|my) (?:office|desk)"
    r"|abwesenheits?(?:notiz|meldung)?|abwesend|automatische (?:antwort|abwesenheitsnotiz)"
    r"|r[ée]ponse automatique|(?:message d.)?absence(?: du bureau)?|notification d.absence"
    r"|respuesta autom[áa]tica|fuera de (?:la )?oficina|risposta automatica|fuori (?:sede|ufficio)"
    r"|resposta autom[áa]tica|automatisch (?:antwoord|bericht)|afwezig(?:heids)?\w*"
    r"|automatisk?t? sva?r|autosvar|automaattinen vastaus|poissaolo\w*|automatyczna odpowied[źz]"
    r"|autoodpowied[źz]|automatick[áa] odpov[ěe][ďd]|automatikus v[áa]lasz|r[ăa]spuns automat"
    r"|автоматическ\w* ответ|автоответ\w*|автоматичн\w* відповід\w*|αυτόματη απάντηση"
    r"|odpowied[źz] automatyczna|resposta autom[àa]tica|автоматичен отговор|automatski odgovor"
    r"|аутоматски одговор|samodejni odgovor|automatinis atsakymas|autom[āa]tisk[āa] atbilde"
    r"|automaatvastus|avtomatik cavab|(?:balasan|jawaban) otomatis|(?:thư )?trả lời tự động"
    r"|תשובה אוטומטית|מענה אוטומטי|پاسخ خودکار|ตอบกลับอัตโนมัติ"
    r"|رد تلقائي|مساعد خارج المكتب|自动(?:回复|答复)"
    r"|自動(?:回覆|応答|返信|回答)|不在(?:通知|です)|자동 ?(?:회신|응답))",
    re.IGNORECASE,
)

AWAY = re.compile(
    r"out of (the |my )?office|on (annual |sick |maternity |parental )?leave|on (vacation|holiday)|"
    r"away from (the|my) (office|desk|e-?mail)|(limited|no) access to (my )?e-?mail|will (be back|"
    r"return|respond|reply) (on|when|after|upon|to your)|y[ıi]ll[ıi]k izin|izindeyim|izinde olac|"
    r"ofis d[ıi][şs][ıi]nda|izinli olac|raporluyum|e-?postalar[ıi]ma? (eri[şs]|bakam)|"
    r"otomatik olarak (g[öo]nderil|olu[şs]turul)|im urlaub|nicht im b[üu]ro|en cong[ée]|"
    r"fuera de la oficina|fuori (sede|ufficio)|automatic(ally)? (reply|generated)",
    re.IGNORECASE,
)

NO_REPLY = re.compile(
    r"(?:[\w.+-]{0,40}[._-])?(?:no[-_.]?reply|no[-_.]?responder?|do[-_.]?not[-_.]?(?:reply|respond)"
    r"|dont[-_.]?reply|never[-_.]?reply|nicht[-_.]?antworten|ne[-_.]?pas[-_.]?repondre"
    r"|yan[ıi]tlama(?:y[ıi]n)?|cevaplama(?:y[ıi]n)?|cevaps[ıi]z|auto[-_.]?(?:reply|responder|mailer)"
    r"|mailer-daemon|bounces?|unattended|notreply)[\w.+-]{0,60}@",
    re.IGNORECASE,
)
"""Addresses whose names say that nobody reads them."""

MACHINE = re.compile(
    r"this is an (?:automated|automatic|auto-?generated) (?:response|reply|message|e-?mail)"
    r"|this (?:message|e-?mail) (?:was|is|has been) (?:sent )?automatic"
    r"|automatically generated (?:e-?mail|message|reply|response)|do not (?:reply|respond) to this"
    r"|(?:mailbox|address|account) is not (?:monitored|read|checked)"
    r"|unmonitored (?:mailbox|address)"
    r"|replies (?:to this (?:address|e-?mail|message) )?are not (?:read|monitored|answered)"
    r"|no-?reply (?:e-?mail )?address|cannot (?:handle|process|receive) your (?:message|e-?mail)"
    r"|(?:e-?posta|ileti|mesaj)\w{0,6} otomatik (?:olarak )?(?:olu[şs]tur|g[öo]nder|[üu]ret)"
    r"|otomatik (?:bir )?(?:yan[ıi]t|cevap|mesaj|ileti|e-?posta)(?:t[ıi]r|d[ıi]r)"
    r"|l[üu]tfen (?:bu \w+(?: \w+)? )?(?:yan[ıi]tlama|cevaplama|yan[ıi]t verme|cevap verme)"
    r"|automatisch (?:erstellt|generiert|erzeugt)|(?:antworten sie|bitte) nicht auf diese"
    r"|ne pas r[ée]pondre|no (?:responda|conteste) a este|non rispondere a questo"
    r"|this (?:message|e-?mail) was created automatically"
    r"|reply to this (?:message|e-?mail) to release"
    r"|verify that you are (?:a )?(?:real|live|human)"
    r"|message you sent requires (?:that )?you verify",
    re.IGNORECASE,
)
"""A mail says that a machine wrote it, or that nobody reads its answers."""

CHALLENGE = re.compile(
    r"\(verification required\)|requires? verification\b[^\n]{0,9}\bverify#|antispam uol",
    re.IGNORECASE,
)
"""Subjects with which a spam filter asks senders to prove that they are people."""

MACHINE_HINTS = (
    "automat",
    "otomatik",
    "you verify",
    "verify that you",
    "repl",
    "respond",
    "monitored",
    "handle your",
    "yanıtlama",
    "yanitlama",
    "cevaplama",
    "yanıt verme",
    "cevap verme",
    "antwort",
    "répondre",
    "repondre",
    "conteste",
    "responda",
    "rispondere",
)
"""MACHINE only matches texts with one of these words, and the search for them is faster."""

TICKET = re.compile(
    r"ticket (?:received|created|opened)(?:\s*[-:#\[(]|$)"
    r"|(?:ticket|case|request|incident) (?:#|no\.? ?|number )?"
    r"[\[(#]?[\w-]{1,20}[\])]? (?:has been|was) (?:received|created|opened|registered|logged)"
    r"|(?:your|the) (?:request|message|e-?mail|ticket|inquiry|enquiry|support request)"
    r"(?: \S{1,30})? (?:has been|was) (?:received|created|registered|logged)"
    r"|we(?: have|'ve)? received your (?:request|message|e-?mail|ticket|inquiry)"
    r"|awaits moderator approval"
    r"|thank you for (?:contacting|writing to|your (?:message|e-?mail|request))[^\n]{0,80}"
    r"(?:ticket|reference|case) (?:number|no|id|#)"
    r"|(?:talebi|ba[şs]vuru|kayd|mesaj|ileti|[şs]ik[âa]yet|bildirim)\w{0,4}n[ıiuü]z"
    r" (?:taraf[ıi]m[ıi]za |ba[şs]ar[ıi]yla |sistemimize )?"
    r"(?:al[ıi]nd|al[ıi]nm[ıi][şs]|olu[şs]turul|kaydedil|ula[şs])"
    r"|(?:talep|ba[şs]vuru|kay[ıi]t|takip) numaran[ıi]z|(?:ihre|votre|su) (?:anfrage|demande"
    r"|solicitud)[^\n]{0,40}(?:erhalten|eingegangen|reçue|recibid)",
    re.IGNORECASE | re.MULTILINE,
)
"""A ticket system says that our mail arrived."""

CONFIRMATION = re.compile(r"\s*(?:Re:\s*)?(?:confirm [0-9a-f]{4,64}\b|welcome to the \")", re.I)
"""Subjects of Mailman's own mails."""
