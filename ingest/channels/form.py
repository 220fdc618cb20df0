"""The contact form, with the flaws of its fields and the signs that a machine filled it in.

ingest/door/contact_form.py shows the form and takes it. A form carries the signed time at which it
was shown. No text of a person is refused for good: the form names a missing field, lets a quick
sender wait, and asks a suspected machine to send once more.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Parsed, build_message
from ingest.parsing.files import detect_type, is_bomb
from ingest.parsing.phone_numbers import e164
from ingest.vendors.form_data import FormFile, first_text, read_multipart
from schemas.account_fields import Brand
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Attachment, Handle, Party

MAX_TEXT_CHARS = 100_000

_MIN_FILLING_S = 3.0  # no person fills in a form faster, and a faster sender waits for the rest
_MAX_STAMP_AGE = timedelta(hours=24)  # a page that stays open overnight
_MAX_NAME_CHARS = 200
_MAX_SUBJECT_CHARS = 300
_MAX_FILES = 10
_MAX_FILE_NAME_CHARS = 200
_ID_DIGITS = 32  # 128 bits of a hash
_MAIL_ADDRESS = re.compile(r"^[^@\s<>,;]{1,64}@[^@\s<>,;]{1,255}$")
_CONFIRMED = "c"
"""The letter behind the time in the stamp of a form that was shown a second time."""

Doubt = Literal["hidden_field", "false_stamp", "too_old"]
Field = Literal["text", "email", "phone"]
Flaw = Literal["text_missing", "text_too_long", "contact_missing", "email_wrong", "phone_wrong"]


class Account(Record, frozen=True, kw_only=True):
    """One contact form."""

    brand: Brand = ""
    origins: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="The sites that may embed the form; an empty list allows every site."
        ),
    ] = ()
    title_tr: Annotated[str, msgspec.Meta(description="The title in Turkish.")] = "Bize yazın"
    title_en: Annotated[str, msgspec.Meta(description="The title in English.")] = "Write to us"


@dataclass(frozen=True, kw_only=True)
class SentForm:
    """A sent form, its texts without spaces around them. `website` is the hidden field."""

    stamp: str = ""
    website: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    subject: str = ""
    text: str = ""
    language: str = ""
    files: tuple[FormFile, ...] = ()

    def flaws(self) -> dict[Field, Flaw]:
        """Return the flaw of each wrong or missing field; empty when the form is complete."""
        flaws: dict[Field, Flaw] = {}
        if not self.text:
            flaws["text"] = "text_missing"
        elif len(self.text) > MAX_TEXT_CHARS:
            flaws["text"] = "text_too_long"
        if self.email and not _MAIL_ADDRESS.match(self.email):
            flaws["email"] = "email_wrong"
        if self.phone and not e164(self.phone, "TR"):
            flaws["phone"] = "phone_wrong"
        if not self.email and not self.phone:
            flaws["email"] = "contact_missing"
        return flaws


_SENTENCES: dict[Flaw, str] = {
    "text_missing": "nothing is written",
    "text_too_long": f"the text is longer than {MAX_TEXT_CHARS} characters",
    "contact_missing": "it has neither a mail address nor a phone number",
    "email_wrong": "this is not a mail address",
    "phone_wrong": "this is not a phone number",
}


class Form:
    """The channel of the contact form."""

    name = "form"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    account = Account
    takes = "name, mail or phone, subject, text and files of a form that a person filled in"
    ignores = (
        "nothing that a person confirms: a form that is too old, has a false stamp or the hidden "
        "field filled in is shown again, to be sent once more"
    )

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one form: its content type, a line end, and the body."""
        form = read_form(delivery.raw)
        flaws = form.flaws()
        if flaws:
            field, flaw = next(iter(flaws.items()))
            raise Rejected("form.malformed", f"{_SENTENCES[flaw]} - at `$.{field}`")
        files = [file for file in form.files[:_MAX_FILES] if file.data]
        attachments = tuple(_describe_file(file) for file in files)
        native_id = _native_id(form, attachments)
        too_many = sum(1 for file in form.files if file.data) > _MAX_FILES
        return Parsed(
            message=build_message(
                "form",
                delivery,
                context,
                native_id=native_id,
                root=native_id,
                kind="form",
                text=form.text,
                subject=form.subject[:_MAX_SUBJECT_CHARS],
                sender=_build_sender(form),
                repaired=("attachment.too_many",) if too_many else (),
                attachments=attachments,
                reply_to=form.email.lower() or None,
            ),
            files=tuple(
                file.data
                for file, attachment in zip(files, attachments, strict=True)
                if not attachment.refused
            ),
        )


