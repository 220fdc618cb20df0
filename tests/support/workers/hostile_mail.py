"""Checks workers/actions/outgoing_mail.py on the interpreter that runs this; standard library only.

Run as `python -m tests.support.workers.hostile_mail [COUNT]`. It prints the numbers of written and
refused mails. It exits with 1 and prints the mail when one says more than intended.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from datetime import datetime, timezone
from email import message_from_bytes
from email.header import decode_header
from email.policy import compat32, default
from email.utils import parseaddr

from workers.actions.outgoing_mail import OutgoingMail, UnsafeMail, clean_line, clean_text, compose

HOSTILE = (
    "=?utf-8?q?=0D=0AReply-To:_oltaci=40kotu.example=0D=0AContent-Type:_text/html=0D=0A=0D=0A<h1>x?=",
    "=?utf-8?b?DQpCY2M6IHhAeQ0KDQo8aDE+?=",
    "=?utf-8?q?=3D=3Futf-8=3Fq=3F=0D=0ABcc=3A_x=3F=3D?=",
    "=?iso-8859-9?q?=FE=0ABcc:?=",
    "=?utf-7?q?+AA0ACg-Bcc:?=",
    "=?x-yok?b?AAAA?=",
    "=?",
    "?=",
    "=?utf-8?q?",
    "\r\nBcc: x@y.example",
    "\nBcc: x@y.example\n\n<h1>",
    "\r",
    "\x00",
    "\x0b",
    "\x1b[2J",
    "\x7f",
    "\x85",
    "\x9b",
    "\u2028Bcc: x",
    "\u2029",
    "\u202egnp.exe",
    "\u2066",
    "\u200f",
    "\ufeff",
    "\ud800",
    "\udfff",
    "\uffff",
    '"',
    "\\",
    '\\"',
    ",",
    ";",
    ":",
    "<x@y>",
    "(yorum",
    "@",
    "Ynt: Re: ",
    "ışığın İĞNESİ",
    "😀👩‍👩‍👧",
    "a" * 3000,
    "ğ " * 900,
    " ",
    "\t",
    ".",
    "\r\n.\r\n",
    "From ",
    "--",
    "=",
    "=0D=0A",
    "\n ",
    "\n\t",
)
"""Pieces with which people and machines try to inject a header."""

ADDRESSES = (
    "ada@ornek.example",
    "a..b@ornek.example",
    "ada@örnek.example",
    "a@",
    "@b",
    "",
    "a b@c",
    "a@b\r\nBcc: x@y",
    "a@b,c@d",
    "<a@b>",
    "=?utf-8?q?=0D=0ABcc:_x?=@b",
    '"a b"@c',
    "a@b\x00",
    "ğ@b",
    "a" * 300 + "@b",
    "a@[1.2.3.4]",
    "a@b c",
    "a\u2028@b",
    "a@" + "ö" * 80,
    "a@b;c",
    "(x)a@b",
    "a@b>",
    "\ud800@b",
)

IDS = (
    "<own@x>",
    "<a@b>\r\nBcc: x",
    "<a b@c>",
    "<=?utf-8?q?=0D=0A?=@x>",
    "<>",
    "yok",
    "<ğ@x>",
    "<" + "a" * 2000 + "@x>",
    "<a@b><c@d>",
    "<a@b\x00>",
    "<a@b\u2028>",
    "",
)

FIXED = ["From", "To", "Subject", "Date", "Message-ID"]
THREAD = ["In-Reply-To", "References"]
MACHINE = ["Auto-Submitted", "X-Auto-Response-Suppress", "Precedence"]
LAST = ["MIME-Version", "Content-Type", "Content-Transfer-Encoding"]

PLAIN = OutgoingMail(
    sender_name="Örnek Destek",
    sender="destek@ornek.example",
    recipient="ada@ornek.example",
    subject="Şikâyet",
    date=datetime(2026, 3, 1, tzinfo=timezone.utc),  # noqa: UP017 - Python 3.9 runs this
    message_id="<santral.1@ornek.example>",
    text="Merhaba",
)


def check(mail: OutgoingMail) -> bool:
    """Say whether the mail was written; raise AssertionError when it says more than intended."""
    try:
        raw = compose(mail)
    except UnsafeMail:
        return False
    head, _, _ = raw.partition(b"\r\n\r\n")
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    for policy in (compat32, default):
        parsed = message_from_bytes(raw, policy=policy)
        names = [n for n in parsed if n not in (*THREAD, *MACHINE)]
        assert names == [*FIXED, "X-Santral-Sent", *LAST], names
        assert ("In-Reply-To" in parsed) == ("References" in parsed)
        assert [n for n in parsed if n in MACHINE] == (MACHINE if mail.automatic else [])
        assert parsed.get_content_type() == "text/plain"
        assert parsed.get_content_charset() == "utf-8"
        data = parsed.get_payload(decode=True)
        assert isinstance(data, bytes)
        assert data.decode().replace("\r\n", "\n") == clean_text(mail.text)
    written = message_from_bytes(raw, policy=compat32)
    parts = decode_header(written["Subject"].replace("\r\n", ""))
    subject = "".join(p.decode(c or "ascii") if isinstance(p, bytes) else p for p, c in parts)
    assert subject.strip() == clean_line(mail.subject, 200)
    unfolded = written["From"].replace("\r\n", "")  # parseaddr reads no folded quoted string
    assert parseaddr(unfolded)[1] == mail.sender
    assert "\n" not in written["To"]
    assert written["To"].count("@") == 1
    assert head.count(b"\r\nTo: ") == 1
    for name in THREAD:
        for identifier in (written[name] or "").split():
            assert identifier in (*mail.references, mail.in_reply_to)
    return True


def mails(count: int, seed: int = 1) -> list[OutgoingMail]:
    """Return the plain mail with one hostile part each, then `count` with several at random."""
    hostile = [replace(PLAIN, subject=h) for h in HOSTILE]
    hostile += [replace(PLAIN, subject=f"Fatura {h} sorunu") for h in HOSTILE]
    hostile += [replace(PLAIN, sender_name=h) for h in HOSTILE]
    hostile += [replace(PLAIN, text=f"{h}\nson") for h in HOSTILE]
    hostile += [replace(PLAIN, recipient=a) for a in ADDRESSES]
    hostile += [replace(PLAIN, in_reply_to=i, references=IDS) for i in IDS]
    hostile += [replace(PLAIN, message_id=i) for i in IDS]
    hostile.append(
        replace(PLAIN, in_reply_to="<own@x>", references=tuple(f"<{n}@x>" for n in range(5000)))
    )
    dice = random.Random(seed)

    def words(most: int) -> str:
        return "".join(dice.choice(HOSTILE) for _ in range(dice.randint(0, most)))

    for _ in range(count):
        hostile.append(
            replace(
                PLAIN,
                subject=words(6),
                sender_name=words(2),
                text=words(8),
                automatic=dice.random() < 0.5,
                in_reply_to=dice.choice(IDS),
                references=tuple(dice.choices(IDS, k=4)),
            )
        )
    return hostile


def main() -> int:
    """Check all of them; return the exit code."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    written = refused = 0
    for mail in mails(count):
        try:
            good = check(mail)
        except AssertionError as error:
            sys.stdout.write(f"says what was not meant: {mail!r}: {error}\n")
            return 1
        written, refused = written + good, refused + (not good)
    version = sys.version.split()[0]
    sys.stdout.write(f"{version}: {written} written, {refused} refused, none says more\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
