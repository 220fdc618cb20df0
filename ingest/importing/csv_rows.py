"""A table of messages (CSV) -> bodies of the API, one a row; as people's spreadsheets write it.

Before: ingest/importing/run.py has a file. After: the API channel's parser. Turkish spreadsheets
use semicolons, windows-1254 and 05.01.2024 14:30; their names of columns are known in both
languages. Source: RFC 4180.
"""

import csv
import hashlib
import itertools
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
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
_CELL = 16 * 1024 * 1024


def rows(path: Path) -> Iterator[bytes]:
    """Yield a body for every row; raise Unavailable when the header tells no text.

    What is no row (more cells than the header) goes on as it is: its dead letter will tell.
    """
    csv.field_size_limit(_CELL)
    with path.open(encoding=_charset(path), newline="") as file:
        head = file.readline()
        if head.lower().startswith("sep="):
            head = file.readline()
        delimiter = max(",;\t|", key=head.count)
        reader = csv.reader(itertools.chain([head], file), delimiter=delimiter)
        try:
            names = [_name(n) for n in next(reader, [])]
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
    """Return how a file is written: by its mark, else UTF-8, else Turkish Windows."""
    with path.open("rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
    try:
        with path.open(encoding="utf-8-sig") as text:
            while text.read(1 << 20):
                continue
    except UnicodeDecodeError:
        return "cp1254"
    return "utf-8-sig"


def _name(told: str) -> str:
    key = " ".join(fold(told.strip().strip("\ufeff")).split())
    plain = key.replace(" ", "_")
    return _NAMES.get(key) or (plain if plain in _COLUMNS else "")


def _body(stem: str, names: list[str], cells: list[str]) -> bytes:
    if len(cells) > len(names) and any(c.strip() for c in cells[len(names) :]):
        return msgspec.json.encode({"row": cells})
    told = {n: c.strip() for n, c in zip(names, cells, strict=False) if n and c.strip()}
    sender = {k: told[k] for k in _SENDER if k in told}
    if "email" in sender and not _MAIL.match(sender["email"]) and len(sender) > 1:
        del sender["email"]  # the other ways to reach them are good
    body: dict[str, Any] = {k: told[k] for k in _COLUMNS if k in told and k not in _SENDER}
    body["sender"] = sender
    if "sent_at" in body:
        body["sent_at"] = _instant(body["sent_at"])
    if "native_id" not in body:
        # A number counts within its file; a row without one is known by what it says.
        own = told.get("id") or hashlib.sha256("\n".join(cells).encode()).hexdigest()
        body["native_id"] = f"{stem}:{own}"[:512]
    return msgspec.json.encode(body)


def _instant(told: str) -> str:
    """Return a time in ISO 8601; one without a zone is Turkey's. What is none stays."""
    found = _DATE.match(told)
    try:
        if found:
            day, month, year = int(found[1]), int(found[2]), int(found[3])
            clock = (int(found[4] or 0), int(found[5] or 0), int(found[6] or 0))
            made = datetime(year, month, day, *clock)  # noqa: DTZ001 - its zone is given below
        else:
            made = datetime.fromisoformat(re.sub(r"\s+([+-]\d\d:?\d\d)$", r"\1", told))
    except ValueError:
        return told
    return (made if made.tzinfo else made.replace(tzinfo=_turkey())).isoformat()


def _turkey() -> Any:
    try:
        return ZoneInfo("Europe/Istanbul")
    except ZoneInfoNotFoundError:
        return timezone(timedelta(hours=3))
