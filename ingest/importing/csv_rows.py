"""Reads a table of messages (CSV) as spreadsheets write it, into a body of the API for each row.

The API channel parses the bodies. Turkish spreadsheets use semicolons, windows-1254 and dates such
as 05.01.2024 14:30. The header may name the columns in Turkish or English. Source: RFC 4180.
"""

import csv
import hashlib
import itertools
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from schemas.errors import Unavailable
from schemas.text.fold import fold

_SENDER = ("email", "phone", "handle", "customer_no", "name")
_COLUMNS = ("native_id", "text", "subject", "conversation", "sent_at", "brand", *_SENDER)
_NAMES = {
    "native id": "native_id",
    "id": "id",
    "no": "id",
    "numara": "id",
    "kayit no": "id",
    "body": "text",
    "message": "text",
    "metin": "text",
    "mesaj": "text",
    "icerik": "text",
    "aciklama": "text",
    "sikayet": "text",
    "konu": "subject",
    "baslik": "subject",
    "title": "subject",
    "mail": "email",
    "e mail": "email",
    "e posta": "email",
    "eposta": "email",
    "telefon": "phone",
    "tel": "phone",
    "gsm": "phone",
    "cep": "phone",
    "ad": "name",
    "isim": "name",
    "ad soyad": "name",
    "adi soyadi": "name",
    "musteri": "name",
    "musteri no": "customer_no",
    "customer no": "customer_no",
    "tarih": "sent_at",
    "date": "sent_at",
    "created at": "sent_at",
    "sent at": "sent_at",
    "thread": "conversation",
}
_DATE = re.compile(r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?$")
_MAIL = re.compile(r"^[^@\s]+@[^@\s]+$")
_MAX_CELL_CHARS = 16 * 1024 * 1024
_MAX_ID_CHARS = 512
_READ_CHARS = 1 << 20


def read_rows(path: Path) -> Iterator[bytes]:
    """Yield a body for every row; raise Unavailable when the header has no column of texts.

    A row with more cells than the header becomes a body that makes a dead letter.
    """
    csv.field_size_limit(_MAX_CELL_CHARS)
    with path.open(encoding=_charset(path), newline="") as file:
        head = file.readline()
        if head.lower().startswith("sep="):
            head = file.readline()
        delimiter = max(",;\t|", key=head.count)
        reader = csv.reader(itertools.chain([head], file), delimiter=delimiter)
        try:
            names = [_column_name(cell) for cell in next(reader, [])]
            if "text" not in names:
                raise Unavailable(
                    f"{path}: its header has no column `text`. Known: {', '.join(_COLUMNS)}"
                )
            for cells in reader:
                if any(c.strip() for c in cells):
                    yield _body(path.stem, names, cells)
        except csv.Error as error:
            raise Unavailable(f"{path}: line {reader.line_num}: {error}") from error


def _charset(path: Path) -> str:
    """Return the charset of a file, which is UTF-16, UTF-8 or that of Turkish Windows."""
    with path.open("rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
    try:
        with path.open(encoding="utf-8-sig") as text:
            while text.read(_READ_CHARS):
                continue
    except UnicodeDecodeError:
        return "cp1254"
    return "utf-8-sig"


def _column_name(cell: str) -> str:
    """Return the field of a header's cell, or an empty text for an unknown one."""
    words = " ".join(fold(cell.strip().strip("\ufeff")).split())
    field = words.replace(" ", "_")
    return _NAMES.get(words) or (field if field in _COLUMNS else "")


def _body(stem: str, names: list[str], cells: list[str]) -> bytes:
    """Return the body of a row; `stem` is the name of its file."""
    if len(cells) > len(names) and any(c.strip() for c in cells[len(names) :]):
        return msgspec.json.encode({"row": cells})
    row = {n: c.strip() for n, c in zip(names, cells, strict=False) if n and c.strip()}
    sender = {field: row[field] for field in _SENDER if field in row}
    if "email" in sender and not _MAIL.match(sender["email"]) and len(sender) > 1:
        del sender["email"]  # the person has other handles
    fields = {field: row[field] for field in _COLUMNS if field in row and field not in _SENDER}
    if "sent_at" in fields:
        fields["sent_at"] = _iso_time(fields["sent_at"])
    body: dict[str, object] = {**fields, "sender": sender}
    if "native_id" not in fields:
        # A number is unique within its file; the hash of its cells identifies a row without one.
        number = row.get("id") or hashlib.sha256("\n".join(cells).encode()).hexdigest()
        body["native_id"] = f"{stem}:{number}"[:_MAX_ID_CHARS]
    return msgspec.json.encode(body)


def _iso_time(text: str) -> str:
    """Return a time in ISO 8601, in Turkey's zone where it names none; any other text as it is."""
    match = _DATE.match(text)
    try:
        if match:
            day, month, year = int(match[1]), int(match[2]), int(match[3])
            clock = (int(match[4] or 0), int(match[5] or 0), int(match[6] or 0))
            time = datetime(year, month, day, *clock)  # noqa: DTZ001 - its zone follows below
        else:
            time = datetime.fromisoformat(re.sub(r"\s+([+-]\d\d:?\d\d)$", r"\1", text))
    except ValueError:
        return text
    return (time if time.tzinfo else time.replace(tzinfo=_turkish_zone())).isoformat()


def _turkish_zone() -> tzinfo:
    """Return Turkey's time zone, from its offset where the machine has no zones."""
    try:
        return ZoneInfo("Europe/Istanbul")
    except ZoneInfoNotFoundError:
        return timezone(timedelta(hours=3))
