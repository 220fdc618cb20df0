"""The settings of one LINE official account."""

from typing import Annotated

import msgspec

from schemas.account_fields import Brand
from schemas.base import Record


class Account(Record, frozen=True, kw_only=True):
    """One official account."""

    brand: Brand = ""
    channel_secret: Annotated[
        str, msgspec.Meta(description="The channel secret, which proves LINE's calls.")
    ] = ""
    token: Annotated[
        str, msgspec.Meta(description="The channel access token, which fetches files.")
    ] = ""
    api: Annotated[str, msgspec.Meta(description="The address of LINE's file API.")] = (
        "https://api-data.line.me"
    )
