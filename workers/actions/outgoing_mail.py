"""Writes the bytes of our mails, parses them again and compares the result.

Strangers wrote the subject, the addresses and the ids. On some versions of Python the standard
library's generator decodes its input and lets a subject write headers, so this module writes
headers character by character. It uses only the standard library of Python 3.9, so that a test
runs it on every interpreter. Source: RFC 5322, RFC 2045, RFC 2047, RFC 5321.
"""

from __future__ import annotations

import base64
import quopri
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.policy import compat32, default
from email.utils import format_datetime

MAX_SUBJECT_CHARS = 200
"""Longer subjects are cut; mail programs show far less."""
MAX_ID_CHARS = 500
"""Longer Message-IDs are left out: a line has 998 characters at most (RFC 5322, 2.1.1)."""
_MAX_ADDRESS_CHARS = 254
_LINE_CHARS = 78
_WORD_BYTES = 45
"""UTF-8 bytes in an encoded word, which with its frame has at most 75 characters (RFC 2047, 2)."""
_MAX_REFERENCES = 10

_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_ID = re.compile(r"<[!-;=?-~]+>")
_PLAIN = re.compile("[ -~]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_ENCODED = "=?"  # the beginning of an encoded word


class UnsafeMail(ValueError):
    """No mail can carry this text without changing its meaning."""


@dataclass(frozen=True)
class OutgoingMail:
    """The content of a mail.

    `references` and `in_reply_to` are Message-IDs with their brackets, of which the writer omits
    invalid ones. An `automatic` mail asks for no answer (RFC 3834).
    """

    sender_name: str
    sender: str
    recipient: str
    subject: str
    date: datetime
    message_id: str
    text: str
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    automatic: bool = False


def compose(mail: OutgoingMail) -> bytes:
    """Return the mail's bytes; raise UnsafeMail when they do not read back as intended."""
    intended = _headers_of(mail)
    body = clean_text(mail.text)
    lines = [_field(name, value) for name, value in intended]
    encoded = quopri.encodestring(body.encode()).replace(b"\n", b"\r\n")
    raw = "\r\n".join([*lines, "", ""]).encode("ascii") + encoded
    try:
        difference = _difference(raw, intended, body)
    except Exception as error:  # whatever the parser raises: programs differ
        raise UnsafeMail(f"it does not parse: {type(error).__name__}") from error
    if difference:
        raise UnsafeMail(f"it does not read back as intended: {difference}")
    return raw


def clean_line(text: str, limit: int) -> str:
    """Return a text on one line, without controls and direction marks, cut at `limit`."""
    text = _DIRECTIONS.sub("", _SURROGATES.sub("\ufffd", text[: 4 * limit]))
    return " ".join(_CONTROLS.sub(" ", text).split())[:limit].rstrip()


def clean_text(text: str) -> str:
    """Return a text without controls, with a line feed after each line."""
    text = _LINE_ENDS.sub("\n", _SURROGATES.sub("\ufffd", text))
    return _CONTROLS.sub("", text).rstrip("\n") + "\n"


def clean_address(address: str) -> str:
    """Return an address for SMTP, its domain in ASCII; raise UnsafeMail for an invalid one.

    The local part may have dots anywhere, since some providers gave out such addresses.
    """
    local, _, domain = address.strip().rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise UnsafeMail("the address has no domain that can be written") from error
    address_text = f"{local}@{domain}"
    if (
        len(address_text) > _MAX_ADDRESS_CHARS
        or _ENCODED in address_text
        or not _ADDRESS.fullmatch(address_text)
    ):
        raise UnsafeMail("it is not a mail address that can be written")
    return address_text


def clean_ids(identifiers: tuple[str, ...]) -> list[str]:
    """Return the valid Message-IDs, each once, in their order."""
    ids = [
        i for i in identifiers if len(i) <= MAX_ID_CHARS and _ENCODED not in i and _ID.fullmatch(i)
    ]
    return list(dict.fromkeys(ids))


def _headers_of(mail: OutgoingMail) -> list[tuple[str, str]]:
    """Return the headers in order, as their reader should see them."""
    sender, recipient = clean_address(mail.sender), clean_address(mail.recipient)
    own = clean_ids((mail.message_id,))
    if not own:
        raise UnsafeMail("its own Message-ID can't be written")
    name = clean_line(mail.sender_name, MAX_SUBJECT_CHARS)
    parent = clean_ids((mail.in_reply_to,))
    chain = clean_ids((*mail.references, *parent)) if parent else []
    headers = [
        ("From", f"{_phrase(name)} <{sender}>" if name else sender),
        ("To", recipient),
        ("Subject", clean_line(mail.subject, MAX_SUBJECT_CHARS)),
        ("Date", format_datetime(mail.date)),
        ("Message-ID", own[0]),
    ]
    if parent:
        headers.append(("In-Reply-To", parent[0]))
        headers.append(("References", " ".join([*chain[:1], *chain[1:][-_MAX_REFERENCES:]])))
    headers.append(("X-Santral-Sent", sender.rpartition("@")[2]))
    if mail.automatic:
        headers.append(("Auto-Submitted", "auto-replied"))
        headers.append(("X-Auto-Response-Suppress", "All"))
        headers.append(("Precedence", "bulk"))
    headers.append(("MIME-Version", "1.0"))
    headers.append(("Content-Type", 'text/plain; charset="utf-8"'))
    headers.append(("Content-Transfer-Encoding", "quoted-printable"))
    return headers


def _phrase(name: str) -> str:
    """Return a display name: atoms, a quoted string, or encoded words (RFC 5322, 3.4)."""
    if _ATOMS.fullmatch(name) and _ENCODED not in name and len(name) < _LINE_CHARS:
        return name
    if _PLAIN.fullmatch(name) and _ENCODED not in name and len(name) < _LINE_CHARS:
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return " ".join(_encoded_words(name))


def _field(name: str, value: str) -> str:
    """Return a header's bytes: encoded where necessary, folded at spaces."""
    words = value.split(" ")
    plain = _PLAIN.fullmatch(value) and (name != "Subject" or _ENCODED not in value)
    if not plain or (name == "Subject" and max(map(len, words)) > _LINE_CHARS - 2):
        words = _encoded_words(value)
    lines, line = [], f"{name}:"
    for word in words:
        if len(line) + 1 + len(word) > _LINE_CHARS and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line])


