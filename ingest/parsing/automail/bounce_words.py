"""The words with which mail servers say that a mail did not arrive, for bounce.py. Pure.

Each pattern is a list, in which a line is a server's phrase. English comes first, because most
servers write it, then Turkish and the languages of Turkey's neighbours.
"""

import re

from ingest.parsing.mail_text import subject_prefixes


def _any(*phrases: str, before: str = "", others: tuple[str, ...] = ()) -> re.Pattern[str]:
    """Return the pattern of one of the phrases behind `before`, or of one of the `others`."""
    pattern = "|".join((f"{before}(?:{'|'.join(phrases)})", *others))
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)


SENDER = _any(
    r"mail-?daemon", r"mdaemon@", r"double-bounce", r"delivery subsystem",
    r"microsoftexchange[0-9a-f]{20}", r"^\"?system administrator\b",
    r"<?\"?system administrator\"?@", r"internet mail (?:delivery|service)", r"message delivery",
    r"mail system\b", r"bounced mail", r"returned mail", r"mail deliver(?:er)? (?:sub)?system",
    r"interscan", r"amavis", r"content[- ]filter", r"mail (?:gateway|server|transfer)",
    r"mail transport", r"mail[- ]?d(?:ae|ea)mon", r"delivery agent", r"bounce handler",
    "メール(?:配信|サーバ|システム)", "posta (?:sunucu|sistem)",
)  # fmt: skip  # data: short phrases, many in a line
"""From of a mail server, or perhaps of its owner."""

MAILER = _any(r"mailer-?_?daemon\b", r"mail[. ]delivery[. ](?:sub)?system")
"""From that no person has."""

POSTMASTER = _any(
    r"post[-_. ]?master\b",
    r"sys[-_.]?admin@",
    r"mail[-_.]?admin",
    "postaci",
    "posta y[oö]neticisi",
)

NO_REPLY = _any(r"(?:no[-_.]?reply|do[-_.]?not[-_.]?reply)[\w.+-]{0,40}@")
"""From of a gateway that takes no answers, and of every newsletter."""

SUBJECT = _any(
    "undeliver(?:ed|able)", "un-?delivered", "undelivered mail",
    r"(?:mail|message|e-?mail) delivery (?:has |was )?(?:fail|problem|status|error|warning"
    "|subsystem|delayed)",
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
    r"(?:e-?posta|ileti|mesaj|mail) [^\n]{0,30}(?:teslim edil|iletil|g[öo]nderil)\w*me",
    "(?:teslim edilemedi|iletilemedi|geciktirildi|gecikti) *:",
    "teslim durumu bildirimi", "teslimat (?:durumu|hatası|başarısız)",
    "unzustellbar", "nicht zugestellt", "non remis", "échec de", "non distribu",
    "notification d.[ée]chec", "mensaje no entregado", "devoluci[oó]n",
    "correo devuelto", "mancata consegna", "non recapitabile", "не доставлен",
    "недоставлен", "onbestelbaar", "niet afgeleverd", "olevererbart", "配信", "送達",
    r"delivery status\W*$", "notice: mail delivery", "(?:a )?message you sent (?:was )?blocked",
    "problems? delivering (?:your |the )?(?:mail|message|e-?mail)",
    r"(?:sorry, )?your (?:mail|message|e-?mail) (?:\w+ ){0,2}(?:not be|not|un)? ?deliver",
    "your (?:mail|message|e-?mail) (?:was|has been) (?:rejected|blocked|returned|refused)",
    "there was an error sending your", "permanent delivery", "(?:could|can) ?not send",
    r"(?:teslim edilem|iletilem|ula[şs]t[ıi]r[ıi]lam|g[öo]nderilem)\w*(?: *:|$)",
    "teslim(?:at)? (?:geciktirildi|gecikti)", "no se pudo entregar",
    "no se puede entregar", "no entregad", "n[ãa]o (?:foi )?(?:poss[íi]vel )?entreg",
    "falha na entrega", "devolvid", "impossibile recapitar", "niet te bezorgen",
    "kan inte lever", "kunne ikke lever", "kan ikke lever", r"toimitta\w+ ep[äa]onnistui",
    "nie można dostarczy", "niedor[ęe]cz", "niedostarczon", "n[ãa]o [ée] poss[íi]vel entreg",
    "det g[åa]r inte att lever", "ei voi(?:da)? toimitta", "δεν παραδόθηκε", "לא ניתן למסור",
    "غير قابل للتسليم", "未送达", "未送達", "无法传递", "無法傳遞", "未傳遞", "배달되지",
    "배달할 수 없", "nedoručiteln", "kézbesíthetetlen", "nelivrabil",
    "не уда[её]тся достав", "не удалось достав", "не вдалося достав",
    "αδύνατη η παράδοση", "تعذر", "退信", "系统退信", "邮件传输失败", "投递失败", "無法投遞",
    "无法投递", "无法送达", "반송", r"(?:메일|메시지)[^\n]{0,12}(?:실패|못)", "エラーメール",
    "不達",
    "宛先不明", r"(?:メッセージ|メール)[^\n]{0,12}(?:配信|送信|送達|配送|届)",
    before=r"^\W*(?:\[[^\]]{1,40}\]\s*)?",
    others=(r"[:–-]\s*(?:non remis|undeliverable|not delivered|delivery failed)\b[^\n]{0,30}$",),
)  # fmt: skip  # data: short phrases, many in a line
"""Subjects that begin so: "Fwd: Undeliverable" is a person's mail about a bounce."""

