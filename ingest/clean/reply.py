"""A mail's text -> the customer's own words: what they quoted is cut. Pure.

Before: mime.py's text. After: Message.text; the whole stays in full_text. Losing the customer's
words is worse than keeping a quote: a head is one only with an address or a time in it, and what a
person would not write there; answers between quoted lines stay; nothing is cut when nothing would
be left.
"""

import re

_MARK = re.compile(
    r"^[ \t>]{0,20}-{2,} ?(?:Orijinal (?:İleti|Mesaj|E-?posta)|Original (?:Message|Mail|E-?mail)|"
    r"Özgün İleti|İletilen İleti|Ursprüngliche Nachricht|Message d'origine|Mensaje original)"
    r" ?-{2,}[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_VERB = (
    r"(?:yazdı|yazmış|wrote|writes|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|"
    r"написал\w*|пишет)"
)
_END = re.compile(
    rf"\b{_VERB}\b(?:[ ]?\([^()\n]{{0,60}}\))?[^\n:]{{0,60}}:[ \t]*$|>,?[ \t]*:[ \t]*$",
    re.IGNORECASE,
)
_DAY = r"(?:Pzt|Sal|Çar|Per|Cum|Cmt|Paz|Mon|Tue|Wed|Thu|Fri|Sat|Sun)[^\s]{0,7},? "
_DATED = re.compile(
    rf"^[ \t>*]{{0,20}}(?:(?:On|Am|Le|El|Il|Em|Op) |20\d\d-\d\d-\d\d |{_DAY}"
    r"|\d{1,2}[ ./-](?:\w{3,9}|\d{1,2})[ ./-])",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"^[ \t>*]{0,20}(?:\"[^\"\n]{1,80}\"|'[^'\n]{1,80}'|<[^<>\s]+@"
    r"|(?:\S+ ){0,6}\S*[<(\[]?[\w.+-]+@)"
)
_NAMED_AND_DATED = re.compile(r"^[ \t>*]{0,20}[^\n<]{0,80}<[^<>\s]+@[^<>\s]+>,[ ]?\d")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w")
_CLOCK = re.compile(r"\b\d{1,2}[:.]\d{2}\b")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2}\b")
_TOLD = re.compile(
    r"\b(?:bana|bize|ben|temsilci\w*|ara(?:dım|dı|yıp)|diye|ancak|ama|fakat|me that|to me|to us|"
    r"your (?:agent|colleague|team))\b",
    re.IGNORECASE,
)
"""Words of somebody who tells what was written to them: no mail program writes those."""

_FIELDS = (
    "Kimden|Gönderen|From|Von|De|Da|Tarih|Gönderme Tarihi|Gönderilme Tarihi|Gönderilen|Gönderildi|"
    "Sent|Date|Gesendet|Envoyé|Enviado|Inviato|Kime|Alıcı|Bilgi|To|An|À|Para|Cc|Konu|Subject|"
    "Betreff|Objet|Asunto|Oggetto"
)
_FIELD = rf"[ \t>*]{{0,10}}(?:{_FIELDS})[ \t]{{0,3}}:[ \t*]{{0,5}}[^\n]*"
_BLOCK = re.compile(
    rf"^(?:[ \t]*_{{20,}}[ \t]*\n\s{{0,5}})?(?:{_FIELD}\n){{2,8}}{_FIELD}$",
    re.IGNORECASE | re.MULTILINE,
)
_FROM = re.compile(r"(?:Kimden|Gönderen|From|Von|De|Da)[ \t]{0,3}:", re.IGNORECASE)

_ABOUT = re.compile(r"(?:Konu|Subject|Betreff|Objet|Asunto|Oggetto)[ \t]{0,3}:", re.IGNORECASE)

