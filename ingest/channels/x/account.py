"""The settings of one X app and its account."""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record


class Account(Record, frozen=True, kw_only=True):
    """One app, for one account."""

    brand: Brand = ""
    consumer_secret: Annotated[
        str, msgspec.Meta(description="The app's consumer secret, which proves X's calls.")
    ] = ""
    bearer: Annotated[
        str, msgspec.Meta(description="The bearer token, which reads the stream.")
    ] = ""
    user_id: Annotated[str, msgspec.Meta(description="The account's own id.")] = ""
    stream: Annotated[
        bool,
        msgspec.Meta(
            description="Whether Santral reads the filtered stream, instead of taking calls."
        ),
    ] = False
    answers_anybody: Annotated[
        bool, msgspec.Meta(description="Whether your contract with X allows answers to any post.")
    ] = False
    api: ApiAddress = "https://api.x.com"
