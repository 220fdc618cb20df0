"""Cuts the text that programs and lawyers add below a mail. Pure.

reply.py has cut the quotation before. Text that a person may have written stays.
"""

import re

from ingest.parsing.mail_text.mail_programs import LANGUAGES

DEVICES = (
    "iphone|ipad|ipod|ios|mac|macbook|android|mobile|mobil|mobiltelefon|mobilgerät|handy|cell|cellphone|"
    "phone|smartphone|telefon|téléphone|móvil|movil|celular|telefono|cihaz|device|tablet|tablette|galaxy|"
    "samsung|huawei|xiaomi|redmi|poco|oppo|honor|htc|nokia|lumia|sony|xperia|lg|oneplus|pixel|motorola|"
    "moto|alcatel|blackberry|verizon|windows|outlook|yahoo|gmail|mail|mailbox|mailspring|airmail|spark|"
    "proton|thunderbird|k-9|aol|gmx|yandex|hotmail|spike|superhuman|bluemail|boxer|typeapp|mailsuite|"
    "zoho|desktop|laptop|pc|webmail|телефона|телефон|почты|мобильных|手机|携帯"
)
"""Devices and mail programs that sign a mail."""

_BRAND = (
    r"(?:iPhone|iPad|iOS|Android|Samsung|Galaxy|Huawei|Xiaomi|Redmi|Oppo|Honor|BlackBerry|"
    r"Yandex\.?Mail|Yandex|Outlook|Proton|Gmail|Yahoo|Windows)"
)
_DEVICE_WORDS = r"(?: (?-i:[A-Z0-9])[\w®™.+-]{0,19}| Posta| Mail){0,4}"
"""More words of a device's name."""
_PROGRAM = r"(?:Spark|BlueMail|TypeApp|Boxer|Zoho Mail|K-9 Mail|Edison Mail|Mailbird|Superhuman)"
_SENT = r"gönderil(?:di|miştir)[^\n]{0,50}"
_ABLATIVE = r"(?:dan|den|tan|ten)"
_TURKISH = (
    (
        rf"^(?:Turkcell |Vodafone |Mobil )?{_BRAND}®?(?:['’](?:da|de|ta|te) Yahoo| için Yahoo)?"
        rf"{_DEVICE_WORDS}(?: mobil)?(?:['’]\w{{0,5}}| ?uygulamasın?| ?postas?ı?n?| ?mail)"
        rf"{_ABLATIVE}(?: [\w .-]{{1,20}} ile)? {_SENT}$"
    ),
    (
        r"^(?:(?-i:[A-Z0-9])[\w®™.+-]{0,19} ){0,4}(?:(?:cep|akıllı|mobil) ){0,2}"
        rf"(?:cihazım|telefonum|tabletim){_ABLATIVE}(?: [\w .-]{{1,20}} ile)? {_SENT}$"
    ),
    rf"^(?:{_BRAND}[^\n]{{0,40}}|Mobil )(?:Mail|Posta|Outlook|K-9)[^\n]{{0,20}} ile {_SENT}$",
    rf"^{_PROGRAM}(?: for \w{{2,12}})? ile {_SENT}$",
    rf"^{_BRAND}[^\n]{{0,20}} için (?:Outlook|Yahoo|Gmail)[^\n]{{0,90}}$",
)
"""Turkish attaches "from" to the device as a suffix, so a star cannot represent the device."""
_DEVICE = re.compile(rf"(?<![^\W_])(?:(?:{DEVICES})(?![^\W\d_])|iphon|ipad|android)", re.IGNORECASE)
_NAMES_DEVICE = re.compile(
    rf"(?:\w{{1,20}} ){{0,2}}(?:{DEVICES})(?: \w{{1,20}}){{0,2}}$", re.IGNORECASE
)
_MODEL = re.compile(r"[A-Z][\w-]*\d[\w-]*$")
_EXCUSE = re.compile(
    r"excuse|pardon|typo|typo[sz]|brevity|kusur|entschuldig|verzeih", re.IGNORECASE
)
_AD_LINK = re.compile(r"\[([^\]\n]{1,80})\]\(https?://[^)\s]{1,900}\)|<?https?://[^>\s]{1,900}>")
"""The address of a program's page, behind its name or around it."""
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
    r"disclaimer\b",
    r"confidentiality notice\b",
    (
        r"bu (?:e-?posta|elektronik posta|ileti|mesaj|mail)\b[^\n]{0,120}(?:gizli|kişiye özel|"
        r"yalnızca|sadece|muhatab|ekleri|ekinde)"
    ),
    (
        r"(?:this|the information (?:contained )?in this) (?:e-?mail|message|communication)\b"
        r"[^\n]{0,120}(?:confidential|privileged|intended|attachments)"
    ),
    r"diese e-?mail enthält vertrauliche",
)
_FOOTER = re.compile(rf"^[ \t*_]{{0,10}}(?:{'|'.join(_TITLES)})", re.IGNORECASE)
_FOOTER_WORDS = re.compile(
    r"gizli|kişiye özel|muhatab|ifşa|yetkisiz|sorumlu|silmenizi|imha|confidential|privileged|"
    r"intended|recipient|unauthori[sz]ed|prohibited|delete|liab|vertraulich",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"\b(?:bana|benim|I (?:am|was|want|need|would|do)|I'm|my|ich (?:bin|habe|möchte)|meine?)\b|"
    r"\w{2}(?:[ıiuü]yorum|[dt][ıiuü]m|[ae]ca[ğk][ıi]m)\b",
    re.IGNORECASE,
)
"""Words of a person who asks; a lawyer's text does not have them."""
_BANNER = re.compile(
    r"[\[*\s]{0,9}(?:caution|warning|attention|external(?: (?:e-?mail|sender|message))?|"
    r"dikkat|uyarı|harici e-?posta)\b[\]*\s]{0,9}[:!\]]",
    re.IGNORECASE,
)
_BANNER_WORDS = re.compile(
    r"outside|originated|external (?:source|sender)|do not click|unless you recogni[sz]e|"
    r"(?:kurum|kuruluş|şirket)\w{0,6} dışı[^\n]{0,60}(?:gönder|iletil|gelmiş|gelen)|"
    r"dış (?:bir )?kaynak[^\n]{0,60}(?:gönder|iletil|gelmiş|gelen)|tıklama[ymd]",
    re.IGNORECASE,
)
MAX_BANNER_CHARS = 600
MAX_BANNER_LINES = 5
MAX_FOOTER_CHARS = 4000
MAX_FOOTER_START_CHARS = 300
MIN_FOOTER_CHARS = 80
MAX_SIGNATURE_LINES = 12
MAX_SIGNATURE_CHARS = 1500
"""A longer text below "-- " is the letter itself."""
_LIST_LINE = re.compile(r"^[^\n]{1,80} mailing list[ \t]*$")
MAX_LIST_LINES = 12
_RULE_CHARS = "-_=*~#+—–─ᐧ \t"