_BRAND = (
    r"(?:iPhone|iPad|iOS|Android|Samsung|Galaxy|Huawei|Xiaomi|Redmi|Oppo|Honor|Yandex\.?Mail|Outlook|"
    r"Gmail|Yahoo|Windows)"
)
_SENT = r"gönderil(?:di|miştir)[^\n]{0,50}"
_ABLATIVE = r"(?:dan|den|tan|ten)"
_PHONES = (
    (
        rf"^{_BRAND}[^\n]{{0,40}}?(?:['’]\w{{0,5}}|cihazım|telefonum|uygulamasın?|postas?ı?n?|mail)"
        rf"{_ABLATIVE}(?: [\w .]{{1,20}} ile)? {_SENT}$"
    ),
    rf"^(?:{_BRAND}[^\n]{{0,40}}|Mobil )(?:Mail|Posta|Outlook|K-9)[^\n]{{0,20}} ile {_SENT}$",
    rf"^(?:mobil |akıllı )?(?:cihazım|telefonum){_ABLATIVE} {_SENT}$",
    rf"^{_BRAND}[^\n]{{0,20}} için (?:Outlook|Yahoo|Gmail)[^\n]{{0,90}}$",
    (
        r"^Sent (?:from|via|using|with) (?:(?:my|an?) (?:[\w-]+ ){0,4}?(?:i?phone|i?pad|mobile|"
        r"device|tablet|android|blackberry|galaxy|samsung|huawei|xiaomi|windows|outlook|yahoo|gmail)\b|"
        r"the all|Yahoo|Samsung|Galaxy|BlackBerry|Verizon|Outlook|Mail for|Windows|Gmail|Proton|"
        r"Huawei|Xiaomi)[^,\n]{0,50}$"
    ),
    r"^Get (?:Outlook|BlueMail) for[^\n]{0,80}$",
    r"^Von meinem [^\n]{1,30} gesendet$",
    r"^(?:Envoyé de(?:puis)? mon|Enviado desde mi|Inviato da(?:l mio)?) [^\n]{1,30}$",
)
_PHONE = re.compile("|".join(_PHONES), re.IGNORECASE)
_TITLES = (
    r"(?:yasal|gizlilik|hukuki) (?:uyarı|bildirim\w*|not\w*)\b",
    r"disclaimer\b", r"confidentiality notice\b",
    (
        r"bu (?:e-?posta|elektronik posta|ileti|mesaj|mail)\b[^\n]{0,120}(?:gizli|kişiye özel|"
        r"yalnızca|sadece|muhatab|ekleri|ekinde)"
    ),
    (
        r"(?:this|the information (?:contained )?in this) (?:e-?mail|message|communication)\b"
        r"[^\n]{0,120}(?:confidential|privileged|intended|attachments)"
    ),
    r"diese e-?mail enthält vertrauliche",
)  # fmt: skip
_FOOTER = re.compile(rf"^[ \t*_]{{0,10}}(?:{'|'.join(_TITLES)})", re.IGNORECASE)
_FOOTER_TOLD = re.compile(
    r"gizli|kişiye özel|muhatab|ifşa|yetkisiz|sorumlu|silmenizi|imha|confidential|privileged|"
    r"intended|recipient|unauthori[sz]ed|prohibited|delete|liab|vertraulich",
    re.IGNORECASE,
)
_SIGNATURE_LINES = 12
_RULE = re.compile(r"(?:\n[ \t]*[-_=*]{5,}[ \t]*)+\s*$")
_LIST = re.compile(r"\n[ \t]*_{20,}[ \t]*\n[^\n]{1,80} mailing list[ \t]*\n[\s\S]{0,600}$")
"""What Mailman writes under every mail."""

_JOINED = 3  # lines a mail program may break its head into


def own_words(text: str, *, is_reply: bool) -> str:
    """Return what the customer wrote now; the whole when a cut would leave nothing."""
    text = text.replace("\r\n", "\n")
    kept = _without_footer(_without_quote(text, is_reply=is_reply))
    kept = _without_signature(kept)
    kept = re.sub(r"\n{3,}", "\n\n", kept).strip()
    return kept or text.strip()


def head(text: str, *, is_reply: bool) -> tuple[int, int] | None:
    """Return where the quoted mail's head begins and ends, None when there is none for certain."""
    found = [f for f in (_sentence(text, is_reply=is_reply),) if f]
    mark = next((m for m in _MARK.finditer(text) if is_reply or _is_quoted(text, m.end())), None)
    if mark is not None:
        found.append(mark.span())
    if is_reply:
        for match in _BLOCK.finditer(text):
            whole = match[0].strip().count("\n") >= 3
            certain = _ADDRESS.search(match[0]) or _CLOCK.search(match[0]) or whole
            if certain and _FROM.search(match[0]) and _ABOUT.search(match[0]):
                found.append(match.span())
                break
    return min(found) if found else None


