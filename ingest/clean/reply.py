"""A mail's text -> the customer's own words: what they quoted is cut. Pure.

Before: mime.py's text. After: Message.text; the whole stays in full_text. Losing the customer's
words is worse than keeping a quote: when nothing would be left, nothing is cut.
"""

import re

_HEAD = re.compile(
    r"""^[ \t>]*(?:
      -{2,}[ ]*(?:Orijinal[ ](?:İleti|Mesaj|E-?posta)|Original[ ](?:Message|Mail)
        |Özgün[ ]İleti|İletilen[ ]İleti)[ ]*-{2,}
      |_{20,}[ ]*
      |On\b.{5,200}\bwrote:
      |.{3,200}\btarihinde[ ](?:şunu|şunları|şöyle)[ ]yazdı:?
      |.{0,200}<[^<>\s]+@[^<>\s]+>.{0,120}\b(?:yazdı|wrote):
      |İleti[ ]başlangıcı:|Begin[ ]forwarded[ ]message:
    )[ \t]*$""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_BLOCK = re.compile(
    r"^[ \t>*]*(?:Kimden|Gönderen|From)[ \t*]*:[^\n]*\n(?:[^\n]*\n){0,3}?"
    r"[ \t>*]*(?:Tarih|Gönderme Tarihi|Gönderilen|Gönderildi|Sent|Date|Kime|To|Konu|Subject)"
    r"[ \t*]*:",
    re.IGNORECASE | re.MULTILINE,
)
_WRAPPED = re.compile(
    r"^(?P<a>[^\n]{5,160})\n(?P<b>[^\n]{0,120}\b(?:şunu yazdı|şunları yazdı|wrote):[ \t]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_SIGNATURE = re.compile(
    r"^(?:-- |--|[^\n]{0,40}(?:iPhone|iPad|Android|Samsung|Huawei)[^\n]{0,25}"
    r"(?:gönderildi|gönderilmiştir)\.?|Sent from (?:my|Mail|Outlook)[^\n]{0,60})[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def own_words(text: str, *, is_reply: bool) -> str:
    """Return what the customer wrote now; the whole when a cut would leave nothing."""
    kept = text
    if is_reply or _looks_quoted(text):
        kept = _cut(text)
    match = _SIGNATURE.search(kept)
    if match and kept[: match.start()].strip() and len(kept) - match.start() < 1500:
        kept = kept[: match.start()]
    kept = re.sub(r"\n{3,}", "\n\n", kept).strip()
    return kept or text.strip()


def _looks_quoted(text: str) -> bool:
    return bool(_HEAD.search(text) or _WRAPPED.search(text))


def _cut(text: str) -> str:
    starts = [m.start() for p in (_HEAD, _BLOCK) if (m := p.search(text))]
    wrapped = _WRAPPED.search(text)
    if wrapped and re.search(r"@|\d{4}|\d:\d\d", wrapped["a"]):
        starts.append(wrapped.start())
    if starts and text[: min(starts)].strip():
        text = text[: min(starts)]
    lines = text.split("\n")
    own = [line for line in lines if not line.lstrip().startswith(">")]
    return "\n".join(own) if any(line.strip() for line in own) else text
