"""The channel of telephone calls."""

from typing import Literal

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.channels.phone.account import Account
from ingest.channels.phone.folder import FolderSource
from ingest.channels.phone.parser import parse_call
from ingest.source import Source, SourceContext
from ingest.sources.s3 import BucketSource
from ingest.vendors.transcription_apis import fetch_transcript


class Phone:
    """The channel of call transcripts."""

    name = "phone"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "file_name"
    account = Account
    takes = "transcripts as vCon, WebVTT, SRT or text, or in the form of a recogniser"
    ignores = "partial results, notices of services without keys, recordings without a transcript"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of a call, or the notice of one whose transcript is elsewhere."""
        return parse_call(delivery, context)

    async def resolve_notice(
        self, ref: str, raw: bytes, settings: Account, web: MediaClient
    ) -> bytes:
        """Return the transcript that a callback named."""
        return await fetch_transcript(ref, settings, web)

    def pulls(self, settings: Account) -> bool:
        """Return whether the account has a folder or a bucket to watch."""
        return bool(settings.folder or settings.bucket.name)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the source of the account: its bucket, or else its folder."""
        if settings.bucket.name:
            return BucketSource("phone", account, settings.bucket, context)
        return FolderSource(account, settings, context)
