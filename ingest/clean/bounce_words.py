"""The words by which mail servers say that a mail did not arrive; for bounce.py alone. Pure.

Each pattern is a list: a new server's phrase is a line more. English first, for most servers write
it, then Turkish and the languages of their neighbours.
"""

import re


def _any(*phrases: str, before: str = "", whole: tuple[str, ...] = ()) -> re.Pattern[str]:
    """Return what finds one of the phrases behind `before`, or one of `whole`."""
    found = "|".join((f"{before}(?:{'|'.join(phrases)})", *whole))
    return re.compile(found, re.IGNORECASE | re.MULTILINE)


SENDER = _any(
    r"mail-?daemon", r"mdaemon@", r"double-bounce", r"delivery subsystem",
    r"microsoftexchange[0-9a-f]{20}", r"^\"?system administrator\b",
    r"<?\"?system administrator\"?@", r"internet mail (?:delivery|service)", r"message delivery",
    r"mail system\b", r"bounced mail", r"returned mail",
)  # fmt: skip
"""From of a mail server, but perhaps of its owner too."""

MAILER = _any(r"mailer-?_?daemon\b", r"mail[. ]delivery[. ](?:sub)?system")
"""From that no person has."""

POSTMASTER = _any(r"postmaster\b", "postaci", "posta y[oö]neticisi")

SUBJECT = _any(
    "undeliver(?:ed|able)", "un-?delivered", "undelivered mail",
    r"(?:mail|message|e-?mail) delivery (?:fail|problem|status|error|warning|subsystem"
    "|delayed)",
    "(?:mail|message|e-?mail) (?:could not be delivered|not delivered|system error"
    "|undeliver|delivery report)",
    "delivery (?:status notif|failure|failed|has failed|report|unsuccessful|problem"
    "|error|delayed|warning|incomplete|notification)",
    "fail(?:ed|ure) (?:mail|delivery|notice|to deliver)", "failure notice",
    "return(?:ed|ing) (?:mail|message|e-?mail|to sender)", "mail return",
    "bounced? (?:mail|message)", "non-? ?(?:delivery|deliverable)", "not ?deliver",
    "unable to deliver", "could not deliver", "user (?:unknown|not found)",
    "unknown user", "warning: ?(?:could not|message|mail)", "warning from",
    "message status", "ndn:", "dsn:", "mail (?:failure|error)",
    "automatically rejected mail",
    r"(?:e-?posta|ileti|mesaj) [^\n]{0,30}(?:teslim edil|iletil|g[öo]nderil)\w*me",
    "(?:teslim edilemedi|iletilemedi|geciktirildi|gecikti) *:",
    "teslim durumu bildirimi", "teslimat (?:durumu|hatası|başarısız)",
    "unzustellbar", "nicht zugestellt", "non remis", "échec de", "non distribu",
    "notification d.[ée]chec", "mensaje no entregado", "devoluci[oó]n",
    "correo devuelto", "mancata consegna", "non recapitabile", "не доставлен",
    "недоставлен", "onbestelbaar", "niet afgeleverd", "olevererbart", "配信", "送達",
    before=r"^\W*(?:\[[^\]]{1,40}\]\s*)?",
    whole=(r"[:–-]\s*(?:non remis|undeliverable|not delivered|delivery failed)\b[^\n]{0,30}$",),
)  # fmt: skip
"""Subjects that begin so: "Fwd: Undeliverable" is a person's mail about a bounce."""

FORWARD = re.compile(r"\s*(?:Fwd?|İlt|Ilt|Ynl|WG|TR|RV)\s*:", re.IGNORECASE)

PHRASE = _any(
    "could n(?:ot|'t) be (?:delivered|reached|sent)", "(?:unable|failed|able) to deliver",
    "was(?: not|n't) (?:able to (?:deliver|be delivered)|delivered|reached)",
    "(?:un|not be |non-?|not )deliver(?:ed|able)", "undeliver",
    r"delivery (?:to [^\n]{1,100})?(?:has )?(?:failed|failure|attempt)",
    "permanent (?:fatal )?error", "fail(?:ed|ure) recipient", "did not reach",
    "can(?:not|'t) be delivered", "returned (?:to sender|mail)", "not (?:yet )?been delivered",
    "(?:user|recipient|mailbox|address|account) (?:is )?(?:unknown|unavailable|not (?:found|known)"
    "|does not exist|disabled|full|over quota)",
    "(?:no such|unknown|invalid) (?:final delivery )?(?:user|recipient|address|mailbox|account"
    "|person)",
    r"(?:exceeded|over) (?:\w+ ){0,3}quota", "quota exceeded", "did not exactly match",
    "(?:has|have) been (?:delayed|postponed|automatically rejected)", "was automatically rejected",
    "requested action not taken", "unrouteable", "unreachable", "rejected by",
    "relay(?:ing)? (?:access )?(?:denied|not)",
    "teslim edilem", "iletilem", "ulaştırılam", "gönderilem", "bulunamadı",
    "non remis", "pu .{0,20}d[ée]livr", "nicht zugestellt", "unzustellbar", "konnte .{0,60}nicht",
    "no pudo (?:ser )?entreg", "non (?:è )?stato.{0,20}consegn", "не (?:был[оа]? )?доставлен",
    "não pôde",
)  # fmt: skip

