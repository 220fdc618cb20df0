"""The door for mail servers speaks LMTP or SMTP, and answers 250 only after Kafka's ack.

A mail server in front, such as Postfix or Exchange, queues the mails and retries. The door relays
nothing, and refuses at RCPT an address that no account has. While Kafka is away or the archive is
full it answers 451, and the server in front keeps the mail. It never answers 5xx to a bad mail,
which would make a bounce; the mail becomes a dead letter. Source: RFC 2033, RFC 5321, RFC 3463.
"""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import AnyStr, cast

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from ingest.channel import Channel, Delivery
from ingest.channels.email.account import Account
from ingest.door.mail_data import WholeData
from ingest.intake.accept import Ingest
from ingest.parsing.mail.smtp_envelope import with_envelope
from ingest.parsing.mime.header import normalize_address
from runtime import metrics
from runtime.http.guard import Guard, network_of
from runtime.http.server import open_listener
from runtime.log import get
from runtime.settings.limits import MIB, LimitsSettings
from runtime.settings.structs import MailDoorSettings
from schemas.errors import ConfigError, Problem, Retry

log = get(__name__)

_TRY_LATER = "451 4.3.0 not now, try again"
_FINISH_TIMEOUT_S = 5.0  # a sender repeats a mail that gets no answer
_MAX_COMMAND_BYTES = 4 * MIB
"""Largest total of commands without a mail: a thousand of the longest commands, plus the first
bytes of a mail from a client that does not wait for our answer."""


class Receiver:
    """Takes mails for the accounts that own their recipient's address."""

    def __init__(
        self, ingest: Ingest, channel: Channel[Account], accounts: Mapping[str, Account]
    ) -> None:
        self._ingest, self._channel, self._accounts = ingest, channel, accounts
        self._owners = {
            normalize_address(address): name
            for name, settings in accounts.items()
            for address in settings.addresses
        }
        self._tasks: set[asyncio.Future[str]] = set()

    def owner(self, address: str) -> str | None:
        """Return the account that owns an address, or None.

        The address itself comes first, then the one without its tag (`+tag`), then its domain.
        """
        normal = normalize_address(address.strip("<>"))
        local, _, domain = normal.rpartition("@")
        untagged = f"{local.partition('+')[0]}@{domain}"
        owners = self._owners
        return owners.get(normal) or owners.get(untagged) or owners.get(f"@{domain}")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Accept one recipient a mail; the sender repeats the mail for each further one."""
        if self.owner(address) is None:
            metrics.count(
                "santral_messages_rejected_total", channel="email", code="account.unknown"
            )
            return "550 5.1.1 no such address here"
        if envelope.rcpt_tos:
            # aiosmtpd gives one answer after DATA, which could not tell two recipients apart.
            return "452 4.5.3 one recipient at a time"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 ok"

    async def handle_DATA(  # noqa: N802 - as above
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take the mail to Kafka, whether or not the other side waits for the answer."""
        task = asyncio.ensure_future(self._take(envelope))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def handle_exception(self, error: Exception) -> str:
        """Answer a bug of ours, so that the server in front keeps the mail."""
        log.exception("mail_door.bug", exc_info=error)
        return _TRY_LATER

    async def finish(self) -> None:
        """Wait until the mails that were taken are in Kafka."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_FINISH_TIMEOUT_S)

    async def _take(self, envelope: Envelope) -> str:
        """Publish the mail in an envelope; return the answer to the other side."""
        recipient = envelope.rcpt_tos[0]
        account = self.owner(recipient) or ""
        delivery = Delivery(
            raw=with_envelope(
                envelope.original_content or b"", envelope.mail_from or "", recipient
            ),
            account=account,
            received_at=self._ingest.clock.now(),
        )
        try:
            message = await self._ingest.publish_or_bury(
                self._channel, delivery, self._accounts[account]
            )
        except Retry as error:
            log.warning("mail_door.later", account=account, why=str(error))
            return _TRY_LATER
        return f"250 2.0.0 {message.id if message else 'kept as a dead letter'}"


class _GuardedConnection(WholeData):
    """A connection within the guard's limits of connections, of mails' bytes and of commands."""

    guard: Guard
    _is_counted = False
    _address = ""
    _mail_bytes = 0
    _in_mail = False
    _commands = 0
    _command_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, or end it; STARTTLS calls this a second time."""
        if not self._is_counted:
            self._address = network_of(str((transport.get_extra_info("peername") or ("",))[0]))
            shared = self.guard.is_proxy(self._address)
            self._is_counted = self.guard.mails.take(self._address, shared=shared)
        if not self._is_counted:
            _end(transport, b"421 4.3.2 too many connections, try again later\r\n")
            return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Release the connection and its bytes."""
        if self._is_counted:
            self._is_counted = False
            self.guard.mails.give(self._address)
            self._release()
            super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Read bytes while the mails of all connections are within the limit."""
        if not self._is_counted:
            return
        if not self._in_mail:
            self._command_bytes += len(data)
        if self._command_bytes > _MAX_COMMAND_BYTES:
            self._refuse_commands()
            return
        if not self.guard.mail_bytes.take(self._address, len(data)):
            _end(self.transport, b"452 4.3.1 too many mails at once, try again later\r\n")
            return
        self._mail_bytes += len(data)
        super().data_received(data)

    async def push(self, status: AnyStr) -> None:
        """Send an answer, and release the bytes of the mail that it is for.

        A client that does not wait for answers takes turns with all others. Too many commands
        without a mail end its connection.
        """
        self._release()
        self._commands += 1
        if self._commands <= self.guard.limits.mail_commands:
            await super().push(status)
        else:
            self._refuse_commands()
        await asyncio.sleep(0)

    def _refuse_commands(self) -> None:
        """End a connection with too many commands."""
        if self.transport is not None:
            metrics.count("santral_callers_refused_total", reason="mail_commands")
            transport = cast(asyncio.WriteTransport, self.transport)
            transport.write(b"421 4.7.0 too many commands without a mail\r\n")
            transport.abort()

    async def _read_mail(self, limit: int) -> bytes | None:
        """Return a mail, and count commands from zero after it."""
        self._in_mail = True
        mail = await super()._read_mail(limit)
        self._in_mail, self._commands, self._command_bytes = False, 0, 0
        return mail

    def _release(self) -> None:
        self.guard.mail_bytes.give(self._address, self._mail_bytes)
        self._mail_bytes = 0