FORWARD = re.compile(subject_prefixes.FORWARD, re.IGNORECASE)

ANSWER = re.compile(subject_prefixes.ANSWER, re.IGNORECASE)

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
    "teslim edilem", "iletilem", "ula[şs]t[ıi]r[ıi]lam", "g[öo]nderilem", "bulunamad[ıi]",
    "non remis", "pu .{0,20}d[ée]livr", "nicht zugestellt", "unzustellbar", "konnte .{0,60}nicht",
    "no pudo (?:ser )?entreg", "non (?:è )?stato.{0,20}consegn", "не (?:был[оа]? )?доставлен",
    "não pôde", "no valid recipients", "rejected recipient", "had delivery (?:problem|error)",
    "had permanent fatal", "could not be (?:delivered|sent)",
    "(?:送信|配信|配送|お届け|送達)"
    "[^\n]{0,12}(?:できま|失敗|不能)",
    "届けることができ", "存在しません", "見つかりません", "受信(?:を)?拒否",
    "(?:投递|发送|传输|投遞|傳送)[^\n]{0,8}失[败敗]", "退回", "无法(?:送达|投递)",
    "전송[^\n]{0,12}실패",
    "(?:전달|배달|전송)(?:되지|할 수)", "kunne ikke lever", "kan inte levereras",
    "nie można dostarczy",
    "no se (?:ha podido|pudo|puede) entregar", "impossibile (?:recapitare|consegnare)",
    "n[ãa]o (?:foi|p[ôo]de) (?:poss[íi]vel )?(?:ser )?entreg", "не удалось (?:достав|отправ)",
)  # fmt: skip  # data: short phrases, many in a line

CODE = re.compile(
    r"(?<![\d.])(?:[45]\.\d{1,2}\.\d{1,3}(?!\.?\d)|(?:4[25]|5[05])\d[- :#](?!\d)|55\d\b(?!\d))"
)

FULL = _any(
    "(?:mail|in)-?(?:box|folder|file)[^\n]{0,40}(?:full|exceed|over)",
    "full mailbox",
    "over ?quota",
    "over (?:the |its |their |disk |allowed ){1,3}quota",
    "exceed[^\n]{0,40}(?:quota|storage|space|limit)",
    "quota[^\n]{0,30}(?:exceed|violat|reached|full)",
    "(?:disk|disc) (?:quota|full|is full)",
    "(?:in|not )sufficient (?:disk |system |storage )?(?:space|storage)",
    "reached disk quota",
    "not enough (?:disk |storage )?(?:space|storage)",
    "does not have enough space",
    "out of (?:disk |storage )?(?:space|storage)",
    "storage (?:allocation|limit|quota)",
    "space has been used up",
    "too many messages (?:on|in)",
    "too much mail data",
    r"kota\w{0,6} (?:dol|a[şs])",
    r"kutu\w{0,6} (?:\w+ ){0,2}dol",
    r"buz[oó]n [^\n]{0,20}llen",
    "bo[iî]te [^\n]{0,40}pleine",
    "postfach [^\n]{0,30}voll",
    "casella [^\n]{0,30}piena",
    "caixa [^\n]{0,30}cheia",
    "ящик[^\n]{0,30}перепол",
    "(?:ボックス|容量)[^\n]{0,16}(?:いっぱい|一杯|超)",
    "(?:邮箱|信箱|空间|空間)[^\n]{0,6}(?:满|滿|不足)",
    "(?:용량|메일함)[^\n]{0,10}(?:초과|가득)",
)
"""The mailbox is full: it may have room tomorrow."""