def read_form(raw: bytes) -> SentForm:
    """Return a form from its content type, a line end, and the body; raise Rejected."""
    content_type, _, body = raw.partition(b"\n")
    fields, files = read_multipart(content_type.decode("latin-1"), body)
    texts = {
        name: first_text(fields, name).replace("\r\n", "\n").strip()
        for name in ("stamp", "website", "name", "email", "phone", "subject", "text", "language")
    }
    return SentForm(**texts, files=tuple(files))


def _native_id(form: SentForm, attachments: tuple[Attachment, ...]) -> str:
    """Return the id of a form, the same when its sender sends it twice."""
    values = (form.stamp, form.email, form.phone, form.text, *(a.sha256 for a in attachments))
    return hashlib.sha256("\n".join(values).encode("utf-8", "replace")).hexdigest()[:_ID_DIGITS]


def _build_sender(form: SentForm) -> Party:
    handles = []
    if form.email:
        handles.append(Handle(kind="email", value=form.email.lower()))
    number = e164(form.phone, "TR") if form.phone else ""
    if number:
        handles.append(Handle(kind="phone", value=number))
    return Party(name=form.name[:_MAX_NAME_CHARS], handles=tuple(handles))


def _describe_file(file: FormFile) -> Attachment:
    return Attachment(
        name=file.filename[:_MAX_FILE_NAME_CHARS] or "file",
        type=detect_type(file.data, file.type),
        size=len(file.data),
        sha256=hashlib.sha256(file.data).hexdigest(),
        refused="it would burst" if is_bomb(file.data) else "",
    )


def make_stamp(key: bytes, account: str, now: datetime, *, confirmed: bool = False) -> str:
    """Return the signed time of a form that is shown now.

    A `confirmed` form was shown a second time because a browser filled in its hidden field.
    """
    shown = f"{int(now.timestamp())}{_CONFIRMED if confirmed else ''}"
    return f"{shown}.{_sign(key, account, shown)}"


def _sign(key: bytes, account: str, shown: str) -> str:
    text = f"form.{account}.{shown}".encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:_ID_DIGITS]


def find_doubt(form: SentForm, key: bytes, account: str, now: datetime) -> Doubt | None:
    """Return the reason to ask for the form once more; None when it can be taken."""
    shown, _, signature = form.stamp.partition(".")
    seconds = shown.removesuffix(_CONFIRMED)
    signed = hmac.compare_digest(
        _sign(key, account, shown).encode(), signature.encode("utf-8", "replace")
    )
    if not signed or not seconds.isascii() or not seconds.isdigit():
        return "hidden_field" if form.website else "false_stamp"
    if form.website and not shown.endswith(_CONFIRMED):
        return "hidden_field"
    age_s = now.timestamp() - int(seconds)
    return "too_old" if age_s > _MAX_STAMP_AGE.total_seconds() else None


def seconds_to_wait(form: SentForm, now: datetime) -> float:
    """Return the seconds that a quick sender has to wait; the stamp is already verified."""
    shown_at = int(form.stamp.partition(".")[0].removesuffix(_CONFIRMED))
    return min(_MIN_FILLING_S, max(0.0, shown_at + _MIN_FILLING_S - now.timestamp()))
