"""A mail's text -> the customer's own words: what they quoted is cut. Pure.

Before: mime.py's text. After: Message.text; the whole stays in full_text. Losing the customer's
words is worse than keeping a quote: a head is one only with an address, a time or quoted lines
behind it, answers between quoted lines stay, and nothing is cut when nothing would be left.
"""

import re

_HEAD = re.compile(
    r"""^[ \t>]{0,20}(?:
      -{2,}[ ]*(?:Orijinal[ ](?:İleti|Mesaj|E-?posta)|Original[ ](?:Message|Mail)
        |Özgün[ ]İleti|İletilen[ ]İleti)[ ]*-{2,}
      |On\b[^\n]{5,200}\bwrote:
      |[^\n]{3,200}\btarihinde\b[^\n]{0,60}\b(?:yazdı|yazmış):?
      |[^\n]{0,200}<[^<>\s]{1,128}@[^<>\s]{1,190}>[^\n]{0,120}\b(?:yazdı|wrote)\b[^\n]{0,40}:
    )[ \t]*$""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_WRAPPED = re.compile(
    r"^(?P<a>[^\n]{5,160})\n(?P<b>[^\n]{0,120}\b(?:şunu yazdı|şunları yazdı|wrote):[ \t]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = (
    r"[ \t>*]{0,10}(?:Kimden|Gönderen|From|Tarih|Gönderme Tarihi|Gönderilen|Gönderildi|Sent|Date|"
    r"Kime|Bilgi|To|Cc|Konu|Subject)[ \t*]{0,5}:[^\n]*"
)
_BLOCK = re.compile(
    rf"^(?:[ \t]*_{{20,}}[ \t]*\n)?(?:{_FIELD}\n){{2,}}{_FIELD}$", re.IGNORECASE | re.MULTILINE
)
_CERTAIN = re.compile(r"@|\b\d{1,2}[:.]\d{2}\b|^[ \t>]{0,20}-{2,}", re.MULTILINE)
_PHONE = re.compile(
    r"^(?:(?:iPhone|iPad|Android|Samsung|Huawei|Xiaomi)[^\n]{0,40}(?:gönderildi|gönderilmiştir)\.?"
    r"|[^\n]{0,30}(?:cihazımdan|telefonumdan)[ ]gönderildi\.?"
    r"|Sent from (?:my (?:iPhone|iPad|Android|Samsung|Huawei|mobile|phone)|Mail for|Outlook)"
    r"[^\n]{0,40}"
    r"|(?:Android|iOS) için Outlook[^\n]{0,40}|Get Outlook for[^\n]{0,40})[ \t]*$",
    re.IGNORECASE,
)
_SIGNATURE_LINES = 12


def own_words(text: str, *, is_reply: bool) -> str:
    """Return what the customer wrote now; the whole when a cut would leave nothing."""
    text = text.replace("\r\n", "\n")
    kept = _without_signature(_without_quote(text, is_reply=is_reply))
    kept = re.sub(r"\n{3,}", "\n\n", kept).strip()
    return kept or text.strip()


def _without_quote(text: str, *, is_reply: bool) -> str:
    found = _head(text, is_reply=is_reply)
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
    return before if before.strip() else text


def _unquoted(text: str) -> str:
    own = [line for line in text.split("\n") if not line.lstrip().startswith(">")]
    return "\n".join(own) if any(line.strip() for line in own) else text


def _head(text: str, *, is_reply: bool) -> tuple[int, int] | None:
    """Return where the quoted mail's head begins and ends, None when there is none for certain."""
    found: list[tuple[int, int]] = []
    for match in _HEAD.finditer(text):
        if _CERTAIN.search(match[0]) or text[match.end() :].lstrip().startswith(">"):
            found.append(match.span())
            break
    for match in _WRAPPED.finditer(text):
        if _CERTAIN.search(match["a"]) or text[match.end() :].lstrip().startswith(">"):
            found.append(match.span())
            break
    if is_reply:
        for match in _BLOCK.finditer(text):
            if re.search(r"(?:Kimden|Gönderen|From)[ \t*]{0,5}:", match[0], re.IGNORECASE):
                found.append(match.span())
                break
        bare = re.search(
            r"^[ \t]*-{2,}[ ]*(?:Orijinal|Original|Özgün)[^\n]{0,20}-{2,}[ \t]*$",
            text, re.IGNORECASE | re.MULTILINE,
        )  # fmt: skip
        if bare:
            found.append(bare.span())
    return min(found) if found else None


def _without_signature(text: str) -> str:
    lines = text.rstrip().split("\n")
    while lines and _PHONE.match(lines[-1].strip()):
        lines.pop()
        while lines and not lines[-1].strip():
            lines.pop()
    for at in range(len(lines) - 1, max(-1, len(lines) - 1 - _SIGNATURE_LINES), -1):
        line = lines[at]
        last = line.strip() == "--" and not any(x.lstrip().startswith("-") for x in lines[at + 1 :])
        if line in ("-- ", "--\xa0") or (last and at + 1 < len(lines)):
            if "\n".join(lines[:at]).strip():
                lines = lines[:at]
            break
    return "\n".join(lines) if any(x.strip() for x in lines) else text
