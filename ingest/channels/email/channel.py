"""The mail channel: one parser for every way a mail comes in."""

from typing import Literal

from ingest.channel import Context, Delivery, HintKind, MediaClient, Notice, Parsed, build_message
from ingest.channels.email.account import Account
from ingest.channels.email.source import ImapSource
from ingest.parsing.json_values import decode_json
from ingest.parsing.mail.message import CHANNEL, parse_message
from ingest.parsing.mail.smtp_envelope import InBucket, with_envelope
from ingest.source import SourceContext
from ingest.sources.s3 import BucketReader
from schemas.message import Party


class Email:
    """The channel of mails."""

    name = CHANNEL
    takes = "mail by IMAP, LMTP, SMTP and inbound webhooks, with files, forwards, bounces"
    ignores = "nothing; mail of machines is stored, too, and opens no work"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "mailbox"
    account = Account

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message in a raw RFC 5322 mail, or the notice of a mail in a bucket."""
        if delivery.by_reference:
            return _bucket_notice(delivery, context)
        settings = context.settings
        message, files = parse_message(
            delivery.raw,
            brand=(settings.brand if settings else "") or context.brand,
            account=delivery.account,
            received_at=delivery.received_at,
            mailbox=delivery.hint or "",
            position=delivery.position,
            signing_key=context.signing_key,
            domain=settings.domain if settings else "",
        )
        return Parsed(message=message, files=files)

    async def resolve_notice(
        self, ref: str, raw: bytes, settings: Account, web: MediaClient
    ) -> bytes:
        """Return a mail from the account's bucket, with its envelope."""
        notice = decode_json(InBucket, raw)
        mail = await BucketReader(settings.ses_bucket).get(ref)
        return with_envelope(mail, notice.sender, notice.to)

    def pulls(self, settings: Account) -> bool:
        """Return whether the account has a server to fetch from."""
        return bool(settings.host)

    def source(self, account: str, settings: Account, context: SourceContext) -> ImapSource:
        """Return the IMAP source of one account."""
        return ImapSource(account, settings, context)


def _bucket_notice(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the notice of a mail that is still in its bucket."""
    key = decode_json(InBucket, delivery.raw).key
    message = build_message(
        CHANNEL,
        delivery,
        context,
        native_id=key,
        root=key,
        kind="mail",
        sender=Party(),
        text="",
    )
    return Parsed(message=message, notice=Notice(ref=key, bare=True))