def cut_signature(text: str) -> str:
    """Return the text without signatures, or lines of telephones, lawyers and lists."""
    lines = _without_list(text.rstrip().split("\n"))
    lines = _without_banner(lines)
    lines = _without_footer(lines)
    lines = _without_phone(lines)
    above = _without_signature(lines)
    lines = lines if above is lines else _without_phone(above)
    return "\n".join(lines) if any(line.strip() for line in lines) else text


def is_rule(line: str, min_chars: int = 5) -> bool:
    """Say whether a line only separates others, with at least `min_chars` of a rule."""
    marks = line.strip()
    return bool(marks) and _is_of_rules(marks) and (len(marks) >= min_chars or marks == "ᐧ")


def _is_of_rules(text: str) -> bool:
    """Say whether a text has only characters of rules."""
    return not text.strip(_RULE_CHARS)


def is_phone_line(line: str) -> bool:
    """Say whether a line is the signature of a telephone or a mail program."""
    line = line.strip()
    if "http" in line[:MAX_LINE_CHARS]:
        line = _AD_LINK.sub(r"\1", line).strip()
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
    """Say whether these words are the name of a device, with at most an excuse behind it."""
    name, *others = re.split(r"[,.;:](?= |$)|<http|https?://", device, maxsplit=1)
    rest = others[0].strip() if others else ""
    if "<" in device or "http" in device:
        rest = ""
    if len(name) > MAX_DEVICE_CHARS:
        return False
    if rest and not _EXCUSE.search(rest) and not _NAMES_DEVICE.match(rest):
        return False
    return _DEVICE.search(name) is not None or _MODEL.search(name.strip()) is not None


