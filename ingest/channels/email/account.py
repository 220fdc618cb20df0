"""The settings of one mail account: its mailboxes, the mail door and the inbound webhooks."""

from datetime import timedelta
from typing import Annotated

import msgspec

from ingest.sources.oauth import OAuthSettings
from ingest.sources.s3 import BucketSettings
from schemas.account_fields import Brand
from schemas.base import Record


class Account(Record, frozen=True, kw_only=True):
    """One mail account; without `host` it reads no mailbox."""

    host: Annotated[str, msgspec.Meta(description="The IMAP server; empty reads no mailbox.")] = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535, description="The IMAP port.")] = 993
    tls: Annotated[
        bool, msgspec.Meta(description="Whether the connection uses TLS from its start.")
    ] = True
    user: Annotated[str, msgspec.Meta(description="The mailbox's user.")] = ""
    password: Annotated[str, msgspec.Meta(description="The mailbox's password.")] = ""
    oauth: OAuthSettings = OAuthSettings()
    mailboxes: Annotated[tuple[str, ...], msgspec.Meta(description="The folders to read.")] = (
        "INBOX",
    )
    brand: Brand = ""
    poll: Annotated[
        timedelta,
        msgspec.Meta(description="The time between two passes, beside the server's own notices."),
    ] = timedelta(seconds=30)
    timeout: Annotated[
        timedelta, msgspec.Meta(description="The time after which the server counts as silent.")
    ] = timedelta(seconds=60)
    max_mail: Annotated[
        int,
        msgspec.Meta(description="The largest mail in bytes; a larger one becomes a dead letter."),
    ] = 64 * 1024 * 1024
    domain: Annotated[
        str, msgspec.Meta(description="The domain of our own mails, by which a loop is recognised.")
    ] = ""
    addresses: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description=(
                "The addresses (`destek@example.com`) and domains (`@example.com`) that the"
                " mail door takes for this account."
            )
        ),
    ] = ()
    mailgun_key: Annotated[str, msgspec.Meta(description="Mailgun's HTTP webhook signing key.")] = (
        ""
    )
    mailgun_window: Annotated[
        timedelta,
        msgspec.Meta(description="The largest age of the first try of a call of Mailgun."),
    ] = timedelta(minutes=15)
    postmark_password: Annotated[
        str, msgspec.Meta(description="The password in the address of Postmark's webhook.")
    ] = ""
    sendgrid_key: Annotated[
        str, msgspec.Meta(description="The public key of SendGrid's signature policy.")
    ] = ""
    ses_topics: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="The topics of Amazon SNS whose notices are taken."),
    ] = ()
    ses_bucket: BucketSettings = BucketSettings()