def _sentence(text: str, *, is_reply: bool) -> tuple[int, int] | None:
    """Find "On … wrote:", "… tarihinde … yazdı:" and their kin, in one line or in three."""
    lines = text.split("\n")
    ends = [0]
    for line in lines:
        ends.append(ends[-1] + len(line) + 1)
    for at, line in enumerate(lines):
        if not line.rstrip().endswith(":"):
            continue
        end = ends[at] + len(line)
        # The longest that begins with a date: a program breaks its own line where it must, but
        # what the customer wrote above is theirs.
        for count in range(_JOINED, 0, -1):
            first = at - count + 1
            if first < 0 or not all(x.strip() for x in lines[first : at + 1]):
                continue
            start = _DATED.match(lines[first]) or _NAMED_AND_DATED.match(lines[first])
            start = start or (_NAMED.match(lines[first]) if count == 1 else None)
            whole = " ".join(x.strip() for x in lines[first : at + 1])
            if start and _is_head(whole, quoted=_is_quoted(text, end), is_reply=is_reply):
                return ends[first], end
    return None


def _is_head(line: str, *, quoted: bool, is_reply: bool) -> bool:
    if len(line) > 400 or not (quoted or is_reply) or not _END.search(line) or _TOLD.search(line):
        return False
    named, dated = _ADDRESS.search(line), _CLOCK.search(line) or _YEAR.search(line)
    if line.rstrip().endswith(">:"):
        return bool(named and dated)
    return bool(named or dated or quoted)


def _is_quoted(text: str, at: int) -> bool:
    return text[at : at + 2000].lstrip().startswith(">")


def _without_quote(text: str, *, is_reply: bool) -> str:
    found = head(text, is_reply=is_reply)
    if found is None:
        return _unquoted(text) if is_reply else text
    start, end = found
    before, after = text[:start], text[end:]
    lines = after.split("\n")
    if any(line.lstrip().startswith(">") for line in lines):
        # Answers may stand between the quoted lines: only those, and the head, are not theirs.
        rest = "\n".join(line for line in lines if not line.lstrip().startswith(">"))
        whole = f"{before}\n{rest}"
        return whole if whole.strip() else text
    return _RULE.sub("", before) if before.strip() else text


def _unquoted(text: str) -> str:
    own = [line for line in text.split("\n") if not line.lstrip().startswith(">")]
    return "\n".join(own) if any(line.strip() for line in own) else text


def _without_footer(text: str) -> str:
    """Cut what a lawyer wrote under the mail: from its first line on, if all of it sounds so."""
    text = _LIST.sub("", text.rstrip())
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if not _FOOTER.match(line) or not any(x.strip() for x in lines[:at]):
            continue
        alone = not lines[at - 1].strip() or set(lines[at - 1].strip()) <= set("_-=*")
        rest = " ".join(lines[at:])
        if alone and len(rest) > 80 and len(_FOOTER_TOLD.findall(rest)) >= 2 and len(rest) < 4000:
            return re.sub(r"[\s_=*-]+$", "", "\n".join(lines[:at]))
    return text


def _without_signature(text: str) -> str:
    lines = text.rstrip().split("\n")
    while lines and _PHONE.match(lines[-1].strip()[:200]):
        lines.pop()
        while lines and not lines[-1].strip():
            lines.pop()
    for at in range(len(lines) - 1, max(-1, len(lines) - 1 - _SIGNATURE_LINES), -1):
        line, rest = lines[at], [x for x in lines[at + 1 :] if x.strip()]
        if line in ("-- ", "--\xa0") or (line.strip() == "--" and _looks_signed(rest)):
            if "\n".join(lines[:at]).strip() and not _looks_told(rest):
                lines = lines[:at]
            break
    return "\n".join(lines) if any(x.strip() for x in lines) else text


def _looks_signed(lines: list[str]) -> bool:
    """Whether lines are a name, a title, numbers: short, no sentence, no list."""
    return 0 < len(lines) <= 8 and all(
        len(x) <= 70 and not re.match(r"\s*(?:[-*•]|\d+[.)])\s", x)
        and not (len(x.split()) > 3 and x.rstrip().endswith((".", "!", "?")))
        for x in lines
    )  # fmt: skip


def _looks_told(lines: list[str]) -> bool:
    """Whether so much stands below the mark that it is the letter, not who signs it."""
    return sum(map(len, lines)) > 1500