MISSING = _any(
    "(?:user|recipient|mailbox|address|account|name)[^\n]{0,12}"
    "(?:unknown|not (?:found|known|exist|listed)|does ?n[o']t exist|invalid|disabled|inactive"
    "|suspended|deactivated|closed|discontinued|no longer)",
    r"(?:no such|unknown|invalid|bad|nonexistent|non-existent) (?:\w+ )?(?:user|recipient|address"
    "|mailbox|account|person|destination)",
    "(?:does|do|did) ?n(?:o|')t (?:have an? |exist)",
    "recipientnotfound",
    "not listed in",
    "no (?:mail)?box (?:here )?by that name",
    "no valid recipients",
    "unrouteable address",
    "address rejected: (?:access denied|undeliverable|user|unknown|no such)",
    "desconocid",
    "inconnu",
    "unbekannt",
    "sconosciut",
    "onbekend",
    "nieznany",
    "неизвест",
    "не существует",
    "bulunamad",
    "mevcut de[ğg]il",
    "kay[ıi]tl[ıi] de[ğg]il",
    "b[öo]yle bir (?:kullan[ıi]c[ıi]|al[ıi]c[ıi]|adres)",
    "存在しません",
    "見つかりません",
    "不存在",
    "존재하지",
)
"""The address itself is wrong."""

NOT_THE_ADDRESS = _any(
    r"sender (?:\w+ )?(?:rejected|denied|refused|blocked|verify|not )",
    "(?:bad|invalid) sender",
    "spam",
    "(?:black|block|deny) ?-?list",
    "listed (?:at|in|by|on) ",
    "reputation",
    "dmarc",
    r"\bspf\b",
    r"\bdkim\b",
    "(?:access|client host|ip|server)[^\n]{0,40}blocked",
    "content (?:rejected|filter)",
    "relay(?:ing)? (?:access )?(?:denied|not permitted|prohibited)",
    "gr[ea]y-?list",
    "rate limit",
    "too many (?:connections|recipients|errors|hops)",
    "throttl",
    "virus",
    "malware",
    r"message (?:\w+ )?(?:too (?:large|big)|size)",
    "size (?:limit|exceed)",
    "hop count",
    "mail loop",
    "time[d-]? ?out",
    "temporar",
    "try again",
    "in the queue too long",
    "expired",
    "connection (?:refused|lost)",
    "(?:unable|failed) to (?:connect|establish)",
    "was not delivered within",
    "not responding",
)
"""The server refused our address, our server, this single mail, or gave up for time."""

SUCCESS = _any(
    "success",
    "delivered",
    "relayed",
    "expanded",
    "delivery receipt",
    "return receipt",
    "teslim edildi",
    "başarı",
    "iletildi",
    "zugestellt",
    "weitergeleitet",
    "remis",
    "entregado",
    "consegnat",
    "entregue",
    "doręczon",
    "доставлено",
    "配信済|配信されました|配送完了|送達確認",
    before=r"^\W*(?:delivery status notification \(|delivery (?:report|status)\W*)?",
    others=(
        "successful (?:mail )?delivery",
        r"(?:delivery|teslim[^\n]{0,20}) \((?:success|relay|başarı)",
    ),
)
"""Subjects of reports that a mail arrived."""

SMTP = _any(
    r"\b[45]\.[0-7]\.\d{1,3}\b", "smtp error",
    r"\b[45][05]\d[ -](?:[45]\.|<|\w+ (?:user|recipient|mailbox)|user|unknown|mailbox|no such"
    "|requested|recipient|relay|sorry|message|address|account|invalid)",
)  # fmt: skip  # data: short phrases, many in a line
"""An SMTP answer, and not "550 TL"."""

