"""A mail's own words -> the same without what programs and lawyers write below them. Pure.

Before: reply.py cut the quotation. After: Message.text. What a person may have written stays.
"""

import re

from ingest.clean.mail_programs import DEVICES, LANGUAGES

_BRAND = (
    r"(?:iPhone|iPad|iOS|Android|Samsung|Galaxy|Huawei|Xiaomi|Redmi|Oppo|Honor|Yandex\.?Mail|Outlook|Proton|"
    r"Gmail|Yahoo|Windows)"
)
_SENT = r"gönderil(?:di|miştir)[^\n]{0,50}"
_ABLATIVE = r"(?:dan|den|tan|ten)"
_TURKISH = (
    (
        rf"^{_BRAND}[^\n]{{0,40}}?(?:['’]\w{{0,5}}|cihazım|telefonum|uygulamasın?|postas?ı?n?|mail)"
        rf"{_ABLATIVE}(?: [\w .]{{1,20}} ile)? {_SENT}$"
    ),
    rf"^(?:{_BRAND}[^\n]{{0,40}}|Mobil )(?:Mail|Posta|Outlook|K-9)[^\n]{{0,20}} ile {_SENT}$",
    rf"^(?:mobil |akıllı )?(?:cihazım|telefonum){_ABLATIVE} {_SENT}$",
    rf"^{_BRAND}[^\n]{{0,20}} için (?:Outlook|Yahoo|Gmail)[^\n]{{0,90}}$",
)
"""Turkish glues its "from" to the device, so that no star can stand for it."""
_DEVICE = re.compile(rf"(?<![^\W_])(?:(?:{DEVICES})(?![^\W\d_])|iphon|ipad|android)", re.IGNORECASE)
_MODEL = re.compile(r"[A-Z][\w-]*\d[\w-]*$")
_EXCUSE = re.compile(
    r"excuse|pardon|typo|typo[sz]|brevity|kusur|entschuldig|verzeih", re.IGNORECASE
)
_BRACKETS = "()<>[]«»*_ \t"
MAX_DEVICE_CHARS = 60
MAX_LINE_CHARS = 160


def _signing_lines(star: str) -> list[str]:
    patterns = {p for language in LANGUAGES for p in language.sent_from.split("|") if p}
    longest_first = sorted(patterns, key=lambda pattern: (-len(pattern), pattern))
    return [re.escape(pattern).replace(r"\*", star) + "[.!]?" for pattern in longest_first]


_SIGNING = [re.compile(p, re.IGNORECASE) for p in _signing_lines(r"(?P<device>[^\n]{2,120})")]
_MAY_SIGN = re.compile("|".join(_signing_lines(r"[^\n]{2,120}")), re.IGNORECASE)
_TURKISH_SIGNING = re.compile("|".join(_TURKISH), re.IGNORECASE)
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
_BANNER = re.compile(
    r"[\[*\s]{0,9}(?:caution|warning|attention|external(?: (?:e-?mail|sender|message))?|"
    r"dikkat|uyarı|harici e-?posta)\b[\]*\s]{0,9}[:!\]]",
    re.IGNORECASE,
)
_BANNER_WORDS = re.compile(
    r"outside|originated|external (?:source|sender)|do not click|unless you recogni[sz]e|"
    r"kurum(?:umuz)? dışı|dış kaynak|kurum dışından|tıklamayın",
    re.IGNORECASE,
)
MAX_BANNER_CHARS = 600
MAX_BANNER_LINES = 5
MAX_FOOTER_CHARS = 4000
MIN_FOOTER_CHARS = 80
MAX_SIGNATURE_LINES = 12
MAX_SIGNATURE_CHARS = 1500
"""Below a signature's mark stands so much at most; more is the letter itself."""
_LIST = re.compile(r"^[^\n]{1,80} mailing list[ \t]*$")
MAX_LIST_LINES = 12
_RULE_CHARS = frozenset("-_=*~#+—–─ᐧ \t")


def cut_signature(text: str) -> str:
    """Return the words without a telephone's line, a lawyer's or a list's text, a signature."""
    lines = _without_list(text.rstrip().split("\n"))
    lines = _without_banner(lines)
    lines = _without_footer(lines)
    lines = _without_phone(lines)
    lines = _without_marked(lines)
    lines = _without_phone(lines)
    return "\n".join(lines) if any(line.strip() for line in lines) else text


