"""The settings of one Bluesky account and the keywords of its brand."""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record


class Account(Record, frozen=True, kw_only=True):
    """One account, and the keywords that name its brand."""

    brand: Brand = ""
    did: Annotated[str, msgspec.Meta(description="The account's own id, did:plc:….")] = ""
    keywords: Annotated[
        tuple[str, ...], msgspec.Meta(description="Words that name the brand in anybody's post.")
    ] = ()
    jetstream: Annotated[
        str, msgspec.Meta(description="The Jetstream server whose stream is read.")
    ] = "wss://jetstream2.us-east.bsky.network/subscribe"
    api: ApiAddress = "https://public.api.bsky.app"
    pds: Annotated[str, msgspec.Meta(description="The server of the account that answers.")] = (
        "https://bsky.social"
    )
    directory: Annotated[
        str, msgspec.Meta(description="The directory that names the server of an id.")
    ] = "https://plc.directory"
