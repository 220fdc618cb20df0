"""Reads dates that people write in nine languages, and that mail programs write in headers. Pure.

An ambiguous date (3/4) has the day first, as in Turkey. automail/detection.py looks for the end of
an absence; header.py has dates that no standard knows.
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
"""A line for each month, in tr, en, de, nl, fr, es, it, pl and ru."""
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
_ZONE_HOURS = {"trt": 3, "eest": 3, "eet": 2, "gmt": 0, "utc": 0, "ut": 0, "z": 0}
_ISO = re.compile(r"\s*20\d\d-\d\d-\d\dT\d")
_RETURN_WORD = re.compile(
    r"""until|till|through|back|return|again|kadar|donec|donus|geri\b|tekrar|itibar|ofiste[ ]olacag
       |mesaime|basla|gelecegim|\bto\b|-|ve[ ]\d|arasinda""",
    re.VERBOSE,
)

_MAX_NOTICE_CHARS = 4000  # the rest of a notice of absence is not read
_MAX_WORD_DISTANCE = 60  # characters between a day and a word such as "until"
_MAX_ABSENCE = timedelta(days=399)  # a later day is not that of a return


def fold_keeping_length(text: str) -> str:
    """Return a text in lower case without Turkish letters; offsets stay the same."""
    return text.translate(_FOLD).lower()


def find_dates(text: str, near: datetime) -> list[tuple[int, int, datetime]]:
    """Return the days in a text with their offsets (start, end).

    A day without a year is the first one that is not more than 60 days before `near`.
    """
    plain = fold_keeping_length(text)
    if len(plain) != len(text):
        return []
    days = []
    for match in _DATE.finditer(plain):
        fields = {k[0]: v for k, v in match.groupdict().items() if v}
        month = int(fields["m"]) if fields["m"].isdigit() else _MONTHS[fields["m"]]
        year = int(fields.get("y", near.year))
        try:
            day = datetime(year + (2000 if year < 100 else 0), month, int(fields["d"]), tzinfo=UTC)
        except ValueError:
            continue
        if "y" not in fields and day < near - timedelta(days=60):
            day = day.replace(year=near.year + 1) if (month, day.day) != (2, 29) else day
        days.append((match.start(), match.end(), day))
    return days


def find_return_date(text: str, sent: datetime) -> datetime | None:
    """Return the last day in a notice of absence that a word such as "until" accompanies."""
    beginning = text[:_MAX_NOTICE_CHARS]
    plain = fold_keeping_length(beginning)
    days = []
    for start, end, day in find_dates(beginning, sent):
        around = plain[max(0, start - _MAX_WORD_DISTANCE) : end + _MAX_WORD_DISTANCE]
        is_absence = -timedelta(days=1) <= day - sent < _MAX_ABSENCE
        if is_absence and _RETURN_WORD.search(around):
            days.append(day)
    return max(days, default=None)


def parse_written_date(line: str, default: timezone = TURKEY) -> datetime | None:
    """Return the time in a date outside RFC 5322, such as "22 Kasım 2026 Pazar 14:05"."""
    days = find_dates(
        line.replace("T", " ", 1) if _ISO.match(line) else line, datetime(2000, 1, 1, tzinfo=UTC)
    )
    if not days:
        return None
    start, end, day = days[0]
    rest = f"{line[:start]} {line[end:].removeprefix('T')}"
    time = _TIME.search(rest)
    hour = minute = second = 0
    if time:
        hour, minute, second = int(time[1]), int(time[2]), min(59, int(time[3] or 0))
        half = fold_keeping_length(time[4] or "")
        if half in ("pm", "os", "am"):
            hour = hour % 12 + (0 if half == "am" else 12)
    try:
        offset = parse_zone(rest[time.end() :] if time else rest) or default
        return day.replace(hour=hour, minute=minute, second=second, tzinfo=offset).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_zone(text: str) -> timezone | None:
    """Return the offset in the text behind a time, None when it has none."""
    plain = fold_keeping_length(text)
    match = _ZONE.search(plain)
    if match:
        shift = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        return timezone(shift if match[1] == "+" else -shift)
    named = re.search(r"\b(trt|eest|eet|gmt|utc|ut|z)\b", plain)
    return timezone(timedelta(hours=_ZONE_HOURS[named[1]])) if named else None