def is_rule(line: str, least: int = 5) -> bool:
    """Say whether a line only parts what stands above and below it, with so many marks at least."""
    marks = line.strip()
    return bool(marks) and set(marks) <= _RULE_CHARS and (len(marks) >= least or marks == "ᐧ")


def is_phone_line(line: str) -> bool:
    """Say whether a telephone or a mail program signs with this line."""
    line = line.strip()
    if not line or len(line) > MAX_LINE_CHARS:
        return False
    if _TURKISH_SIGNING.match(line):
        return True
    bare = line.strip(_BRACKETS)
    for pattern in _SIGNING if _MAY_SIGN.match(bare) else ():
        if match := pattern.match(bare):
            groups = match.groupdict()
            return "device" not in groups or _is_device(groups["device"], bare)
    return False


def _is_device(device: str, line: str) -> bool:
    """Say whether these words name a device, with at most an excuse behind it."""
    name, *others = re.split(r"[,.;:](?= |$)|<http|https?://", device, maxsplit=1)
    rest = others[0].strip() if others else ""
    if "<" in device or "http" in device:
        rest = ""
    if len(name) > MAX_DEVICE_CHARS or (rest and not _EXCUSE.search(rest)):
        return False
    return _DEVICE.search(name) is not None or _MODEL.search(name.strip()) is not None


def _without_list(lines: list[str]) -> list[str]:
    """Cut what Mailman writes under every mail."""
    for index in range(max(0, len(lines) - MAX_LIST_LINES), len(lines) - 1):
        if is_rule(lines[index]) and _LIST.match(lines[index + 1]):
            return lines[:index]
    return lines


def _without_banner(lines: list[str]) -> list[str]:
    """Cut what a gateway writes above mail from outside: a paragraph of its own, and no more."""
    first = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    after = first
    while after < len(lines) and lines[after].strip():
        after += 1
    banner = " ".join(lines[first:after])[:MAX_BANNER_CHARS]
    is_banner = _BANNER.match(banner) and _BANNER_WORDS.search(banner)
    return lines[after:] if is_banner and after - first <= MAX_BANNER_LINES else lines


def _without_footer(lines: list[str]) -> list[str]:
    """Cut what a lawyer wrote under the mail: from its first line on, if all of it sounds so."""
    size, first = 0, len(lines)
    while first and size + len(lines[first - 1]) < MAX_FOOTER_CHARS:
        first -= 1
        size += len(lines[first]) + 1
    letter = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    for index in range(max(letter + 1, first), len(lines)):
        if not _FOOTER.match(lines[index][:300]):
            continue
        above = lines[index - 1].strip()
        rest = " ".join(lines[index:])
        sounds = len(_FOOTER_TOLD.findall(rest)) >= 2
        if (not above or set(above) <= _RULE_CHARS) and len(rest) > MIN_FOOTER_CHARS and sounds:
            return _trimmed(lines[:index])
    return lines


def _without_phone(lines: list[str]) -> list[str]:
    """Cut telephones' lines at the end, and the lines that only part them from the words."""
    count, least = len(lines), 5
    while count:
        line = lines[count - 1]
        if is_phone_line(line):
            least = 2  # the mark of a signature has nothing to part any more
        elif line.strip() and not is_rule(line, least):
            break
        count -= 1
    return lines[:count]


def _without_marked(lines: list[str]) -> list[str]:
    """Cut a signature below its mark "-- "."""
    for index in range(len(lines) - 1, max(-1, len(lines) - 1 - MAX_SIGNATURE_LINES), -1):
        line, rest = lines[index], [x for x in lines[index + 1 :] if x.strip()]
        is_mark = line in ("-- ", "--\xa0") or (line.strip() == "--" and _looks_signed(rest))
        if is_mark:
            is_letter = sum(map(len, rest)) > MAX_SIGNATURE_CHARS
            return (
                lines if is_letter or not any(x.strip() for x in lines[:index]) else lines[:index]
            )
    return lines


def _looks_signed(lines: list[str]) -> bool:
    """Whether lines are a name, a title, numbers: short, no sentence, no list."""
    return 0 < len(lines) <= 8 and all(
        len(x) <= 70 and not re.match(r"\s*(?:[-*•]|\d+[.)])\s", x)
        and not (len(x.split()) > 3 and x.rstrip().endswith((".", "!", "?")))
        for x in lines
    )  # fmt: skip


def _trimmed(lines: list[str]) -> list[str]:
    """Return lines without the blank ones and rules at their end."""
    count = len(lines)
    while count and set(lines[count - 1].strip()) <= _RULE_CHARS:
        count -= 1
    return lines[:count]