class _Smtp(_GuardedConnection):
    """SMTP with lines of any length, because an overlong line must not bounce the mail."""


class _Lmtp(_GuardedConnection, LMTP):
    """LMTP with lines of any length."""


def _end(transport: asyncio.BaseTransport | None, answer: bytes) -> None:
    # uvloop's transports are not instances of asyncio's classes.
    writing = cast(asyncio.WriteTransport, transport)
    writing.write(answer)
    writing.close()


def check(settings: MailDoorSettings, accounts: Mapping[str, Account]) -> None:
    """Raise ConfigError when no account has an address, two share one, or a file is missing.

    A door that is off needs none of these.
    """
    if settings.protocol == "off":
        return
    problems, owners = list[Problem](), dict[str, str]()
    for name, account in accounts.items():
        for address in map(normalize_address, account.addresses):
            if address in owners:
                text = f"{address} is {owners[address]}'s too. Keep one."
                problems.append(Problem(f"[channels.email.{name}] {text}"))
            owners[address] = name
    problems += [
        Problem(f"[mail_door] {path} is not there. Give the PEM file's path.")
        for path in (settings.certificate, settings.key)
        if path and not Path(path).is_file()
    ]
    if not owners:
        problems.append(
            Problem(
                f"[mail_door] protocol is {settings.protocol}, but no account has addresses. Give "
                'some: addresses = ["destek@example.com", "@example.com"] in [channels.email.…].'
            )
        )
    if problems:
        raise ConfigError(problems)


async def serve(
    settings: MailDoorSettings, receiver: Receiver, stop: asyncio.Event, guard: Guard | None = None
) -> None:
    """Serve until `stop` is set, then wait until the mails that were taken are in Kafka."""
    base: type[_GuardedConnection] = _Lmtp if settings.protocol == "lmtp" else _Smtp
    attributes = {"guard": guard or Guard(LimitsSettings()), "line_length_limit": settings.max_mail}
    kind: type[_GuardedConnection] = type("Connection", (base,), attributes)
    context = None
    if settings.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings.certificate, settings.key or None)
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return kind(
            receiver,
            data_size_limit=settings.max_mail,
            enable_SMTPUTF8=True,
            ident="santral",
            hostname="santral",
            tls_context=context,
            require_starttls=settings.require_tls,
            loop=loop,
            timeout=300,
        )

    server = await loop.create_server(session, sock=open_listener(settings.host, settings.port))
    log.info("mail_door.open", protocol=settings.protocol, port=settings.port)
    try:
        await stop.wait()
    finally:
        server.close()
        await receiver.finish()
