"""An SMTP server for tests, which keeps the mails that it gets."""

from email.message import Message as Mail
from email.parser import BytesParser
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from cli.up.ports import free_port


class SmtpServer:
    """An SMTP server that keeps its mails; addresses in `refuse` get that answer."""

    def __init__(self, port: int | None = None) -> None:
        self.mails: list[tuple[str, list[str], Mail]] = []
        self.refuse: dict[str, str] = {}
        self.port = port or free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - as above
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        mail = BytesParser(policy=default).parsebytes(envelope.original_content or b"")
        self.mails.append((envelope.mail_from or "", list(envelope.rcpt_tos), mail))
        return "250 kept"

    def start(self) -> "SmtpServer":
        """Start it in a thread."""
        self._controller.start()
        return self

    def stop(self) -> None:
        """Stop it."""
        self._controller.stop()

    def to(self, address: str) -> list[Mail]:
        """Return the mails that came for an address."""
        return [mail for _, recipients, mail in self.mails if address in recipients]
