"""The door for mail servers: LMTP or SMTP, with 250 only after Kafka's ack.

Before: a mail server in front (Postfix, Exchange) that queues and retries. After: intake/accept.py,
with the email channel's parser. Nothing is relayed: an address no account has is refused at RCPT.
Kafka away is 451, a full archive too, and the server in front keeps the mail; no bad mail is ever
answered 5xx, for that would be a bounce: it goes to dead.v1. Source: RFC 2033, RFC 5321, RFC 3463.
"""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, AnyStr, cast

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from ingest.channel import Channel, Delivery
from ingest.door.mail_data import WholeData
from ingest.intake.accept import Ingest
from ingest.parsing.mail.smtp_envelope import with_envelope
from ingest.parsing.mime.header import normal_address
from runtime import metrics
from runtime.http import server as http
from runtime.http.guard import Guard, network_of
from runtime.log import get
from runtime.settings.limits import MIB, LimitsSettings
from runtime.settings.structs import MailDoorSettings
from schemas.errors import ConfigError, Problem, Retry

log = get(__name__)

_LATER = "451 4.3.0 not now, try again"
_GRACE_S = 5.0
_MAX_COMMAND_BYTES = 4 * MIB
"""Largest total of commands without a mail: a thousand of the longest commands, plus the first
bytes of a mail from a client that does not wait for our answer."""


class Receiver:
    """Takes mails for the accounts that own their recipient's address."""

    def __init__(self, ingest: Ingest, channel: Channel[Any], accounts: Mapping[str, Any]) -> None:
        self._ingest, self._channel, self._accounts = ingest, channel, accounts
        self._owners = {
            normal_address(address): name
            for name, settings in accounts.items()
            for address in settings.addresses
        }
        self._begun: set[asyncio.Future[str]] = set()

    def owner(self, address: str) -> str | None:
        """Return the account of an address: by itself, without its plus part, by its domain."""
        plain = normal_address(address.strip("<>"))
        local, _, domain = plain.rpartition("@")
        bare = f"{local.partition('+')[0]}@{domain}"
        return self._owners.get(plain) or self._owners.get(bare) or self._owners.get(f"@{domain}")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Take one recipient a mail: a second one is asked to come again by itself."""
        if self.owner(address) is None:
            metrics.count(
                "santral_messages_rejected_total", channel="email", code="account.unknown"
            )
            return "550 5.1.1 no such address here"
        if envelope.rcpt_tos:
            # One answer after DATA could not tell two apart (aiosmtpd gives one for all).
            return "452 4.5.3 one recipient at a time"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        """Take the mail to Kafka, whether or not the other side waits for the answer."""
        task = asyncio.ensure_future(self._take(envelope))
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        return await asyncio.shield(task)

    async def handle_exception(self, error: Exception) -> str:
        """Answer a bug of ours: the mail stays where it is."""
        log.exception("mail_door.bug", exc_info=error)
        return _LATER

    async def finish(self) -> None:
        """Let what was taken reach Kafka."""
        if self._begun:
            await asyncio.wait(set(self._begun), timeout=_GRACE_S)

    async def _take(self, envelope: Any) -> str:
        to = envelope.rcpt_tos[0]
        account = self.owner(to) or ""
        delivery = Delivery(
            raw=with_envelope(envelope.original_content or b"", envelope.mail_from or "", to),
            account=account,
            received_at=self._ingest.clock.now(),
        )
        try:
            message = await self._ingest.publish(self._channel, delivery, self._accounts[account])
        except Retry as error:
            log.warning("mail_door.later", account=account, why=str(error))
            return _LATER
        return f"250 2.0.0 {message.id if message else 'kept as a dead letter'}"


class _Counted(WholeData):
    """A connection that is counted, as are the bytes of a mail until it is answered."""

    guard: Guard
    _counted = False
    _address = ""
    _held = 0
    _in_mail = False
    _commands = 0
    _command_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, or send it away; STARTTLS comes here a second time."""
        if not self._counted:
            self._address = network_of(str((transport.get_extra_info("peername") or ("",))[0]))
            shared = self.guard.is_proxy(self._address)
            self._counted = self.guard.mails.take(self._address, shared=shared)
        if not self._counted:
            _end(transport, b"421 4.3.2 too many connections, try again later\r\n")
            return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Give back everything."""
        if self._counted:
            self._counted = False
            self.guard.mails.give(self._address)
            self._release()
            super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Take bytes while all connections together hold fewer than the limit."""
        if not self._counted:
            return
        if not self._in_mail:
            self._command_bytes += len(data)
        if self._command_bytes > _MAX_COMMAND_BYTES:
            self._refuse_commands()
            return
        if not self.guard.mail_bytes.take(self._address, len(data)):
            _end(self.transport, b"452 4.3.1 too many mails at once, try again later\r\n")
            return
        self._held += len(data)
        super().data_received(data)

    async def push(self, status: AnyStr) -> None:
        """Answer, and give back the bytes of the mail that was taken or refused.

        Commands that were sent without waiting take turns with everybody else's, and end the
        connection where too many of them bring no mail.
        """
        self._release()
        self._commands += 1
        if self._commands <= self.guard.limits.mail_commands:
            await super().push(status)
        else:
            self._refuse_commands()
        await asyncio.sleep(0)

    def _refuse_commands(self) -> None:
        if self.transport is not None:
            metrics.count("santral_callers_refused_total", reason="mail_commands")
            transport = cast(asyncio.WriteTransport, self.transport)
            transport.write(b"421 4.7.0 too many commands without a mail\r\n")
            transport.abort()

    async def _read_mail(self, limit: int) -> bytes | None:
        self._in_mail = True
        mail = await super()._read_mail(limit)
        self._in_mail, self._commands, self._command_bytes = False, 0, 0
        return mail

    def _release(self) -> None:
        self.guard.mail_bytes.give(self._address, self._held)
        self._held = 0