PERSON = _any(
    r"\b(?:I am|I have|I can|I want|my|me|please help|thanks|thank you|regards|hello|dear)\b",
    r"\b(?:ben|bana|benim|biz|lütfen|teşekkür\w*|merhaba|selam\w*|sayın|saygılar\w*|siparişim\w*|"
    r"kargom\w*|faturam\w*|ürünüm\w*|istiyorum|rica)\b",
    # The first person of any verb, as yazdım, ödedim, bekliyorum, alamadım.
    r"\b\w{2,20}(?:[dt][ıiuü]m|yorum|yoruz|(?<!otoma)[dt][ıiuü]k)\b|\b(?:yazdığım|diyor\w*)\b",
)  # fmt: skip  # data: short phrases, many in a line
"""Words of people; a mail with them from an ordinary address is not a server's."""

OF_MAIL = _any(
    r"deliver\w* (?:\w+ )?(?:e-?mail|message|mail)\b", "(?:mail|message) delivery",
    "recipient", "mailbox", "following (?:user|address)", "mail (?:server|system)",
    "your (?:e-?mail|message)", "iletiniz", "e-?postan[ıi]z", "votre message", "ihre nachricht",
    "su mensaje", "il (?:suo|tuo) messaggio",
    "gönderdiğiniz (?:ileti|e-?posta|mesaj|mail)", "your mail", "メール", "宛先", "受信者", "邮件",
    "郵件",
    "메일",
)  # fmt: skip  # data: short phrases, many in a line
"""The text is about mail, not about a parcel."""

OF_POST = _any(
    "your (?:e-?mail|mail|message)",
    "e-?mail (?:address|message)",
    "mailbox",
    "mail (?:server|system)",
    "iletiniz",
    "e-?postan[ıi]z",
    "メール",
    "邮件",
    "郵件",
    "메일",
)
"""The text is about mail, in words that no parcel service uses."""

MACHINE = _any(
    "(?:created|generated) automatically by (?:the )?mail",
    "automatically[ -]generated (?:delivery|mail)",
    r"^-{3,9} ?failure reasons",
    "mail delivery (?:software|system) (?:has|was)", "this is the mail (?:system|server|delivery)",
)  # fmt: skip  # data: short phrases, many in a line

DELAY = _any(
    r"(?:will|shall) (?:\w+ ){0,4}(?:retr(?:y|ied)|attempt(?! to contact)|tr(?:y|ied))",
    "(?:been|is) delayed", "delivery delay", "(?:not|n't) need to re-?send",
    "(?:will|to) keep trying", "continue to be made", "warning only", "not yet been delivered",
    "has been postponed", "still in the queue", "advisory[ -]only", "gecik(?:ti|me)",
    "yeniden denen",
)  # fmt: skip  # data: short phrases, many in a line

GIVEN_UP = _any(
    "gave up", "giving up", "given up", "fatal", "no longer ", "will not (?:be )?(?:retr|tr)",
    "not going to", r"after \d+ attempt", "perman", "kalıcı",
)  # fmt: skip  # data: short phrases, many in a line

RETURNED = _any(
    "below this line", "this is a copy", "the (?:original|following) message",
    "(?:un(?:sent|delivered)|original|returned|old) (?:message|mail|text)",
    "headers? of", "message (?:header|text|follow|body)",
    "the (?:text|header|body|first) .{0,60}(?:message|mail)", "orijinal ", "özgün ",
    before=r"^[ \t>]{0,10}[-*=_#]{0,60} ?(?:begin )?",
    others=(
        r"^[ \t>]{0,10}(?:Received: from\b|Return-Path:|Message-ID:|X-[\w-]{1,60}: )",
        r"^[ \t>]{0,10}-{2,60} ?(?:returned|original|unsent|message|copy|header|start|forward)",
    ),
)  # fmt: skip  # data: short phrases, many in a line
"""The line at which the server's words end and the returned mail begins."""

BEFORE_OTHERS = re.compile(
    r"(?:from|sender|contact|helpdesk|help|assistance|support|e-?mail|reply|write|questions?|"
    r"mail|forward|gönderen|kimden|by|host|id)\b[^@\n]{0,30}$",
    re.IGNORECASE,
)
"""The words before an address that did not fail."""

ROLE_ADDRESS = re.compile(
    r"^(?:postmaster|mailer-daemon|abuse|help ?desk|support|info|admin|webmaster|noc|root)@", re.I
)