def _encoded_words(text: str) -> list[str]:
    """Return a text as encoded words in base64 that never split a character (RFC 2047, 5)."""
    words, chunk = [], b""
    for character in text:
        data = character.encode()
        if len(chunk) + len(data) > _WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += data
    return [f"=?utf-8?b?{base64.b64encode(p).decode()}?=" for p in (*words, chunk) if p]


def _difference(raw: bytes, intended: list[tuple[str, str]], body: str) -> str:
    """Return the first part that does not read back as intended, or an empty string.

    Both of the library's parsers read the bytes: one keeps them, the other decodes them.
    """
    verbatim, decoded = (message_from_bytes(raw, policy=p) for p in (compat32, default))
    names = [name for name, _ in intended]
    if verbatim.keys() != names or decoded.keys() != names:
        return "other headers"
    for name, value in intended:
        written = " ".join(re.sub(r"\r?\n", "", str(verbatim[name])).split(" "))
        if name != "Subject" and written != value:
            return name
    subject = dict(intended)["Subject"]
    if _decoded(str(verbatim["Subject"])) != subject or str(decoded["Subject"]).strip() != subject:
        return "Subject"
    return _body_difference(verbatim, body) or _body_difference(decoded, body)


def _body_difference(parsed: Message, body: str) -> str:
    if parsed.defects or parsed.is_multipart() or parsed.get_content_type() != "text/plain":
        return "the kind of its body"
    data = parsed.get_payload(decode=True)
    if not isinstance(data, bytes) or data.decode().replace("\r\n", "\n") != body:
        return "its body"
    return ""


def _decoded(written: str) -> str:
    """Return the text of a header's encoded words (RFC 2047, 6.2)."""
    parts = decode_header(re.sub(r"\r?\n", "", written))
    return "".join(
        text.decode(charset or "ascii") if isinstance(text, bytes) else text
        for text, charset in parts
    ).strip()