class _Smtp(_Counted):
    """SMTP with lines of any length: a sender's overlong line must not bounce the mail."""


class _Lmtp(_Counted, LMTP):
    """LMTP with lines of any length."""


def _end(transport: asyncio.BaseTransport | None, answer: bytes) -> None:
    # uvloop's transports are not instances of asyncio's classes.
    writing = cast(asyncio.WriteTransport, transport)
    writing.write(answer)
    writing.close()


def check(settings: MailDoorSettings, accounts: Mapping[str, Any]) -> None:
    """Raise ConfigError when nobody could be written to, two accounts share an address, or a file
    is missing; nothing is wrong with a door that is off."""
    if settings.protocol == "off":
        return
    problems, seen = list[Problem](), dict[str, str]()
    for name, account in accounts.items():
        for address in map(normal_address, account.addresses):
            if address in seen:
                problems.append(
                    Problem(
                        f"[channels.email.{name}] {address} is {seen[address]}'s too. Keep one."
                    )
                )
            seen[address] = name
    problems += [
        Problem(f"[mail_door] {path} is not there. Give the PEM file's path.")
        for path in (settings.certificate, settings.key)
        if path and not Path(path).is_file()
    ]
    if not seen:
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
    """Serve until `stop` is set, then let what was taken reach Kafka."""
    base: type[_Counted] = _Lmtp if settings.protocol == "lmtp" else _Smtp
    named = {"guard": guard or Guard(LimitsSettings()), "line_length_limit": settings.max_mail}
    kind: type[_Counted] = type("Counting", (base,), named)
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

    server = await loop.create_server(session, sock=http.listen(settings.host, settings.port))
    log.info("mail_door.open", protocol=settings.protocol, port=settings.port)
    try:
        await stop.wait()
    finally:
        server.close()
        await receiver.finish()