CODE = re.compile(r"(?<![\d.])(?:[45]\.\d{1,2}\.\d{1,3}|(?:4[25]|5[05])\d[- :#]|55\d\b)(?![\d])")

SMTP = _any(
    r"\b[45]\.[0-7]\.\d{1,3}\b", "smtp error",
    r"\b[45][05]\d[ -](?:[45]\.|<|\w+ (?:user|recipient|mailbox)|user|unknown|mailbox|no such"
    "|requested|recipient|relay|sorry|message|address|account|invalid)",
)  # fmt: skip
"""An SMTP answer: "550 TL" is none."""

PERSON = _any(
    r"\b(?:I am|I have|I can|I want|my|me|please help|thanks|thank you|regards|hello|dear)\b",
    r"\b(?:ben|bana|benim|biz|lütfen|teşekkür\w*|merhaba|selam\w*|sayın|saygılar\w*|siparişim\w*|"
    r"kargom\w*|faturam\w*|ürünüm\w*|istiyorum|rica)\b",
)  # fmt: skip
"""Words of people: whoever has an address like any other and writes so is none of the servers."""

OF_MAIL = _any(
    "recipient", "mailbox", "following (?:user|address)", "mail (?:server|system)",
    "your (?:e-?mail|message)", "iletiniz", "e-?postan[ıi]z", "votre message", "ihre nachricht",
    "su mensaje", "il (?:suo|tuo) messaggio",
)  # fmt: skip
"""It speaks of mail, not of a parcel."""

MACHINE = _any(
    "(?:created|generated) automatically by (?:the )?mail",
    "automatically[ -]generated (?:delivery|mail)",
    "mail delivery (?:software|system) (?:has|was)", "this is the mail (?:system|server|delivery)",
)  # fmt: skip

DELAY = _any(
    r"(?:will|shall) (?:\w+ ){0,4}(?:retr(?:y|ied)|attempt(?! to contact)|tr(?:y|ied))",
    "(?:been|is) delayed", "delivery delay", "(?:not|n't) need to re-?send",
    "(?:will|to) keep trying", "continue to be made", "warning only", "not yet been delivered",
    "has been postponed", "still in the queue", "advisory[ -]only", "gecik(?:ti|me)",
    "yeniden denen",
)  # fmt: skip

GIVEN_UP = _any(
    "gave up", "giving up", "given up", "fatal", "no longer ", "will not (?:be )?(?:retr|tr)",
    "not going to", r"after \d+ attempt", "perman", "kalıcı",
)  # fmt: skip

RETURNED = _any(
    "below this line", "this is a copy", "the (?:original|following) message",
    "(?:un(?:sent|delivered)|original|returned|old) (?:message|mail|text)",
    "headers? of", "message (?:header|text|follow|body)",
    "the (?:text|header|body|first) .{0,60}(?:message|mail)", "orijinal ", "özgün ",
    before=r"^[ \t>]{0,10}[-*=_#]{0,60} ?(?:begin )?",
    whole=(
        r"^[ \t>]{0,10}(?:Received: from\b|Return-Path:|Message-ID:|X-[\w-]{1,60}: )",
        r"^[ \t>]{0,10}-{2,60} ?(?:returned|original|unsent|message|copy|header|start|forward)",
    ),
)  # fmt: skip
"""Where the server's words end and the mail that it returns begins."""

NOT_WHO = re.compile(
    r"(?:from|sender|contact|helpdesk|help|assistance|support|e-?mail|reply|write|questions?|"
    r"mail|forward|gönderen|kimden|by|host|id)\b[^@\n]{0,30}$",
    re.IGNORECASE,
)
"""What stands before an address that did not fail."""

SERVANT = re.compile(
    r"^(?:postmaster|mailer-daemon|abuse|help ?desk|support|info|admin|webmaster|noc|root)@", re.I
)
