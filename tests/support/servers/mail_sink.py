"""A mail server that counts its mails, and that can be away and come back on its port."""

import threading
from collections import Counter
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from cli.up.ports import free_port


class MailSink:
    """Counts mails by their own text, so that the same answer twice counts as two."""

    def __init__(self) -> None:
        self.port = free_port()
        self.answers: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._controller: Controller | None = None

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        mail = BytesParser(policy=policy.default).parsebytes(envelope.original_content or b"")
        assert isinstance(mail, EmailMessage)
        body = mail.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        with self._lock:
            # An acknowledgement has a null sender (RFC 3834, section 3.3).
            if envelope.mail_from not in ("", "<>"):
                self.answers[answer_key(text)] += 1
            else:
                self.acknowledged[envelope.rcpt_tos[0]] += 1
        return "250 taken"

    def start(self) -> "MailSink":
        """Listen, if it does not yet."""
        if self._controller is not None:
            return self
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()
        return self

    def stop(self) -> None:
        """Refuse connections until `start`; its counts stay."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


def answer_key(text: str) -> str:
    """Return the first line of a mail's text: the words that a test's agent wrote."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
