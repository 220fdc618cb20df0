"""The settings of one source of transcripts."""

from typing import Annotated, Literal

import msgspec

from ingest.sources.s3 import WatchedBucket
from ingest.vendors.transcription_apis import TranscriptionKeys
from schemas.account_fields import Brand


class Account(TranscriptionKeys, frozen=True, kw_only=True):
    """One source of transcripts: a watched folder or bucket, posted files, or callbacks."""

    brand: Brand = ""
    folder: Annotated[str, msgspec.Meta(description="The watched folder.")] = ""
    bucket: WatchedBucket = WatchedBucket()
    secret: Annotated[
        str, msgspec.Meta(description="The word that proves calls to `/v1/hooks/calls/ACCOUNT`.")
    ] = ""
    secret_header: Annotated[
        str,
        msgspec.Meta(
            description=(
                "The header with that word; empty looks into dg-token, Authorization and "
                "X-Webhook-Secret."
            )
        ),
    ] = ""
    country: Annotated[
        str, msgspec.Meta(description="The country that completes numbers without one.")
    ] = "TR"
    # The audio channels of a recording; Santral's own channels are not meant.
    channels: Annotated[
        dict[str, Literal["customer", "agent", "unknown"]],
        msgspec.Meta(
            description='The speaker of each track: `{ "0" = "customer", "1" = "agent" }`.'
        ),
    ] = msgspec.field(default_factory=dict)
    poll_s: Annotated[
        float, msgspec.Meta(description="The seconds between two looks into the folder.")
    ] = 2.0

    def __post_init__(self) -> None:
        """Raise ValueError for an account that watches both a folder and a bucket."""
        if self.folder and self.bucket.name:
            raise ValueError("set `folder` or `bucket`, not both: an account watches one of them")