def _without_list(lines: list[str]) -> list[str]:
    """Cut the lines that Mailman appends to every mail."""
    for index in range(max(0, len(lines) - MAX_LIST_LINES), len(lines) - 1):
        if is_rule(lines[index]) and _LIST_LINE.match(lines[index + 1]):
            return lines[:index]
    return lines


def _without_banner(lines: list[str]) -> list[str]:
    """Cut the paragraph that a gateway puts above mail from outside."""
    first = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    after = first
    while after < len(lines) and lines[after].strip():
        after += 1
    banner = " ".join(lines[first:after])[:MAX_BANNER_CHARS]
    is_banner = _BANNER.match(banner) and _BANNER_WORDS.search(banner)
    return lines[after:] if is_banner and after - first <= MAX_BANNER_LINES else lines


def _without_footer(lines: list[str]) -> list[str]:
    """Cut a lawyer's text at the end, from its first line, if all of it sounds like one."""
    size, first = 0, len(lines)
    while first and size + len(lines[first - 1]) < MAX_FOOTER_CHARS:
        first -= 1
        size += len(lines[first]) + 1
    letter = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    for index in range(max(letter + 1, first), len(lines)):
        if not _FOOTER.match(lines[index][:MAX_FOOTER_START_CHARS]):
            continue
        above = lines[index - 1].strip()
        rest = " ".join(lines[index:])
        sounds = len(_FOOTER_WORDS.findall(rest)) >= 2 and not _FIRST_PERSON.search(rest)
        if _is_of_rules(above) and len(rest) > MIN_FOOTER_CHARS and sounds:
            return _trim(lines[:index])
    return lines


def _without_phone(lines: list[str]) -> list[str]:
    """Cut signatures of telephones at the end, and the rules above them."""
    count, min_rule_chars = len(lines), 5
    while count:
        line = lines[count - 1]
        if is_phone_line(line):
            min_rule_chars = 2  # a "--" above it separates nothing
        elif line.strip() and not is_rule(line, min_rule_chars):
            break
        count -= 1
    return lines[:count]


def _without_signature(lines: list[str]) -> list[str]:
    """Cut a signature below "-- "."""
    for index in range(len(lines) - 1, max(-1, len(lines) - 1 - MAX_SIGNATURE_LINES), -1):
        line = lines[index]
        if line.strip() != "--":
            continue
        rest = [x for x in lines[index + 1 :] if x.strip()]
        if line in ("-- ", "--\xa0") or _looks_signed(rest):
            is_letter = sum(map(len, rest)) > MAX_SIGNATURE_CHARS
            return (
                lines if is_letter or not any(x.strip() for x in lines[:index]) else lines[:index]
            )
    return lines


def _looks_signed(lines: list[str]) -> bool:
    """Say whether lines are a name, a title and numbers, without sentences and lists."""
    return 0 < len(lines) <= 8 and all(
        len(x) <= 70 and not re.match(r"\s*(?:[-*•]|\d+[.)])\s", x) and not _is_sentence(x.rstrip())
        for x in lines
    )


def _is_sentence(line: str) -> bool:
    """Say whether a line ends like a sentence, and not like the title "Satın Alma Md."."""
    words = line.split()
    ends = line.endswith((".", "!", "?"))
    return ends and (len(words) > 3 or (len(words) > 1 and words[-1][:1].islower()))


def _trim(lines: list[str]) -> list[str]:
    """Return lines without the blank lines and rules at their end."""
    count = len(lines)
    while count and _is_of_rules(lines[count - 1].strip()):
        count -= 1
    return lines[:count]
