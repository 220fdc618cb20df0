"""The contact form: a page to embed, its traps for machines, and a receipt.

Before: the door serves GET /v1/forms/ACCOUNT and takes its POST. After: accept publishes; the
receipt is shown only after Kafka's ack. A form bears the time it was made, signed: what is sent
within seconds, or with the field that people do not see, was filled in by a machine.
"""

import hashlib
import hmac
import html
import re
from datetime import datetime, timedelta
from importlib.resources import files as resources
from typing import Literal

import msgspec

from ingest.channel import Context, Delivery, Parsed, message_of
from ingest.clean.files import bursts, sniffed
from ingest.clean.numbers import e164
from ingest.forms import File, first, multipart
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Attachment, Handle, Party

SOONEST = timedelta(seconds=3)
LONGEST = timedelta(hours=24)
_MAIL = re.compile(r"^[^@\s<>,;]{1,64}@[^@\s<>,;]{1,255}$")
_MOST_FILES = 10
_TEXT = 20_000


class Account(Record, frozen=True, kw_only=True):
    """A form. `origins` are the sites that may embed it; none means any."""

    brand: str = ""
    origins: tuple[str, ...] = ()
    title_tr: str = "Bize yazın"
    title_en: str = "Write to us"


class Form:
    """The channel of the contact form."""

    name = "form"
    way: Literal["push", "pull"] = "push"
    account: type[msgspec.Struct] = Account
    takes = "name, mail or phone, subject, text and files of a form that a person filled in"
    ignores = "forms that a machine filled in: too fast, too old, the hidden field, a false stamp"

    def parse(self, delivery: Delivery, context: Context) -> Parsed:
        """Return the Message of one form: its content type, a line end, and the body."""
        kind, _, body = delivery.raw.partition(b"\n")
        found, sent = multipart(kind.decode("latin-1"), body)
        text = first(found, "text").replace("\r\n", "\n").strip()[:_TEXT]
        if not text:
            raise Rejected("form.malformed", "nothing is written - at `$.text`")
        stamp = first(found, "stamp")
        handles = []
        mail, phone = first(found, "email").strip(), first(found, "phone").strip()
        if _MAIL.match(mail):
            handles.append(Handle(kind="email", value=mail.lower()))
        number = e164(phone, "TR")
        if number:
            handles.append(Handle(kind="phone", value=number))
        if not handles:
            raise Rejected("form.malformed", "a mail address or a number is needed - at `$.email`")
        attachments, kept = _files(sent)
        told = "\n".join((stamp, mail, phone, text, *(a.sha256 for a in attachments)))
        native = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:32]
        more = len([f for f in sent if f.data]) > _MOST_FILES
        return Parsed(message=message_of(
            "form", delivery, context, native_id=native, root=native, kind="form", text=text,
            subject=first(found, "subject").strip()[:300],
            sender=Party(name=first(found, "name").strip()[:200], handles=tuple(handles)),
            repaired=("attachment.too_many",) if more else (), attachments=attachments,
            reply_to=mail.lower() if _MAIL.match(mail) else None,
        ), files=kept)  # fmt: skip


def _files(sent: list[File]) -> tuple[tuple[Attachment, ...], tuple[bytes, ...]]:
    made: list[Attachment] = []
    kept: list[bytes] = []
    for file in sent[:_MOST_FILES]:
        if not file.data:
            continue
        refused = "it would burst" if bursts(file.data) else ""
        made.append(Attachment(
            name=file.filename[:200] or "file", type=sniffed(file.data, file.type),
            size=len(file.data), sha256=hashlib.sha256(file.data).hexdigest(), refused=refused,
        ))  # fmt: skip
        if not refused:
            kept.append(file.data)
    return tuple(made), tuple(kept)


def stamped(key: bytes, account: str, now: datetime) -> str:
    """Return the signed time of a form that is shown now."""
    at = str(int(now.timestamp()))
    mark = hmac.new(key, f"form.{account}.{at}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"{at}.{mark}"


def by_a_machine(raw: bytes, key: bytes, account: str, now: datetime) -> str:
    """Return why a form was filled in by a machine; empty when a person may have done it."""
    kind, _, body = raw.partition(b"\n")
    found, _ = multipart(kind.decode("latin-1"), body)
    if first(found, "website"):
        return "hidden_field"
    at, _, mark = first(found, "stamp").partition(".")
    due = hmac.new(key, f"form.{account}.{at}".encode(), hashlib.sha256).hexdigest()[:32]
    if not at.isdigit() or not hmac.compare_digest(due.encode(), mark.encode("utf-8", "replace")):
        return "false_stamp"
    age = now.timestamp() - int(at)
    if age < SOONEST.total_seconds():
        return "too_fast"
    return "too_old" if age > LONGEST.total_seconds() else ""


_WORDS = {
    "tr": {"name": "Adınız", "email": "E-posta", "phone": "Telefon", "subject": "Konu",
           "text": "İletiniz", "files": "Dosyalar", "send": "Gönder", "website": "Boş bırakın",
           "hint": "E-posta ya da telefon yazın, size oradan dönelim.",
           "done": "İletiniz ulaştı.", "number": "Kayıt numaranız",
           "again": "İletiniz alınamadı. Sayfayı yenileyip yeniden deneyin."},
    "en": {"name": "Your name", "email": "E-mail", "phone": "Phone", "subject": "Subject",
           "text": "Your message", "files": "Files", "send": "Send", "website": "Leave empty",
           "hint": "Give a mail address or a number where we can answer you.",
           "done": "Your message has arrived.", "number": "Your reference",
           "again": "Your message could not be taken. Reload the page and try again."},
}  # fmt: skip


def page(account: str, settings: Account, language: str, stamp: str) -> str:
    """Return the form as a page."""
    words = _WORDS[language]
    title = settings.title_tr if language == "tr" else settings.title_en
    values = words | {"title": title, "account": account, "stamp": stamp, "language": language}
    return _filled("form.html", values)


def receipt(language: str, number: str) -> str:
    """Return the page that says it has arrived, with the number to name it by."""
    return _filled("form_done.html", _WORDS[language] | {"reference": number, "language": language})


def refusal(language: str, why: str) -> str:
    """Return the page that says it was not taken, and what to do."""
    words = _WORDS[language]
    return _filled("form_done.html", words | {
        "done": words["again"], "number": "", "reference": why, "language": language,
    })  # fmt: skip


def _filled(name: str, values: dict[str, str]) -> str:
    made = resources("ingest").joinpath("static", name).read_text(encoding="utf-8")
    for key, value in values.items():
        made = made.replace(f"{{{{{key}}}}}", html.escape(value))
    return made
