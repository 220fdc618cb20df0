"""Dates that people write in nine languages, and mail programs in a header's place. Pure.

Before: automail/detection.py looks for the day somebody is back, header.py has a date no standard
knows. After: an instant in UTC. What could be two days (3/4) is read as Turkey reads it: the day
first.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

_MONTH_NAMES = """
ocak oca january jan januar januari janvier janv enero ene gennaio gen stycznia sty января янв
subat sub february feb februar februari fevrier fevr febrero febbraio lutego lut февраля февр
mart mar march marz maart mrt mars marzo marca марта мар
nisan nis april apr avril avr abril abr aprile kwietnia kwi апреля апр
mayis may mai mei mayo maggio mag maja мая
haziran haz june jun juni juin junio giugno giu czerwca cze июня июн
temmuz tem july jul juli juillet juil julio luglio lug lipca lip июля июл
agustos agu august aug augustus aout agosto ago sierpnia sie августа авг
eylul eyl september sep sept septembre septiembre settembre wrzesnia wrz сентября сент
ekim eki october oct oktober okt octobre octubre ottobre ott pazdziernika paz октября окт
kasim kas november nov novembre noviembre listopada lis ноября нояб
aralik ara december dec dezember dez decembre diciembre dic dicembre grudnia gru декабря дек
"""
"""In tr, en, de, nl, fr, es, it, pl and ru, a line a month."""
_MONTHS = {
    name: number
    for number, names in enumerate(_MONTH_NAMES.strip().split("\n"), start=1)
    for name in names.split()
}
_FOLD = str.maketrans("ışğçöüâİŞĞÇÖÜIÂéÉûäźś", "isgcouaisgcouiaeeuazs")
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = re.compile(
    rf"""(?<![\d.:/-])(?:
      (?P<y1>20\d\d)-(?P<m1>\d\d)-(?P<d1>\d\d)
     |(?P<d2>\d{{1,2}})[./-](?P<m2>\d{{1,2}})[./-](?P<y2>(?:20)?\d\d)
     |(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?\.?[ ]+(?:(?:of|de)[ ]+)?(?P<m3>{_NAMES})\b\.?,?
        (?:[ ]+(?:de[ ]+)?(?P<y3>20\d\d))?
     |(?P<m4>{_NAMES})\b\.?[ ]+(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?\b
        (?!\.?[ ]+(?:{_NAMES})\b)(?:,?[ ]+(?P<y4>20\d\d))?
     )(?![\d/])""",
    re.VERBOSE,
)
_TIME = re.compile(
    r"\b(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\s*(am|pm|[öo][sğg]))?", re.IGNORECASE
)
_ZONE = re.compile(r"(?:utc|gmt)?\s*([+-])(\d{1,2}):?(\d{2})?\b")
TURKEY = timezone(timedelta(hours=3))
_NAMED = {"trt": 3, "eest": 3, "eet": 2, "gmt": 0, "utc": 0, "ut": 0, "z": 0}
_ISO = re.compile(r"\s*20\d\d-\d\d-\d\dT\d")
_BACK = re.compile(
    r"""until|till|through|back|return|again|kadar|donec|donus|geri\b|tekrar|itibar|ofiste[ ]olacag
       |mesaime|basla|gelecegim|\bto\b|-|ve[ ]\d|arasinda""",
    re.VERBOSE,
)


def folded(text: str) -> str:
    """Return a text in lower case without Turkish letters, as long as it was."""
    return text.translate(_FOLD).lower()


def dates(text: str, near: datetime) -> list[tuple[int, int, datetime]]:
    """Return the days in a text with their places; without a year the one at or after `near`."""
    plain = folded(text)
    if len(plain) != len(text):
        return []
    found = []
    for match in _DATE.finditer(plain):
        part = {k[0]: v for k, v in match.groupdict().items() if v}
        month = int(part["m"]) if part["m"].isdigit() else _MONTHS[part["m"]]
        year = int(part.get("y", near.year))
        try:
            day = datetime(year + (2000 if year < 100 else 0), month, int(part["d"]), tzinfo=UTC)
        except ValueError:
            continue
        if "y" not in part and day < near - timedelta(days=60):
            day = day.replace(year=near.year + 1) if (month, day.day) != (2, 29) else day
        found.append((match.start(), match.end(), day))
    return found


def return_date(text: str, sent: datetime) -> datetime | None:
    """Return the day an absence ends as its notice tells: the last day named with such a word."""
    plain = folded(text[:4000])
    best: datetime | None = None
    for start, end, day in dates(text[:4000], sent):
        around = plain[max(0, start - 60) : end + 60]
        if _BACK.search(around) and timedelta(0) <= day - sent + timedelta(days=1) < timedelta(400):
            best = day if best is None else max(best, day)
    return best


def header_date(line: str, default: timezone = TURKEY) -> datetime | None:
    """Return the instant in a date that is not RFC 5322's: "22 Kasım 2026 Pazar 14:05"."""
    found = dates(
        line.replace("T", " ", 1) if _ISO.match(line) else line, datetime(2000, 1, 1, tzinfo=UTC)
    )
    if not found:
        return None
    start, end, day = found[0]
    rest = f"{line[:start]} {line[end:].removeprefix('T')}"
    time = _TIME.search(rest)
    hour = minute = second = 0
    if time:
        hour, minute, second = int(time[1]), int(time[2]), min(59, int(time[3] or 0))
        half = folded(time[4] or "")
        if half in ("pm", "os", "am"):
            hour = hour % 12 + (0 if half == "am" else 12)
    try:
        offset = zone_of(rest[time.end() :] if time else rest) or default
        return day.replace(hour=hour, minute=minute, second=second, tzinfo=offset).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def zone_of(text: str) -> timezone | None:
    """Return the offset in what stands behind a time, None when there is none."""
    plain = folded(text)
    found = _ZONE.search(plain)
    if found:
        shift = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        return timezone(shift if found[1] == "+" else -shift)
    named = re.search(r"\b(trt|eest|eet|gmt|utc|ut|z)\b", plain)
    return timezone(timedelta(hours=_NAMED[named[1]])) if named else None
