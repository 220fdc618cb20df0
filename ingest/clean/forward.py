"""A forwarded mail -> who wrote the original, when, about what, and its text. Pure.

Before: mail_message.py has the text. After: Message.forwarded. Each mail program writes the head of
what it forwards in its own way and language; what it does not tell stays empty.
"""

import re

from ingest.clean import header
from schemas.fold import fold_case
from schemas.message import Forwarded

PREFIX = re.compile(r"^\s*(?:Fwd?|İlt|Ilt|Ynl|İleti|WG|TR|RV|I|Enc)\s*:", re.IGNORECASE)

_MARK = re.compile(
    r"^[ \t>]{0,10}(?:-{2,} ?(?:Forwarded (?:message|mail)|İletilmiş (?:Mesaj|ileti)|"
    r"İletilen (?:İleti|mesaj)|Yönlendirilen (?:mesaj|ileti|e-?posta)(?: başlangıcı)?|"
    r"Weitergeleitete Nachricht|Message transféré|Mensaje reenviado|Messaggio inoltrato)"
    r"(?: ?-{2,})?"
    r"|Begin forwarded message:|İleti(?:len)? (?:ileti )?başlangıcı:"
    r"|(?:Yönlendirilen|İletilen) ileti:)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_KEYS = {
    "kimden": "from", "gönderen": "from", "from": "from", "von": "from", "de": "from",
    "tarih": "date", "date": "date", "gönderme tarihi": "date", "gönderilme tarihi": "date",
    "gönderildi": "date", "gönderilen": "date", "sent": "date", "datum": "date", "gesendet": "date",
    "konu": "subject", "subject": "subject", "betreff": "subject", "objet": "subject",
    "kime": "to", "alici": "to", "to": "to", "an": "to", "à": "to", "bilgi": "cc", "cc": "cc",
}  # fmt: skip
"""What a field's name stands for, each name as schemas.fold.fold_case gives it."""

_NAMES = "|".join(sorted(_KEYS, key=len, reverse=True))
_FIELD = re.compile(
    rf"^[ \t>*]{{0,10}}({_NAMES})[ \t*]{{0,3}}:[ \t*]{{0,5}}([^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_LINE = re.compile(
    r"^[ \t>]{0,10}(?:(?P<before>\d[^<\"\n]{5,40}?),[ ]*)?\"?(?P<name>[^\"<\n]{1,80}?)\"?[ ]*"
    r"<(?P<who>[^<>\s@]{1,64}@[^<>\s]{1,200})>"
    r"(?:,?[ ]*(?P<after>\d[^\n]{5,40}?)[ ]*(?:tarihinde)?[ ]*(?:şun\w+ yazdı|wrote)?)?[ ]*:"
    r"[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
"""12.03.2026, 14:25, "Can" <can@…>: and "Can" <can@…>, 12/03/2026 14:25 tarihinde şunu yazdı:"""

_LOOKED_AT = 3000


def forwarded(text: str, subject: str) -> Forwarded | None:
    """Return what is told of the original, None when the mail forwards nothing."""
    mark = _MARK.search(text)
    if mark is None and not PREFIX.match(subject):
        return None
    start = mark.end() if mark else 0
    rest = text[start : start + _LOOKED_AT]
    found: dict[str, str] = {}
    end = 0
    for match in _FIELD.finditer(rest):
        if found and rest[end : match.start()].strip(" \t>*\n"):
            break  # the head is one block: later fields are the original's own words
        found.setdefault(_KEYS[fold_case(match[1])], match[2].strip(" *\t"))
        end = match.end()
    if "from" not in found:
        line = _LINE.search(rest)
        if line is None:
            return Forwarded() if mark else None
        found = {
            "from": f'"{line["name"].strip()}" <{line["who"]}>',
            "date": line["before"] or line["after"] or "",
        }
        end = line.end()
    who = header.parties(found["from"].encode())
    return Forwarded(
        sender=who[0] if who else None, sent_at=header.date(found.get("date", "").encode()),
        subject=found.get("subject", ""), recipients=header.parties(found.get("to", "").encode()),
        text=_unquoted(text[start + end :]),
    )  # fmt: skip


def _unquoted(text: str) -> str:
    """Take one level of ">" off when every line has one, and the indent that all share."""
    lines = text.strip("\n").split("\n")
    told = [x for x in lines if x.strip()]
    if told and all(x.lstrip().startswith(">") for x in told):
        lines = [re.sub(r"^[ \t]*> ?", "", x) for x in lines]
    return "\n".join(x.strip() if x.startswith("    ") else x for x in lines).strip()
